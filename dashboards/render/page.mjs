// Draws a dashboard in a browser: serves the page with what it asks for, waits until every
// panel has its data, says what is wrong with any of them, and takes the picture.
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import http from 'node:http';
import path from 'node:path';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import puppeteer from 'puppeteer-core';

const MODULES = fileURLToPath(new URL('node_modules/', import.meta.url));
const CHROMIUM = process.env.CHROMIUM ?? '/usr/bin/chromium';
const TYPES = { '.html': 'text/html', '.js': 'text/javascript', '.css': 'text/css', '.svg': 'image/svg+xml' };
const WAIT_MS = 150_000;
const PICTURES_MAX = 20;

// Where Grafana's libraries look for icons and fonts, and where they are here.
const PUBLIC = [
  [/^\/public\/build\/img\/icons\/([\w/-]+\.svg)$/, '@grafana/ui/dist/public/img/icons/$1'],
  [/^\/public\/fonts\/inter\/Inter-(?:Regular|Medium)\.woff2$/,
    '@fontsource-variable/inter/files/inter-latin-wght-normal.woff2'],
  [/^\/public\/fonts\/inter\/Inter-(?:Medium)?Italic\.woff2$/,
    '@fontsource-variable/inter/files/inter-latin-wght-italic.woff2'],
  [/^\/public\/fonts\/roboto\/[\w-]+\.woff2$/,
    '@fontsource/roboto-mono/files/roboto-mono-latin-400-normal.woff2'],
];

function fileOf(url, folder) {
  const found = PUBLIC.find(([pattern]) => pattern.test(url));
  if (found) {
    return path.join(MODULES, url.replace(...found));
  }
  return path.join(folder, url === '/' ? 'index.html' : path.basename(url));
}

// A Prometheus behind its URL, as a function from path and parameters to its answer.
export const proxy = (base) => async (pathname, parameters) => {
  const isQuery = /\/query(_range)?$/.test(pathname);
  try {
    const answer = isQuery
      ? await fetch(base + pathname, { method: 'POST', body: parameters })
      : await fetch(`${base}${pathname}?${parameters}`);
    return { status: answer.status, body: await answer.text() };
  } catch (error) {
    const why = `no Prometheus at ${base}: ${error.cause?.message ?? error.message}`;
    return { status: 502, body: JSON.stringify({ status: 'error', error: why }) };
  }
};

function serve(folder, prometheus) {
  const answer = async (request, response) => {
    const { pathname } = new URL(request.url, 'http://localhost');
    if (pathname.startsWith('/prometheus/')) {
      const parameters = new URLSearchParams(await text(request));
      const { status, body } = await prometheus(pathname.replace('/prometheus', ''), parameters);
      return response.writeHead(status, { 'content-type': 'application/json' }).end(body);
    }
    const file = fileOf(pathname, folder);
    const content = await readFile(file);
    const type = TYPES[path.extname(file)] ?? 'application/octet-stream';
    return response.writeHead(200, { 'content-type': type }).end(content);
  };
  const server = http.createServer((request, response) =>
    answer(request, response).catch((error) => response.writeHead(404).end(error.message)));
  return new Promise((resolve) => {
    server.listen(0, '127.0.0.1', () => resolve(server));
  });
}

export function launch() {
  if (!existsSync(CHROMIUM)) {
    throw new Error(`${CHROMIUM} is missing: run scripts/install-packages screenshots`);
  }
  return puppeteer.launch({
    executablePath: CHROMIUM, headless: true,
    args: ['--no-sandbox', '--disable-gpu', '--hide-scrollbars', '--force-color-profile=srgb'],
  });
}

// What a reader of the picture would find wrong, and what is empty and says so in words of
// the dashboard.  Runs in the page.
function judge() {
  const failed = window.renderState().filter(({ state }) => state !== 'Done');
  const titleOf = (element) => element.closest('section').querySelector('h2').textContent;
  const empty = (wanted) => [...document.querySelectorAll(`[data-no-data=${wanted}]`)]
    .filter((element) => !failed.some(({ title }) => title === titleOf(element)))
    .map((element) => `${titleOf(element)}: ${element.textContent}`);
  const alerts = [...document.querySelectorAll('[data-testid="data-testid Alert error"]')];
  return {
    complaints: [
      ...failed.map(({ title, state }) => `${title}: ${state}`), ...empty(true),
      ...alerts.map((alert) => alert.textContent),
    ],
    notes: empty(false),
  };
}

async function settle(page) {
  await page.waitForFunction(() => window.renderState?.().every(({ state }) => state !== 'Loading'),
    { timeout: WAIT_MS });
  // The whole page in the window: charts get their final size, then nothing moves any more.
  const height = await page.evaluate(() => document.getElementById('root').scrollHeight);
  await page.setViewport({ ...page.viewport(), height });
  await page.evaluate(() => document.fonts.ready);
  await page.waitForNetworkIdle({ idleTime: 500, timeout: WAIT_MS });
  await page.waitForFunction(() => window.renderState().every(({ state }) => state !== 'Loading'),
    { timeout: WAIT_MS });
  await page.evaluate(() => new Promise((resolve) => {
    requestAnimationFrame(() => requestAnimationFrame(resolve));
  }));
}

// The browser may paint late what it has laid out long before, on a busy machine.
async function picture(page) {
  let last = null;
  for (let tries = 0; tries < PICTURES_MAX; tries++) {
    const png = await page.screenshot({ captureBeyondViewport: false });
    if (last && Buffer.compare(png, last) === 0) {
      return png;
    }
    last = png;
  }
  throw new Error(`${PICTURES_MAX} pictures, and each is another one`);
}

// {complaints, notes, words, png}; options: dashboard, from, to, theme, scrapeInterval, variables, links.
export async function draw(browser, { folder, prometheus, width = 1600, scale = 1.5, ...options }) {
  const server = await serve(folder, prometheus);
  const page = await browser.newPage();
  const errors = [];
  page.on('pageerror', (error) => errors.push(`page: ${error.stack ?? error}`));
  if (process.env.VERBOSE) {
    page.on('console', (message) => console.error(message.text()));
  }
  try {
    await page.setViewport({ width, height: 1200, deviceScaleFactor: scale });
    await page.evaluateOnNewDocument((given) => { window.render = given; }, options);
    await page.goto(`http://127.0.0.1:${server.address().port}/`, { timeout: WAIT_MS });
    await settle(page);
    const { complaints, notes } = await page.evaluate(judge);
    return {
      complaints: [...errors, ...complaints], notes, png: await picture(page),
      words: await page.evaluate(() => document.body.innerText),
    };
  } catch (error) {
    throw new Error([error.message, ...errors].join('\n'));
  } finally {
    await page.close();
    server.close();
    server.closeAllConnections();
  }
}
