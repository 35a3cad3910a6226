import { BarGauge } from '@grafana/ui';

import { Repeated } from './repeated.jsx';

export function BarGaugePanel(panel) {
  const { options } = panel;
  return (
    <Repeated
      panel={panel} itemSpacing={10} minVizWidth={options.minVizWidth}
      minVizHeight={options.minVizHeight} maxVizHeight={options.maxVizHeight}
      render={({ value, display, orientation, width, height, alignmentFactors, theme }) => (
        <BarGauge
          value={display} display={value.view?.getFieldDisplayProcessor(value.colIndex)}
          field={value.field} width={width} height={height} orientation={orientation}
          alignmentFactors={alignmentFactors} displayMode={options.displayMode} theme={theme}
          text={options.text} showUnfilled={options.showUnfilled} itemSpacing={10}
          valueDisplayMode={options.valueMode} namePlacement={options.namePlacement} />
      )} />
  );
}
