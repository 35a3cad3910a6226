// What Grafana's application does before a panel is drawn, and its component libraries
// expect: registries, services, the theme.  Nothing here draws.
import {
  EventBusSrv, booleanOverrideProcessor, dataLinksOverrideProcessor, displayNameOverrideProcessor,
  getThemeById, identityOverrideProcessor, numberOverrideProcessor, standardFieldConfigEditorRegistry,
  standardTransformers, standardTransformersRegistry, stringOverrideProcessor,
  thresholdsOverrideProcessor, unitOverrideProcessor, valueMappingsOverrideProcessor,
} from '@grafana/data';
import {
  config, setAppEvents, setDataSourceSrv, setPluginImportUtils, setRunRequest,
} from '@grafana/runtime';
import { LoadingState } from '@grafana/schema';
import { from, of } from 'rxjs';
import { catchError, map, startWith } from 'rxjs/operators';

const nothing = () => null;

// A field option without an editor: we draw panels and edit none.
export function fieldOption(path, process = identityOverrideProcessor, more = {}) {
  return {
    id: path, path, name: path, process, editor: nothing, override: nothing,
    shouldApply: () => true, ...more,
  };
}

// The options that every panel has.  A library without them applies no unit.
const standardOptions = () => [
  fieldOption('unit', unitOverrideProcessor),
  fieldOption('min', numberOverrideProcessor),
  fieldOption('max', numberOverrideProcessor),
  fieldOption('fieldMinMax', booleanOverrideProcessor),
  fieldOption('decimals', numberOverrideProcessor),
  fieldOption('displayName', displayNameOverrideProcessor),
  fieldOption('noValue', stringOverrideProcessor),
  fieldOption('color'),
  fieldOption('thresholds', thresholdsOverrideProcessor),
  fieldOption('mappings', valueMappingsOverrideProcessor),
  fieldOption('links', dataLinksOverrideProcessor),
  fieldOption('filterable', booleanOverrideProcessor),
];

// Some are there under two names.
const transformers = () => [...new Set(Object.values(standardTransformers))].map((transformation) => ({
  id: transformation.id, name: transformation.name, editor: nothing,
  transformation: () => Promise.resolve(transformation),
}));

function runRequest(datasource, request) {
  const base = { request, timeRange: request.range, series: [] };
  return from(datasource.query(request)).pipe(
    map(({ data }) => ({ ...base, state: LoadingState.Done, series: data })),
    catchError((error) => of({
      ...base, state: LoadingState.Error, error: { message: error.message },
      errors: [{ message: error.message }],
    })),
    startWith({ ...base, state: LoadingState.Loading }),
  );
}

function dataSources(datasource) {
  const settings = {
    uid: datasource.uid, name: datasource.name, type: datasource.type, meta: datasource.meta,
    isDefault: true, jsonData: {}, readOnly: true,
  };
  return {
    get: () => Promise.resolve(datasource),
    getList: () => [settings],
    getInstanceSettings: () => settings,
    reload() {},
  };
}

export function prepare(datasource, theme) {
  config.theme2 = getThemeById(theme);
  standardFieldConfigEditorRegistry.setInit(standardOptions);
  standardTransformersRegistry.setInit(transformers);
  setAppEvents(new EventBusSrv());
  setRunRequest(runRequest);
  setDataSourceSrv(dataSources(datasource));
  setPluginImportUtils({
    getPanelPluginFromCache: () => undefined,
    importPanelPlugin: (id) => Promise.reject(new Error(`there is no panel '${id}' here`)),
  });
}
