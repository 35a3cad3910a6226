// The page: a dashboard with its title, variables and panels, in a theme of Grafana's.
// window.render says which and of when; window.renderState() says how far it is.
import './boot.js';

import { ThemeContext } from '@grafana/data';
import { SceneGridRow, sceneGraph, sceneUtils, VizPanel } from '@grafana/scenes';
import { GlobalStyles, LinkButton, useStyles2 } from '@grafana/ui';
import { css } from '@emotion/css';
import { config } from '@grafana/runtime';
import { createRoot } from 'react-dom/client';
import { MemoryRouter } from 'react-router-dom';

import { prepare } from './environment.js';
import { registerPanels } from './panels/index.js';
import { Prometheus } from './prometheus.js';
import { scene } from './scene.js';

const styles = (theme) => ({
  page: css({
    background: theme.colors.background.canvas, display: 'flex', flexDirection: 'column',
    gap: theme.spacing(2), minHeight: '100vh', padding: theme.spacing(2),
  }),
  head: css({ alignItems: 'center', display: 'flex', gap: theme.spacing(1), justifyContent: 'space-between' }),
  title: css({ ...theme.typography.h3, margin: 0 }),
});

function Page({ dashboard, model, links }) {
  const style = useStyles2(styles);
  return (
    <div className={style.page}>
      <div className={style.head}>
        <h1 className={style.title}>{dashboard.title}</h1>
        <div>{links.map((title) => (
          <LinkButton key={title} variant="secondary" size="sm" fill="text" icon="apps">{title}</LinkButton>
        ))}</div>
      </div>
      <model.Component model={model} />
    </div>
  );
}

// Whether it is in a row that is closed, and so asks nothing.
function isHidden({ parent }) {
  return Boolean(parent) && ((parent instanceof SceneGridRow && parent.state.isCollapsed) || isHidden(parent));
}

const panelsOf = (model) =>
  sceneGraph.findAllObjects(model, (object) => object instanceof VizPanel && !isHidden(object));

// [{title, state: "Done" | "Loading" | "Error: ..."}] of all panels that are seen.
function state(model) {
  return panelsOf(model).map((panel) => {
    const { title, $data, _pluginLoadError } = panel.state;
    const data = $data ? $data.state.data : { state: 'Done' };
    const error = _pluginLoadError ?? data?.error?.message ?? data?.errors?.[0]?.message;
    return { title, state: error ? `Error: ${error}` : data?.state ?? 'Loading' };
  });
}

function start({ dashboard, from, to, theme, scrapeInterval, variables = {}, links = [] }) {
  const prometheus = new Prometheus(scrapeInterval);
  prepare(prometheus, theme);
  sceneUtils.registerRuntimeDataSource({ dataSource: prometheus });
  registerPanels();
  const model = scene(dashboard, { from, to, wanted: variables });
  window.renderState = () => state(model);
  createRoot(document.getElementById('root')).render(
    <MemoryRouter>
      <ThemeContext.Provider value={config.theme2}>
        <GlobalStyles />
        <Page dashboard={dashboard} model={model} links={links} />
      </ThemeContext.Provider>
    </MemoryRouter>,
  );
}

document.fonts.load('12px Inter').then(() => start(window.render));
