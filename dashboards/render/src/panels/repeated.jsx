// What stat, gauge and bar gauge have in common: one value for each series.
import { getDisplayValueAlignmentFactors, getFieldDisplayValues, VizOrientation } from '@grafana/data';
import { useTheme2, VizRepeater } from '@grafana/ui';

import { NoData } from './nodata.jsx';

export function Repeated({ panel, render, ...more }) {
  const { data, options, fieldConfig, replaceVariables, timeZone, width, height } = panel;
  const theme = useTheme2();
  if (!data.series.some(({ length }) => length > 0) && !fieldConfig.defaults.noValue) {
    return <NoData fieldConfig={fieldConfig} />;
  }
  const values = () => getFieldDisplayValues({
    data: data.series, fieldConfig, replaceVariables, theme, timeZone,
    reduceOptions: options.reduceOptions, sparkline: options.graphMode === 'area',
  });
  return (
    <VizRepeater
      getValues={values} getAlignmentFactors={getDisplayValueAlignmentFactors}
      renderValue={(props) => render({ ...props, theme, display: props.value.display })}
      source={data} renderCounter={panel.renderCounter} width={width} height={height}
      orientation={options.orientation ?? VizOrientation.Auto} {...more} />
  );
}
