// A dashboard as a file, in the types of @grafana/schema.  Those name most choices by enums,
// while a file has their values: Plain turns the one into the other, all the way down.
import type * as schema from "@grafana/schema";
import type * as bargauge from "@grafana/schema/dist/types/raw/composable/bargauge/panelcfg/x/types.gen";
import type * as stat from "@grafana/schema/dist/types/raw/composable/stat/panelcfg/x/types.gen";
import type * as statetimeline from "@grafana/schema/dist/types/raw/composable/statetimeline/panelcfg/x/types.gen";
import type * as table from "@grafana/schema/dist/types/raw/composable/table/panelcfg/x/types.gen";
import type * as timeseries from "@grafana/schema/dist/types/raw/composable/timeseries/panelcfg/x/types.gen";

type Plain<T> =
  T extends string ? `${T}` :
  T extends number ? (`${T}` extends `${infer N extends number}` ? N : never) :
  T extends boolean | null | undefined ? T :
  T extends Array<infer Item> ? Array<Plain<Item>> :
  T extends object ? { [Key in keyof T]: Plain<T[Key]> } :
  T;

// What the types leave open and we do not.

interface DataLink { title: string; url: string; targetBlank: boolean }

type Defaults<Custom> = Omit<Plain<schema.FieldConfig>, "custom" | "links"> & {
  custom?: Plain<Custom>;
  links?: DataLink[];
};

// One property of an override: a key of the defaults, or of their custom part.
type Property<Custom> =
  | { [Key in keyof Defaults<Custom>]-?: { id: Key; value: Defaults<Custom>[Key] } }[keyof Defaults<Custom>]
  | { [Key in keyof Plain<Custom> & string]-?: { id: `custom.${Key}`; value: Plain<Custom>[Key] } }[keyof Plain<Custom> & string];

interface Override<Custom> {
  matcher: { id: "byName" | "byRegexp" | "byType"; options: string };
  properties: Array<Property<Custom>>;
}

interface Target {
  refId: string;
  datasource: schema.DataSourceRef;
  editorMode: "code";
  expr: string;
  legendFormat: string;
  range: boolean;
  instant: boolean;
  format: "time_series" | "table";
}

type Transformation =
  | { id: "merge"; options: Record<string, never> }
  | { id: "filterFieldsByName"; options: { include: { names: string[] } } }
  | { id: "organize"; options: {
      excludeByName: Record<string, boolean>; includeByName: Record<string, boolean>;
      indexByName: Record<string, number>; renameByName: Record<string, string> } };

type PanelOf<Type extends string, Options, Custom> =
  Omit<Plain<schema.Panel>, "type" | "options" | "fieldConfig" | "targets" | "transformations"> & {
    type: Type;
    id: number;
    title: string;
    description: string;
    options: Plain<Options>;
    fieldConfig: { defaults: Defaults<Custom>; overrides: Array<Override<Custom>> };
    targets: Target[];
    transformations?: Transformation[];
  };

type Nothing = Record<string, never>;
type Panel =
  | PanelOf<"stat", stat.Options, Nothing>
  | PanelOf<"bargauge", bargauge.Options, Nothing>
  | PanelOf<"table", table.Options, table.FieldConfig>
  | PanelOf<"timeseries", timeseries.Options, timeseries.FieldConfig>
  | PanelOf<"state-timeline", statetimeline.Options, statetimeline.FieldConfig>;
type Row = Omit<Plain<schema.RowPanel>, "panels"> & { panels: Panel[] };

type Annotation = Plain<schema.AnnotationQuery> & {
  expr?: string; titleFormat?: string; textFormat?: string; useValueForTime?: boolean;
};
type Variable = Plain<schema.VariableModel> & { definition?: string };

export type Dashboard = Omit<Plain<schema.Dashboard>, "panels" | "annotations" | "templating"> & {
  panels: Array<Panel | Row>;
  annotations: { list: Annotation[] };
  templating: { list: Variable[] };
};
