// An arc in the style of Grafana's gauge; @grafana/ui 13 has the types of its own one, and
// not the component.
import { formattedValueToString } from '@grafana/data';

import { Repeated } from './repeated.jsx';

const START = 0.75 * Math.PI; // from the lower left over the top to the lower right
const SPAN = 1.5 * Math.PI;

function arc(radius, from, to) {
  const point = (share) => {
    const angle = START + SPAN * share;
    return `${radius * Math.cos(angle)} ${radius * Math.sin(angle)}`;
  };
  const large = (to - from) * SPAN > Math.PI ? 1 : 0;
  return `M ${point(from)} A ${radius} ${radius} 0 ${large} 1 ${point(to)}`;
}

function thresholdArcs({ thresholds, min, max }, share) {
  const steps = thresholds?.steps ?? [];
  return steps.map(({ value, color }, place) => ({
    color, from: share(Math.max(value, min)), to: share(steps[place + 1]?.value ?? max),
  })).filter(({ from, to }) => to > from);
}

function Arc({ display, field, width, height, theme, showMarkers }) {
  const { min = 0, max = 100 } = field;
  const share = (value) => Math.min(1, Math.max(0, (value - min) / (max - min || 1)));
  const size = Math.min(width, height * 1.15);
  const radius = size / 2 - size / 8;
  const color = (name) => theme.visualization.getColorByName(name);
  const stroke = { fill: 'none', strokeWidth: size / 9 };
  const text = formattedValueToString(display);
  return (
    <svg width={width} height={height} viewBox={`${-width / 2} ${-size / 2} ${width} ${height}`}>
      <path d={arc(radius, 0, 1)} stroke={theme.colors.background.secondary} {...stroke} />
      {Number.isFinite(display.numeric) && share(display.numeric) > 0 &&
        <path d={arc(radius, 0, share(display.numeric))} stroke={display.color} {...stroke} />}
      {showMarkers && thresholdArcs({ ...field, min, max }, share).map(({ color: name, from, to }) =>
        <path key={name + from} d={arc(radius + size / 13, from, to)} stroke={color(name)}
          fill="none" strokeWidth={size / 50} />)}
      <text textAnchor="middle" dominantBaseline="middle" fill={display.color} fontWeight={500}
        fontSize={Math.min(size / 5, (1.5 * radius * 1.6) / text.length)}>{text}</text>
    </svg>
  );
}

export function GaugePanel(panel) {
  return (
    <Repeated panel={panel} autoGrid render={({ value, ...place }) => (
      <Arc field={value.field} showMarkers={panel.options.showThresholdMarkers !== false} {...place} />
    )} />
  );
}
