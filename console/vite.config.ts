import { defineConfig } from 'vite';

// `npm run dev` shows the page of a sidecar that runs with its default admin port; `make dev` has a sidecar of its own.
const admin = process.env.RUSTECHO_DEV_ADMIN ?? 'http://127.0.0.1:6002';

export default defineConfig({
  // Scripts and styles are files of their own: the page's content security policy allows nothing inline.
  build: { outDir: 'dist/app', emptyOutDir: true, assetsInlineLimit: 0, modulePreload: { polyfill: false } },
  server: { proxy: { '/api': admin, '/ready': admin } },
});
