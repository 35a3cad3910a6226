import { renderMarkdown } from '@grafana/data';

export function TextPanel({ options, replaceVariables }) {
  const html = renderMarkdown(replaceVariables(options.content ?? '', {}, 'text'));
  return <div className="markdown-html" dangerouslySetInnerHTML={{ __html: html }} />;
}
