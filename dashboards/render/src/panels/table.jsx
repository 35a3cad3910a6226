import { cacheFieldDisplayNames } from '@grafana/data';
import { TableNG } from '@grafana/ui/unstable';

import { useMemo } from 'react';

import { NoData } from './nodata.jsx';

export function TablePanel({ data, options, fieldConfig, width, height, timeRange }) {
  useMemo(() => cacheFieldDisplayNames(data.series), [data.series]); // the heads of columns
  const frame = data.series[options.frameIndex ?? 0];
  if (!frame?.fields.length || !frame.length) {
    return <NoData fieldConfig={fieldConfig} />;
  }
  return (
    <TableNG
      data={frame} width={width} height={height} timeRange={timeRange} fieldConfig={fieldConfig}
      structureRev={data.structureRev} noHeader={!options.showHeader} sortBy={options.sortBy}
      showTypeIcons={options.showTypeIcons} cellHeight={options.cellHeight}
      enablePagination={options.enablePagination} enableVirtualization={false}
      frozenColumns={options.frozenColumns?.left} noValue={fieldConfig.defaults.noValue} />
  );
}
