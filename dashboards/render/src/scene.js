// From a dashboard's JSON to a scene of Grafana's: its variables, time range, annotations,
// rows and panels.
import {
  ConstantVariable, CustomVariable, DataSourceVariable, EmbeddedScene,
  QueryVariable, SceneControlsSpacer, SceneDataLayerControls, SceneDataLayerSet, SceneDataTransformer, SceneGridItem,
  SceneGridLayout, SceneGridRow, SceneQueryRunner, SceneRefreshPicker, SceneTimePicker,
  SceneTimeRange, SceneVariableSet, TextBoxVariable, VariableValueSelectors, VizPanel, behaviors,
  dataLayers,
} from '@grafana/scenes';

const ALL = '$__all';

function chosen({ current, includeAll, multi }, wanted) {
  if (wanted !== undefined) {
    return { value: multi ? [wanted] : wanted, text: multi ? [wanted] : wanted };
  }
  if (current?.value !== undefined) {
    return { value: current.value, text: current.text };
  }
  return includeAll ? { value: multi ? [ALL] : ALL, text: multi ? ['All'] : 'All' } : {};
}

function variable(model, wanted) {
  const state = {
    name: model.name, label: model.label, description: model.description, hide: model.hide,
    isMulti: model.multi, includeAll: model.includeAll, allValue: model.allValue || undefined,
    ...chosen(model, wanted),
  };
  switch (model.type) {
    case 'datasource':
      return new DataSourceVariable({ ...state, pluginId: model.query, regex: model.regex });
    case 'query':
      return new QueryVariable({
        ...state, query: model.query, datasource: model.datasource, regex: model.regex,
        sort: model.sort, refresh: model.refresh,
      });
    case 'custom':
      return new CustomVariable({ ...state, query: model.query });
    case 'constant':
      return new ConstantVariable({ name: model.name, value: model.query, hide: model.hide });
    case 'textbox':
      return new TextBoxVariable({ name: model.name, label: model.label, value: model.query });
    default:
      throw new Error(`the variable '${model.name}' has the type '${model.type}', unknown here`);
  }
}

function data({ targets, datasource, transformations = [], maxDataPoints, interval }) {
  if (!targets?.length) {
    return undefined;
  }
  const queries = new SceneQueryRunner({
    queries: targets, datasource, maxDataPoints, minInterval: interval,
    maxDataPointsFromWidth: true,
  });
  return transformations.length > 0
    ? new SceneDataTransformer({ $data: queries, transformations })
    : queries;
}

function panel(model) {
  return new VizPanel({
    key: `panel-${model.id}`, title: model.title, description: model.description,
    pluginId: model.type, pluginVersion: model.pluginVersion, options: model.options ?? {},
    fieldConfig: model.fieldConfig, displayMode: model.transparent ? 'transparent' : 'default',
    $data: data(model),
  });
}

function item(model) {
  const { x, y, w, h } = model.gridPos;
  return new SceneGridItem({
    key: `item-${model.id}`, x, y, width: w, height: h, isDraggable: false, isResizable: false,
    body: panel(model),
  });
}

// An open row's panels stand beside it in the JSON, a collapsed row's in it.
function items(panels) {
  const children = [];
  let row = null;
  for (const model of panels) {
    if (model.type === 'row') {
      row = new SceneGridRow({
        key: `row-${model.id}`, title: model.title, y: model.gridPos.y, isCollapsible: true,
        isCollapsed: Boolean(model.collapsed), children: (model.panels ?? []).map(item),
      });
      children.push(row);
    } else if (row) {
      row.setState({ children: [...row.state.children, item(model)] });
    } else {
      children.push(item(model));
    }
  }
  return children;
}

function annotationLayers({ annotations }) {
  const layers = (annotations?.list ?? []).filter(({ builtIn }) => !builtIn).map((query) =>
    new dataLayers.AnnotationsDataLayer({
      name: query.name, query, isEnabled: query.enable, isHidden: query.hide,
    }));
  const name = layers.map(({ state }) => state.name).join(', ');
  return layers.length > 0 ? new SceneDataLayerSet({ name, layers }) : undefined;
}

// wanted: the values of variables, by name.
export function scene(dashboard, { from, to, wanted }) {
  const layers = annotationLayers(dashboard);
  return new EmbeddedScene({
    $timeRange: new SceneTimeRange({ from, to, timeZone: 'utc' }),
    $variables: new SceneVariableSet({
      // Filters of labels are Grafana's own, and chosen by whoever looks.
      variables: (dashboard.templating?.list ?? []).filter((model) => model.type !== 'adhoc')
        .map((model) => variable(model, wanted[model.name])),
    }),
    $data: layers,
    $behaviors: [new behaviors.CursorSync({ key: 'sync', sync: dashboard.graphTooltip ?? 0 })],
    controls: [
      new VariableValueSelectors({}),
      ...(layers ? [new SceneDataLayerControls()] : []),
      new SceneControlsSpacer(),
      new SceneTimePicker({ isOnCanvas: true }),
      new SceneRefreshPicker({ isOnCanvas: true, refresh: dashboard.refresh || '' }),
    ],
    body: new SceneGridLayout({ isLazy: false, isDraggable: false, children: items(dashboard.panels) }),
  });
}
