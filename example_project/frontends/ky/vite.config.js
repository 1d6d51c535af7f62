const django = process.env.DJANGO ?? "http://127.0.0.1:8000";

export default { server: { proxy: { "/auth/": django, "/api/": django } } };
