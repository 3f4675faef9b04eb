// The dashboards are what their code makes; each expression is PromQL, about metrics that exist, and no metric of the
// catalogue is left undrawn.
import { readdirSync, readFileSync } from 'node:fs';
import { expect } from 'chai';
import { createMetrics } from '#shared/telemetry/metrics.ts';
import { dashboardFiles, PAGES } from '../../scripts/write-dashboards.ts';
import { ruleFiles } from '../../scripts/write-rules.ts';
import { defaultConfig } from '../support/default-config.ts';
import { fillIn, type Selector, selectorsOf, syntaxError } from '../support/promql.ts';

interface Target {
  expr: string;
}
interface Panel {
  type: string;
  title: string;
  description?: string;
  datasource?: { uid: string };
  fieldConfig?: { defaults: { unit?: string; noValue?: string; min?: number } };
  targets?: Target[];
}
interface DashboardJson {
  uid: string;
  title: string;
  tags: string[];
  editable: boolean;
  panels: Panel[];
  templating: { list: Array<{ name: string }> };
  annotations: { list: Array<{ expr?: string }> };
}

/** Of Phoenix and of the collector: checked against the real ones, not against ours. */
const FOREIGN = new Set([
  'phoenix_span_queue_size',
  'phoenix_span_queue_rejections_total',
  'otelcol_exporter_send_failed_spans_total',
  'up',
]);

const folder = new URL('../../dashboards/', import.meta.url);
const dashboards = [...dashboardFiles().values()].map((text) => JSON.parse(text) as DashboardJson);
const panels = dashboards.flatMap((dashboard) =>
  dashboard.panels.filter(({ type }) => type !== 'row').map((panel) => ({ dashboard: dashboard.uid, panel })),
);
const expressions = [
  ...panels.flatMap(({ panel }) => (panel.targets ?? []).map(({ expr }) => expr)),
  ...dashboards.flatMap((dashboard) =>
    dashboard.annotations.list.flatMap(({ expr }) => (expr === undefined ? [] : [expr])),
  ),
];

/** Every name of `/metrics`, with the three that a histogram makes of its own. */
async function servedNames(): Promise<Set<string>> {
  const families = await createMetrics().registry.getMetricsAsJSON();
  return new Set(
    families.flatMap(({ name, type }) =>
      String(type) === 'histogram' ? [`${name}_bucket`, `${name}_sum`, `${name}_count`] : [name],
    ),
  );
}

function recordedNames(): Set<string> {
  const text = [...ruleFiles(defaultConfig().slo).values()].join('\n');
  return new Set([...text.matchAll(/record: (\S+)/g)].map(([, name]) => name ?? ''));
}

function familyOf(metric: string): string {
  return metric.replace(/_(bucket|sum|count)$/, '');
}

function selectors(): Selector[] {
  return expressions.flatMap((expression) => selectorsOf(fillIn(expression)));
}

