import { BigValue } from '@grafana/ui';

import { Repeated } from './repeated.jsx';

export function StatPanel(panel) {
  const { options } = panel;
  return (
    <Repeated panel={panel} autoGrid itemSpacing={6} render={({ value, display, ...place }) => (
      <BigValue
        {...place} value={display} sparkline={value.sparkline} colorMode={options.colorMode}
        graphMode={options.graphMode} justifyMode={options.justifyMode} text={options.text}
        textMode={options.textMode} disableWideLayout={options.wideLayout === false} />
    )} />
  );
}
