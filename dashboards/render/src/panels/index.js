// Grafana's panels by the names that dashboards have for them.  The panels themselves are
// plugins inside Grafana and not among its libraries; each of ours gives the library's
// component what the dashboard says.
import { PanelPlugin } from '@grafana/data';
import { sceneUtils } from '@grafana/scenes';

import { fieldOption } from '../environment.js';
import { BarGaugePanel } from './bargauge.jsx';
import { GaugePanel } from './gauge.jsx';
import { StatPanel } from './stat.jsx';
import { StateTimelinePanel } from './statetimeline.jsx';
import { TablePanel } from './table.jsx';
import { TextPanel } from './text.jsx';
import { TimeSeriesPanel } from './timeseries.jsx';

// What fieldConfig.custom may hold, with Grafana's defaults.
const GRAPH = {
  drawStyle: 'line', lineInterpolation: 'linear', lineWidth: 1, lineStyle: undefined,
  fillOpacity: 0, fillBelowTo: undefined, gradientMode: 'none', barAlignment: 0,
  barWidthFactor: 0.6, barMaxWidth: undefined, showPoints: 'auto', pointSize: 5, spanNulls: false,
  insertNulls: false, stacking: { mode: 'none', group: 'A' }, thresholdsStyle: { mode: 'off' },
  axisPlacement: 'auto', axisLabel: '', axisColorMode: 'text', axisBorderShow: false,
  axisCenteredZero: false, axisWidth: undefined, axisSoftMin: undefined, axisSoftMax: undefined,
  axisGridShow: undefined, scaleDistribution: { type: 'linear' }, transform: undefined,
  hideFrom: { tooltip: false, viz: false, legend: false },
};
const TIMELINE = {
  fillOpacity: 70, lineWidth: 0, insertNulls: false,
  hideFrom: { tooltip: false, viz: false, legend: false },
};
const TABLE = {
  align: 'auto', cellOptions: { type: 'auto' }, filterable: false, inspect: false,
  minWidth: undefined, width: undefined, wrapText: undefined, wrapHeaderText: undefined,
  footer: { reducers: [] }, hideFrom: { viz: false },
};

function plugin(component, custom = {}) {
  return new PanelPlugin(component).useFieldConfig({
    useCustomConfig: (builder) => Object.entries(custom).forEach(([path, defaultValue]) =>
      builder.addCustomEditor(fieldOption(path, undefined, { defaultValue }))),
  });
}

const panels = {
  timeseries: plugin(TimeSeriesPanel, GRAPH),
  stat: plugin(StatPanel),
  gauge: plugin(GaugePanel),
  bargauge: plugin(BarGaugePanel),
  table: plugin(TablePanel, TABLE),
  'state-timeline': plugin(StateTimelinePanel, TIMELINE),
  text: plugin(TextPanel),
};

export function registerPanels() {
  Object.entries(panels).forEach(([pluginId, panel]) => {
    sceneUtils.registerRuntimePanelPlugin({ pluginId, plugin: panel });
    panel.meta.skipDataQuery = pluginId === 'text';
  });
}
