import react from "@vitejs/plugin-react";
import { defineConfig } from "vite";

const django = process.env.DJANGO ?? "http://127.0.0.1:8000";

export default defineConfig({
  plugins: [react()],
  server: { proxy: { "/auth": django, "/api": django } },
});
