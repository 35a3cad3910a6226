// A data source that asks a real Prometheus, as Grafana's does: the same steps, macros,
// names of series, and columns of tables.  Grafana's own is a plugin with a part in the
// server, which is not among its libraries.
import { FieldType, rangeUtil, toDataFrame } from '@grafana/data';
import { RuntimeDataSource, sceneGraph } from '@grafana/scenes';
import { from } from 'rxjs';

const API = 'prometheus/api/v1/';
const STEPS_MAX = 11000; // Prometheus refuses more points for a series

// By POST, as Grafana does: a query may be longer than a URL can be.
async function ask(path, parameters) {
  const answer = await fetch(API + path, { method: 'POST', body: new URLSearchParams(parameters) });
  const body = await answer.json();
  if (body.status !== 'success') {
    throw new Error(body.error ?? `Prometheus answers ${answer.status}`);
  }
  return body.data;
}

const escapeRegex = (text) => text.replace(/[\\^$*+?.()|[\]{}]/g, '\\$&').replace(/[\\"]/g, '\\$&');

// How the values of a variable stand in PromQL: one as it is, several as (a|b).
function valueInQuery(value) {
  if (!Array.isArray(value)) {
    return value;
  }
  const escaped = value.map(escapeRegex);
  return escaped.length === 1 ? escaped[0] : `(${escaped.join('|')})`;
}

function interpolate(text, scopedVars, more = {}) {
  const scene = scopedVars.__sceneObject.value.valueOf();
  return sceneGraph.interpolate(scene, text, { ...scopedVars, ...more }, valueInQuery);
}

const number = (text) =>
  ({ '+Inf': Infinity, '-Inf': -Infinity, NaN: NaN })[text] ?? Number(text);

function seriesText(labels) {
  const { __name__: name = '', ...others } = labels;
  const inside = Object.entries(others).map(([key, value]) => `${key}="${value}"`).join(', ');
  return inside ? `${name}{${inside}}` : name;
}

function legend(labels, { legendFormat, expr }) {
  if (!legendFormat || legendFormat === '__auto') {
    return seriesText(labels) || expr;
  }
  return legendFormat.replace(/\{\{\s*(.+?)\s*\}\}/g, (_, label) => labels[label] ?? '');
}

function seriesFrame({ metric, values }, target, step_ms) {
  const name = legend(metric, target);
  return toDataFrame({
    refId: target.refId, name,
    fields: [
      {
        name: 'Time', type: FieldType.time, values: values.map(([time]) => time * 1000),
        config: { interval: step_ms },
      },
      {
        name: 'Value', type: FieldType.number, values: values.map(([, value]) => number(value)),
        labels: metric, config: { displayNameFromDS: name },
      },
    ],
  });
}

function tableFrame(series, { refId }, several) {
  const labels = [...new Set(series.flatMap(({ metric }) => Object.keys(metric)))].sort();
  const column = (name) => ({
    name, type: FieldType.string, config: { filterable: true },
    values: series.map(({ metric }) => metric[name] ?? ''),
  });
  return toDataFrame({
    refId,
    fields: [
      { name: 'Time', type: FieldType.time, values: series.map(({ values }) => values[0][0] * 1000) },
      ...labels.map(column),
      {
        name: several ? `Value #${refId}` : 'Value', type: FieldType.number,
        values: series.map(({ values }) => number(values[0][1])),
      },
    ],
  });
}

// Prometheus' matrix, vector or scalar as series of values.
function asSeries({ resultType, result }) {
  if (resultType === 'scalar') {
    return [{ metric: {}, values: [result] }];
  }
  return result.map(({ metric, value, values }) => ({ metric, values: values ?? [value] }));
}

export class Prometheus extends RuntimeDataSource {
  constructor(scrapeInterval) {
    super('prometheus', 'prometheus');
    this.name = 'Prometheus';
    this.interval = scrapeInterval;
    this.annotations = {
      prepareAnnotation: (annotation) => annotation,
      prepareQuery: ({ expr, step }) => ({ expr, interval: step, range: true, legendFormat: '' }),
      processEvents: (annotation, frames) => from([annotationEvents(annotation, frames)]),
    };
  }

  // Milliseconds from point to point; Grafana never goes below the scrape interval.
  step(request, target) {
    const least = rangeUtil.intervalToMs(target.interval || this.interval);
    const span = request.range.to - request.range.from;
    return Math.max(request.intervalMs, least, Math.ceil(span / STEPS_MAX));
  }

  macros(request, step_ms) {
    const scrape_ms = rangeUtil.intervalToMs(this.interval);
    const rate_ms = Math.max(step_ms + scrape_ms, 4 * scrape_ms);
    const range_ms = request.range.to - request.range.from;
    const macro = (value) => ({ text: value, value });
    return {
      __interval: macro(`${step_ms / 1000}s`),
      __interval_ms: macro(step_ms),
      __rate_interval: macro(`${rate_ms / 1000}s`),
      __range: macro(`${Math.round(range_ms / 1000)}s`),
      __range_s: macro(Math.round(range_ms / 1000)),
      __range_ms: macro(range_ms),
    };
  }

  async query(request) {
    const targets = request.targets.filter(({ hide, expr }) => !hide && expr);
    const several = targets.length > 1;
    const frames = await Promise.all(
      targets.map((target) => this.frames(request, target, several)));
    return { data: frames.flat() };
  }

  async frames(request, target, several) {
    const step_ms = this.step(request, target);
    const query = interpolate(target.expr, request.scopedVars, this.macros(request, step_ms));
    const align = (time) => (Math.floor(time / step_ms) * step_ms) / 1000;
    const data = target.instant
      ? await ask('query', { query, time: request.range.to / 1000 })
      : await ask('query_range', {
        query, step: step_ms / 1000, start: align(request.range.from), end: align(request.range.to),
      });
    const series = asSeries(data);
    if (target.format === 'table') {
      return series.length > 0 ? [tableFrame(series, target, several)] : [];
    }
    return series.map((one) => seriesFrame(one, target, step_ms));
  }

  // The queries of variables: label_values(label), label_values(series, label).
  async metricFindQuery(query, { scopedVars, range }) {
    const text = interpolate(query.query ?? query, scopedVars);
    const parts = /^label_values\((?:(.*),)?\s*([a-zA-Z_]\w*)\s*\)$/s.exec(text.trim());
    if (!parts) {
      throw new Error(`a variable with the query '${text}': only label_values() is known here`);
    }
    const values = await ask(`label/${parts[2]}/values`, {
      ...(parts[1] && { 'match[]': parts[1] }), start: range.from / 1000, end: range.to / 1000,
    });
    return values.map((value) => ({ text: value, value }));
  }
}

// Wherever the query has a value there is a mark; marks that follow each other are one.
function annotationEvents(annotation, frames) {
  const fill = (format, labels) =>
    (format ?? '').replace(/\{\{\s*(.+?)\s*\}\}/g, (_, label) => labels[label] ?? '');
  return frames.flatMap(({ fields: [time, value] }) => {
    const step_ms = time.config.interval;
    const present = time.values.filter((_, at) => value.values[at] > 0);
    const starts = present.filter((at, index) => !(at - present[index - 1] <= step_ms));
    return starts.map((at) => ({
      time: at, source: annotation, color: annotation.iconColor,
      title: fill(annotation.titleFormat, value.labels),
      text: fill(annotation.textFormat, value.labels),
    }));
  });
}
