import type { NextConfig } from "next";

const django = process.env.API_URL ?? "http://127.0.0.1:8000";

export default {
  skipTrailingSlashRedirect: true, // Django's addresses end in a slash
  rewrites: async () => [
    { source: "/auth/:path*", destination: `${django}/auth/:path*` },
    { source: "/api/:path*/", destination: `${django}/api/:path*/` },
  ],
} satisfies NextConfig;