describe('dashboards', () => {
  it('are the files that their code makes', () => {
    const files = dashboardFiles();
    expect(readdirSync(folder).filter((name) => name.endsWith('.json'))).to.have.members([...files.keys()]);
    for (const [name, text] of files) {
      expect(readFileSync(new URL(name, folder), 'utf8'), `${name}: run npm run dashboards`).to.equal(text);
    }
  });

  it('are six pages that nobody edits by hand, each with the same variables and a link to the others', () => {
    expect(PAGES).to.have.length(6);
    for (const dashboard of dashboards) {
      expect(dashboard.editable, dashboard.uid).to.equal(false);
      expect(dashboard.tags, dashboard.uid).to.include('cc-proxy');
      expect(dashboard.templating.list.map(({ name }) => name)).to.deep.equal([
        'datasource',
        'job',
        'instance',
        'model',
      ]);
    }
  });

  it('say of every panel what it draws, in which unit, from the chosen data source', () => {
    expect(panels).to.have.length.above(60);
    for (const { dashboard, panel } of panels) {
      const name = `${dashboard}: ${panel.title}`;
      expect(panel.description, name).to.be.a('string').and.not.equal('');
      expect(panel.fieldConfig?.defaults.unit, name).to.be.a('string').and.not.equal('');
      expect(panel.fieldConfig?.defaults.noValue, name).to.equal('No traffic');
      expect(panel.datasource?.uid, name).to.equal('$datasource');
      expect(panel.targets, name).to.have.length.above(0);
    }
  });

  it('ask in whole PromQL', () => {
    for (const expression of expressions) expect(syntaxError(fillIn(expression)), expression).to.equal(null);
    expect(syntaxError('sum(rate(x[1m])')).to.not.equal(null);
  });

  it('name only metrics that the services serve, the rules record, or Phoenix and the collector have', async () => {
    const known = new Set([...(await servedNames()), ...recordedNames(), ...FOREIGN]);
    const unknown = selectors().filter(({ metric }) => !known.has(metric));
    expect(unknown.map(({ metric }) => metric)).to.deep.equal([]);
  });

  it('draw every metric of the catalogue', async () => {
    const drawn = new Set(selectors().map(({ metric }) => familyOf(metric)));
    const served = [...(await servedNames())].map(familyOf).filter((name) => /^(ccproxy|gen_ai)_/.test(name));
    expect([...new Set(served)].filter((name) => !drawn.has(name))).to.deep.equal([]);
  });

  it('keep to the chosen jobs and instances wherever they read a series of ours', () => {
    const loose = panels.flatMap(({ dashboard, panel }) =>
      (panel.targets ?? [])
        .flatMap(({ expr }) => selectorsOf(fillIn(expr)))
        .filter(({ metric }) => /^(ccproxy|gen_ai|nodejs|process)_/.test(metric))
        .filter(({ matchers }) => !(matchers.includes('job=~') && matchers.includes('instance=~')))
        .map(({ metric }) => `${dashboard}: ${metric}`),
    );
    expect(loose).to.deep.equal([]);
  });

  it('take a rate over the window that fits the scrape interval', () => {
    const fixed = expressions.filter((expression) =>
      /(?:rate|increase)\([^[]*\[(?!\$__rate_interval\])/.test(expression),
    );
    expect(fixed).to.deep.equal([]);
  });

  it('draw no counter as it stands: it only grows, and falls when a process restarts', () => {
    const isDrawnBare = (expression: string): boolean =>
      /\w_(?:total|sum|count|bucket)\{/.test(expression.replace(/\b(?:rate|increase|changes)\(\w+/g, ''));
    expect(isDrawnBare('sum by (token_type) (ccproxy_tokens_total{})')).to.equal(true);
    const bare = expressions.filter(isDrawnBare);
    expect(bare).to.deep.equal([]);
  });

  it('draw what is left of every budget and how fast it goes, below nothing too', () => {
    const slis = [...recordedNames()].flatMap((name) => name.match(/^ccproxy:(\w+):budget$/)?.[1] ?? []);
    const drawn = (title: string): string[] => {
      const targets = panels.filter(({ panel }) => panel.title === title).flatMap(({ panel }) => panel.targets ?? []);
      return targets.flatMap(({ expr }) => expr.match(/ccproxy:(\w+):budget$/)?.[1] ?? []);
    };
    expect(slis).to.have.length(5);
    expect(drawn('Error budget left of thirty days')).to.have.members(slis);
    expect(drawn('Burn rate over an hour')).to.have.members(slis);
    const fromZero = panels.filter(({ panel }) => panel.type === 'timeseries' && panel.fieldConfig?.defaults.min === 0);
    expect(fromZero.map(({ panel }) => panel.title)).to.include('Cost an hour');
    expect(fromZero.map(({ panel }) => panel.title)).to.not.include('Error budget left of thirty days');
  });

  it('draw requests in flight on one scale: both of all processes, not the limit of one', () => {
    const limits = panels.filter(({ panel }) => panel.title === 'In flight and limit');
    expect(limits).to.have.length(1);
    for (const { panel } of limits) {
      const [inFlight, limit] = (panel.targets ?? []).map(({ expr }) => expr);
      expect(inFlight).to.match(/^sum by \(upstream\) \(ccproxy_gateway_requests_in_flight\{/);
      expect(limit).to.match(/^sum by \(upstream\) \(ccproxy_gateway_concurrency_limit\{/);
    }
  });
});
