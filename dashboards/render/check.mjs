// Whether the pictures can be trusted: a sample of every kind of panel is drawn from canned
// answers of a Prometheus, and the page must hold the texts which Grafana would show.  What
// is wrong in a dashboard must be complained of.  `make screenshots-check`
import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import test from 'node:test';

import { bundle } from './build.mjs';
import { draw, launch } from './page.mjs';

const sample = JSON.parse(await readFile(new URL('sample.json', import.meta.url), 'utf8'));
const asked = [];

// name of the series: its labels and its value at the time x (0 to 1)
const SERIES = {
  bytes: [[{ domain: 'web' }, (x) => 2 ** 20 * (60 - 20 * x)], [{ domain: 'db' }, () => 3 * 2 ** 20]],
  share: [[{ domain: 'web', disk: 'vda' }, () => 0.25], [{ domain: 'db', disk: 'vda' }, () => 0.985]],
  state: [[{ domain: 'web' }, (x) => (x < 0.5 ? 1 : 2)], [{ domain: 'db' }, () => 1]],
  info: [[{ domain: 'web', version: '10.0.13' }, () => 1], [{ domain: 'db', version: '7.2.22' }, () => 1]],
  nothing: [],
};

function values(labels, value, query) {
  if (query.get('time')) {
    return { metric: labels, value: [Number(query.get('time')), String(value(1))] };
  }
  const [start, end, step] = ['start', 'end', 'step'].map((name) => Number(query.get(name)));
  const times = Array.from({ length: Math.floor((end - start) / step) + 1 }, (_, at) => start + at * step);
  return {
    metric: labels, values: times.map((time) => [time, String(value((time - start) / (end - start)))]),
  };
}

async function canned(pathname, query) {
  const answer = (status, body) => ({ status, body: JSON.stringify(body) });
  if (pathname.endsWith('/label/domain/values')) {
    return answer(200, { status: 'success', data: ['db', 'web'] });
  }
  if (query.get('query').startsWith('bytes')) {
    asked.push(query.get('query'));
  }
  const name = /^\w+/.exec(query.get('query'))[0];
  if (!SERIES[name]) {
    return answer(400, { status: 'error', error: `no series ${name}` });
  }
  const result = SERIES[name].map(([labels, value]) => values(labels, value, query));
  const resultType = query.get('time') ? 'vector' : 'matrix';
  return answer(200, { status: 'success', data: { resultType, result } });
}

const panelsOf = (...titles) => ({
  ...sample, panels: sample.panels.filter(({ title }) => titles.includes(title)),
});

const changed = (title, change) => {
  const copy = structuredClone(panelsOf(title));
  change(copy.panels[0]);
  return copy;
};

test('the pictures', async (t) => {
  const folder = await mkdtemp(path.join(os.tmpdir(), 'qga-render-'));
  const browser = await launch();
  const drawn = (dashboard, more = {}) => draw(browser, {
    folder, dashboard, prometheus: canned, from: 'now-1h', to: 'now', theme: 'dark',
    scrapeInterval: '15s', ...more,
  });
  t.after(async () => {
    await browser.close();
    await rm(folder, { recursive: true });
  });
  await bundle(folder);

  await t.test('every kind of panel is drawn', async () => {
    const { complaints, notes, words, png } = await drawn(sample);
    assert.deepEqual(complaints, []);
    assert.deepEqual(notes, ['Nothing: all is well']);
    assert.ok(png.length > 50_000);
    for (const shown of [
      'Sample', 'Open row', 'Data source', 'Guest', // the dashboard and its variables
      '40 MiB', // a stat: the last value, with its unit
      'MiB', 'web', 'Mean', // a time series: its axis, and its legend with calculations
      '25.0%', '98.5%', // gauges
      'good', 'bad', // a state timeline's legend: mapped values
      'Version', '10.0.13', '7.2.22', 'Used', // a table: merged, columns renamed
      'Bold', // a text
    ]) {
      assert.ok(words.includes(shown), `'${shown}' is not in the page`);
    }
    for (const hidden of ['Value #A', '__name__', 'vda', '{{']) {
      assert.ok(!words.includes(hidden), `'${hidden}' is in the page`);
    }
  });

  await t.test('variables and macros are filled in', async () => {
    asked.length = 0;
    await drawn(panelsOf('Lines'));
    assert.deepEqual(asked, ['bytes{domain=~".+"}[60s]']);
    asked.length = 0;
    await drawn(panelsOf('Lines'), { variables: { domain: 'web' } });
    assert.deepEqual(asked, ['bytes{domain=~"web"}[60s]']);
  });

  await t.test('a query may be longer than a URL', async () => {
    const long = `bytes{domain!="${'x'.repeat(40_000)}"}`;
    asked.length = 0;
    const { complaints } = await drawn(changed('Lines', (panel) => {
      panel.targets[0].expr = long;
    }));
    assert.deepEqual(complaints, []);
    assert.deepEqual(asked, [long]);
  });

  await t.test('a closed row asks nothing, and nobody waits for it', async () => {
    const panel = panelsOf('Lines').panels[0];
    const row = { ...sample.panels.find(({ type }) => type === 'row'), title: 'Closed', collapsed: true };
    asked.length = 0;
    const { complaints, words } = await drawn({ ...sample, panels: [{ ...row, panels: [panel] }] });
    assert.deepEqual(complaints, []);
    assert.ok(words.includes('Closed') && !words.includes('Lines'));
    assert.deepEqual(asked, []);
  });

  await t.test('a query that fails is complained of', async () => {
    const { complaints } = await drawn(changed('Lines', (panel) => {
      panel.targets[0].expr = 'unheard_of';
    }));
    assert.deepEqual(complaints, ['Lines: Error: no series unheard_of']);
  });

  for (const title of ['Lines', 'Stat', 'Bars', 'Gauge', 'States', 'Table']) {
    await t.test(`no data is complained of: ${title}`, async () => {
      const { complaints } = await drawn(changed(title, (panel) => {
        panel.targets.forEach((target) => { target.expr = 'nothing'; });
        delete panel.fieldConfig.defaults.noValue;
      }));
      assert.deepEqual(complaints, [`${title}: No data`]);
    });
  }

  await t.test('a panel of an unknown kind is complained of', async () => {
    const { complaints } = await drawn(changed('Stat', (panel) => { panel.type = 'pie'; }));
    assert.equal(complaints.length, 1);
    assert.match(complaints[0], /pie/);
  });
});
