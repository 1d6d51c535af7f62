const django = process.env.DJANGO ?? "http://127.0.0.1:8000";

export default {
  build: { rollupOptions: { input: ["index.html", "auth-refresh.html"] } },
  server: { proxy: { "/auth/": django, "/api/": django } },
};
