const api = process.env.API;

export default {
  skipTrailingSlashRedirect: true,
  rewrites: async () => ["auth", "notes", "page", "static"].flatMap((name) => [
    { source: `/${name}`, destination: `${api}/${name}` },
    { source: `/${name}/:path*`, destination: `${api}/${name}/:path*` },
  ]),
};
