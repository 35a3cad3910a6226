import { applyNullInsertThreshold, FieldType } from '@grafana/data';
import { TimeSeries } from '@grafana/ui';
import { useLayoutEffect, useMemo } from 'react';

import { NoData } from './nodata.jsx';

// Marks of the dashboard's annotations: a dashed line, and a small triangle at its foot.
// (Grafana draws them in its panel, which is not among its libraries.)
function drawMarks(plot, frames) {
  const { ctx, bbox } = plot;
  const unit = devicePixelRatio;
  ctx.save();
  for (const frame of frames) {
    const column = (name) => frame.fields.find((field) => field.name === name)?.values ?? [];
    const colors = column('color');
    column('time').forEach((time, row) => {
      const x = Math.round(plot.valToPos(time, 'x', true));
      if (x < bbox.left || x > bbox.left + bbox.width) {
        return;
      }
      const foot = bbox.top + bbox.height;
      ctx.strokeStyle = ctx.fillStyle = colors[row];
      ctx.lineWidth = unit;
      ctx.setLineDash([4 * unit, 4 * unit]);
      ctx.beginPath();
      ctx.moveTo(x, bbox.top);
      ctx.lineTo(x, foot);
      ctx.stroke();
      ctx.beginPath();
      ctx.moveTo(x, foot);
      ctx.lineTo(x - 4 * unit, foot + 5 * unit);
      ctx.lineTo(x + 4 * unit, foot + 5 * unit);
      ctx.fill();
    });
  }
  ctx.restore();
}

function Marks({ config, frames }) {
  useLayoutEffect(() => config.addHook('draw', (plot) => drawMarks(plot, frames)), [config, frames]);
  return null;
}

// As Grafana draws it: NaN and the infinities are gaps.
function finite(field) {
  const values = field.values.map((value) => (Number.isFinite(value) ? value : null));
  return field.type === FieldType.number ? { ...field, values } : field;
}

// Where samples are missing is a gap; the chart makes them in the first frame alone.
const gapped = (frame, { from, to }) => applyNullInsertThreshold({
  frame, refFieldPseudoMin: from.valueOf(), refFieldPseudoMax: to.valueOf(),
});

const drawable = ({ fields, length }) =>
  length > 0 && fields.some(({ type }) => type === FieldType.number);

export function TimeSeriesPanel(panel) {
  const { data, options, fieldConfig, timeRange, timeZone, width, height } = panel;
  const frames = useMemo(() => data.series.filter(drawable).map((frame) => gapped({
    ...frame, fields: frame.fields.map(finite),
  }, timeRange)), [data.series, timeRange]);
  if (frames.length === 0) {
    return <NoData fieldConfig={fieldConfig} />;
  }
  return (
    <TimeSeries
      frames={frames} structureRev={data.structureRev} timeRange={timeRange}
      timeZone={timeZone} width={width} height={height} legend={options.legend} options={options}>
      {(config) => <Marks config={config} frames={data.annotations ?? []} />}
    </TimeSeries>
  );
}
