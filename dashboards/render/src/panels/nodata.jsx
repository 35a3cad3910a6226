import { useStyles2 } from '@grafana/ui';
import { css } from '@emotion/css';

const styles = (theme) => css({
  alignItems: 'center', color: theme.colors.text.secondary, display: 'flex', height: '100%',
  justifyContent: 'center', width: '100%',
});

// What a panel shows when its queries have no result.  data-no-data is for the checks.
export function NoData({ fieldConfig }) {
  const text = fieldConfig?.defaults.noValue;
  return <div className={useStyles2(styles)} data-no-data={!text}>{text || 'No data'}</div>;
}
