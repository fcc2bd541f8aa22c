import adapter from '@sveltejs/adapter-static';
import { sveltekit } from '@sveltejs/kit/vite';
import tailwindcss from '@tailwindcss/vite';
import packageJson from './package.json' with { type: 'json' };
import { defineConfig } from 'vitest/config';

export default defineConfig({
  plugins: [
    tailwindcss(),
    sveltekit({
      // The server sends index.html for every address that is no file: the app finds its own page.
      adapter: adapter({
        pages: '../src/image2model/webapp',
        fallback: 'index.html',
        precompress: true,
      }),
      compilerOptions: { runes: true },
      version: { name: packageJson.version },
    }),
  ],
  // The notices that the licences of what is bundled ask for.
  build: { target: 'es2022', license: { fileName: 'third-party-licenses.md' } },
  server: { proxy: { '/api': 'http://127.0.0.1:8000' } },
  test: { include: ['src/**/*.test.ts'], environment: 'node' },
});
