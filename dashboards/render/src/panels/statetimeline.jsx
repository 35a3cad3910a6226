// A state timeline in the style of Grafana's, drawn with the plot, axes and legend of
// @grafana/ui; its own panel is a plugin inside Grafana and not among its libraries.
import { FieldType, formattedValueToString, getFieldDisplayName } from '@grafana/data';
import { AxisPlacement, LegendDisplayMode, ScaleDirection, ScaleOrientation } from '@grafana/schema';
import {
  UPLOT_AXIS_FONT_SIZE, UPlotChart, UPlotConfigBuilder, useTheme2, VizLayout, VizLegend,
} from '@grafana/ui';
import { useMemo } from 'react';
import tinycolor from 'tinycolor2';

import { NoData } from './nodata.jsx';

// A value holds until the next sample, or for one step where that is missing.
function spans({ fields }, field) {
  const time = fields.find(({ type }) => type === FieldType.time);
  const step_ms = time.config.interval ?? Infinity;
  const found = [];
  time.values.forEach((from, at) => {
    if (field.values[at] == null) {
      return;
    }
    const to = Math.min(time.values[at + 1] ?? from + step_ms, from + step_ms);
    const { color, ...shown } = field.display(field.values[at]);
    const text = formattedValueToString(shown);
    const last = found.at(-1);
    if (last && last.text === text && last.to >= from) {
      last.to = to;
    } else {
      found.push({ from, to, text, color });
    }
  });
  return found;
}

function timelines(frames) {
  return frames.flatMap((frame) => frame.fields
    .filter(({ type, config }) => type !== FieldType.time && !config.custom?.hideFrom?.viz)
    .map((field) => ({
      name: getFieldDisplayName(field, frame, frames), spans: spans(frame, field),
      opacity: (field.config.custom?.fillOpacity ?? 70) / 100,
    })));
}

function drawText(context, text, left, right, middle, color) {
  const padding = 6 * devicePixelRatio;
  if (context.measureText(text).width + 2 * padding <= right - left) {
    context.fillStyle = color;
    context.fillText(text, left + padding, middle);
  }
}

function drawRows(plot, rows, { rowHeight = 0.9, showValue }, theme) {
  const { ctx: context, bbox } = plot;
  const height = bbox.height / rows.length;
  const inside = (x) => Math.min(bbox.left + bbox.width, Math.max(bbox.left, x));
  context.save();
  context.font = `500 ${UPLOT_AXIS_FONT_SIZE * devicePixelRatio}px ${theme.typography.fontFamily}`;
  context.textAlign = 'left';
  context.textBaseline = 'middle';
  rows.forEach((row, place) => {
    const middle = bbox.top + (place + 0.5) * height;
    row.spans.forEach(({ from, to, text, color }) => {
      const left = inside(Math.round(plot.valToPos(from, 'x', true)));
      const right = inside(Math.round(plot.valToPos(to, 'x', true)));
      const fill = tinycolor(color).setAlpha(row.opacity);
      context.fillStyle = fill.toRgbString();
      context.fillRect(left, middle - (height * rowHeight) / 2, right - left, height * rowHeight);
      if (showValue !== 'never') {
        const seen = tinycolor.mix(theme.colors.background.primary, color, row.opacity * 100);
        drawText(context, text, left, right, middle, theme.colors.getContrastText(seen.toHexString()));
      }
    });
  });
  context.restore();
}

function axisWidth(rows) {
  const context = document.createElement('canvas').getContext('2d');
  context.font = `${UPLOT_AXIS_FONT_SIZE}px Inter`;
  return Math.ceil(Math.max(...rows.map(({ name }) => context.measureText(name).width))) + 14;
}

function plotConfig(rows, options, timeRange, timeZone, theme) {
  const config = new UPlotConfigBuilder(timeZone);
  config.addScale({
    scaleKey: 'x', isTime: true, orientation: ScaleOrientation.Horizontal,
    direction: ScaleDirection.Right, range: () => [timeRange.from.valueOf(), timeRange.to.valueOf()],
  });
  config.addScale({
    scaleKey: 'y', orientation: ScaleOrientation.Vertical, direction: ScaleDirection.Up,
    range: () => [0, rows.length],
  });
  config.addAxis({
    scaleKey: 'x', isTime: true, placement: AxisPlacement.Bottom, timeZone, theme, grid: { show: true },
  });
  const middles = rows.map((_, place) => rows.length - place - 0.5);
  config.addAxis({
    scaleKey: 'y', placement: AxisPlacement.Left, theme, size: axisWidth(rows),
    grid: { show: false }, ticks: { show: false }, splits: () => middles, filter: (_, at) => at,
    values: () => rows.map(({ name }) => name),
  });
  config.addSeries({ scaleKey: 'y', pathBuilder: () => null, theme, show: true });
  config.addHook('draw', (plot) => drawRows(plot, rows, options, theme));
  config.setCursor({ show: false });
  return config;
}

function legendItems(rows) {
  const colors = new Map(rows.flatMap((row) => row.spans.map(({ text, color }) => [text, color])));
  return [...colors].map(([label, color]) => ({ label, color, yAxis: 1 }));
}

export function StateTimelinePanel({ data, options, fieldConfig, timeRange, timeZone, width, height }) {
  const theme = useTheme2();
  const all = useMemo(() => timelines(data.series), [data.series]);
  // The first page of them, as Grafana shows it.
  const rows = useMemo(() => all.slice(0, options.perPage || all.length), [all, options.perPage]);
  const config = useMemo(() => plotConfig(rows, options, timeRange, timeZone, theme),
    [rows, options, timeRange, timeZone, theme]);
  if (!rows.some((row) => row.spans.length > 0)) {
    return <NoData fieldConfig={fieldConfig} />;
  }
  const more = rows.length < all.length
    ? [{ label: `1 - ${rows.length} of ${all.length} rows`, color: 'transparent', yAxis: 1 }] : [];
  const legend = options.legend?.showLegend === false ? null : (
    <VizLayout.Legend placement={options.legend?.placement ?? 'bottom'}>
      <VizLegend items={[...legendItems(rows), ...more]} placement={options.legend?.placement ?? 'bottom'}
        displayMode={LegendDisplayMode.List} />
    </VizLayout.Legend>
  );
  const times = [timeRange.from.valueOf(), timeRange.to.valueOf()];
  return (
    <VizLayout width={width} height={height} legend={legend}>
      {(innerWidth, innerHeight) => (
        <UPlotChart data={[times, [0, 0]]} config={config} width={innerWidth} height={innerHeight} />
      )}
    </VizLayout>
  );
}
