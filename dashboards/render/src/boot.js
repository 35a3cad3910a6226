// Grafana's server writes this into its page; its libraries read it while they are loaded,
// so this file comes before them.
window.grafanaBootData = {
  settings: { buildInfo: { version: '13.2.1', env: 'production' }, featureToggles: {} },
  user: { timezone: 'utc', locale: 'en-US', language: 'en-US' },
  navTree: [],
};
window.__grafana_public_path__ = 'public/';
