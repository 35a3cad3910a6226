// Bundles the page: node build.mjs FOLDER
import { build } from 'esbuild';
import { copyFile, mkdir } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import path from 'node:path';

const here = path.dirname(fileURLToPath(import.meta.url));

export async function bundle(folder) {
  await mkdir(folder, { recursive: true });
  await build({
    entryPoints: { render: path.join(here, 'src/main.jsx') },
    outdir: folder, bundle: true, minify: true, format: 'iife', target: 'es2022', jsx: 'automatic',
    logLevel: 'error',
    define: { 'process.env.NODE_ENV': '"production"', global: 'window' },
    loader: { '.ttf': 'dataurl', '.svg': 'dataurl', '.woff2': 'dataurl' },
  });
  await copyFile(path.join(here, 'src/index.html'), path.join(folder, 'index.html'));
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  await bundle(process.argv[2]);
}
