// Draws the dashboards from what a Prometheus has: see --help, or `make screenshots`.
import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs, promisify } from 'node:util';

import { bundle } from './build.mjs';
import { draw, launch, proxy } from './page.mjs';

const HELP = `node screenshots.mjs --prometheus URL --out FOLDER [option ...]
  --dashboard NAME ...     fleet, guest or exporter; all of them unless it is said
  --var DASHBOARD.NAME=VALUE ...   the values of variables, as --var guest.domain=web
  --period 1h              how far back the pictures reach
  --scrape-interval 15s    of that Prometheus
  --theme dark             or light
`;
const DASHBOARDS = fileURLToPath(new URL('..', import.meta.url));
const NAMES = ['fleet', 'guest', 'exporter'];
// The first whose file is small enough for a repository.
const SCALES = [1.5, 1.25, 1];
const LARGEST_BYTES = 400_000;
const COLORS = ['96', '--speed', '1', '--strip', '--force'];

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

// Those of one dashboard, by name.
function variablesOf(dashboard) {
  const pattern = new RegExp(`^${dashboard}\\.(\\w+)=(.*)$`, 's');
  return Object.fromEntries(options.var.map((one) => pattern.exec(one)?.slice(1)).filter(Boolean));
}

// {bytes, complaints, notes} of the file.
async function write(browser, folder, name, file, scale) {
  const dashboard = JSON.parse(await readFile(path.join(DASHBOARDS, `${name}.json`), 'utf8'));
  const { png, ...found } = await draw(browser, {
    folder, dashboard, scale, prometheus: proxy(options.prometheus), theme: options.theme,
    from: `now-${options.period}`, to: 'now', scrapeInterval: options['scrape-interval'],
    variables: variablesOf(name), links: dashboard.links.length > 0 ? ['Fleet', 'Guest', 'Exporter'] : [],
  });
  await writeFile(file, png);
  await promisify(execFile)('pngquant', [...COLORS, '--output', file, file]);
  return { ...found, bytes: (await stat(file)).size };
}

// true when nothing is to complain of.
async function picture(browser, folder, name) {
  const file = path.join(options.out, `dashboard-${name}.png`);
  let found = null;
  for (const scale of SCALES) {
    found = await write(browser, folder, name, file, scale);
    if (found.bytes <= LARGEST_BYTES) {
      break;
    }
  }
  const { bytes, complaints, notes } = found;
  console.log([
    `${file}: ${Math.ceil(bytes / 1000)} kB`, ...notes.map((note) => `  empty: ${note}`),
    ...complaints.map((complaint) => `  WRONG: ${complaint}`),
  ].join('\n'));
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
