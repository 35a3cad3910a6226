// Draws the dashboards from what a Prometheus has: see --help, or `make screenshots`.
import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs, promisify } from 'node:util';

import { bundle } from './build.mjs';
import { draw, launch, proxy } from './page.mjs';

const HELP = `node screenshots.mjs --prometheus URL --out FOLDER [option ...]
  --dashboard NAME ...     fleet, guest or exporter; all of them unless it is said
  --var NAME=VALUE ...     the values of variables, as --var domain=web
  --period 1h              how far back the pictures reach
  --scrape-interval 15s    of that Prometheus
  --theme dark             or light
`;
const DASHBOARDS = fileURLToPath(new URL('..', import.meta.url));
const NAMES = ['fleet', 'guest', 'exporter'];
const COLORS = ['--quality', '70-98', '--speed', '1', '--strip', '--force'];

const { values: options } = parseArgs({
  options: {
    help: { type: 'boolean' }, prometheus: { type: 'string' }, out: { type: 'string' },
    dashboard: { type: 'string', multiple: true, default: NAMES },
    var: { type: 'string', multiple: true, default: [] },
    period: { type: 'string', default: '1h' },
    'scrape-interval': { type: 'string', default: '15s' },
    theme: { type: 'string', default: 'dark' },
  },
});

async function write(file, png) {
  await writeFile(file, png);
  await promisify(execFile)('pngquant', [...COLORS, '--output', file, file]);
}

// true when nothing is to complain of.
async function picture(browser, folder, name) {
  const dashboard = JSON.parse(await readFile(path.join(DASHBOARDS, `${name}.json`), 'utf8'));
  const { complaints, notes, png } = await draw(browser, {
    folder, dashboard, prometheus: proxy(options.prometheus), theme: options.theme,
    from: `now-${options.period}`, to: 'now', scrapeInterval: options['scrape-interval'],
    variables: Object.fromEntries(options.var.map((one) => one.split(/=(.*)/s))),
    links: dashboard.links.length > 0 ? ['Fleet', 'Guest', 'Exporter'] : [],
  });
  const file = path.join(options.out, `dashboard-${name}.png`);
  await write(file, png);
  console.log(`${file}\n${notes.map((note) => `  empty: ${note}\n`).join('')}`
    + complaints.map((complaint) => `  WRONG: ${complaint}\n`).join(''));
  return complaints.length === 0;
}

async function main() {
  if (options.help || !options.prometheus || !options.out) {
    console.log(HELP);
    return options.help ? 0 : 2;
  }
  const folder = await mkdtemp(path.join(os.tmpdir(), 'qga-render-'));
  const browser = await launch();
  try {
    await bundle(folder);
    await mkdir(options.out, { recursive: true });
    let good = true;
    for (const name of options.dashboard) {
      good = await picture(browser, folder, name) && good;
    }
    return good ? 0 : 1;
  } finally {
    await browser.close();
    await rm(folder, { recursive: true });
  }
}

process.exitCode = await main();
