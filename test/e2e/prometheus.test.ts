// What operators see: a real Prometheus scrapes the services while traffic runs in every mode and with every fault. Each
// panel, rule and variable finds data, each exemplar a trace, and an alert comes with its fault and goes with it.
import { readdirSync, readFileSync } from 'node:fs';
import { expect } from 'chai';
import fc from 'fast-check';
import { parse, stringify } from 'yaml';
import type { RuleGroup } from '../../scripts/rules/rule.ts';
import { dashboardFiles } from '../../scripts/write-dashboards.ts';
import { until } from '../support/gateway.ts';
import {
  type FiringAlert,
  hasPrometheus,
  type PrometheusSample,
  startPrometheus,
  type TestPrometheus,
} from '../support/prometheus.ts';
import { fillIn, withoutThresholds } from '../support/promql.ts';
import { messagesRequest, type RawRequest, send } from '../support/raw-client.ts';
import { parseSeries, readMetrics } from '../support/read-metrics.ts';
import { driveTraffic, type HeldRequest, holdRequest, setMode, trafficSettings } from '../support/scripted-traffic.ts';
import { type ServiceBed, startServiceBed } from '../support/service-bed.ts';
import type { ServiceProcess } from '../support/service-process.ts';

interface Panel {
  dashboard: string;
  title: string;
  targets: Array<{ expr: string; exemplar?: boolean }>;
}

/** Longer than the run, so that every phase of it is still in sight at its end. */
const WINDOW = '3m';
const DATA_MS = 40_000;
const ALERT_MS = 20_000;
/** How often Prometheus looks, and so how often it is worth asking. */
const SCRAPE_MS = 1_000;

const rulesFolder = new URL('../../deploy/prometheus/rules/', import.meta.url);
const ruleTexts = readdirSync(rulesFolder).map((name) => readFileSync(new URL(name, rulesFolder), 'utf8'));
const rules = ruleTexts.flatMap((text) =>
  (parse(text) as { groups: RuleGroup[] }).groups.flatMap((group) => group.rules),
);

const dashboards = [...dashboardFiles().values()].map(
  (text) =>
    JSON.parse(text) as {
      uid: string;
      panels: Array<{ type: string; title: string; targets?: Panel['targets'] }>;
      templating: { list: Array<{ query?: unknown }> };
      annotations: { list: Array<{ name: string; expr?: string }> };
    },
);
const panels: Panel[] = dashboards.flatMap(({ uid, panels: all }) =>
  all.filter(({ type }) => type !== 'row').map(({ title, targets = [] }) => ({ dashboard: uid, title, targets })),
);

/** Queries that say 0 because what they look for did not happen, by what of title and expression tells them. */
const QUIET: ReadonlyArray<readonly [what: RegExp, why: string]> = [
  [/^Processes down/, 'all of them run'],
  [/^Unaccounted/, 'nothing was lost without a word'],
  [/^(?:Waiting|Oldest waiting)|ccproxy_compare_pending/, 'looked at every ten seconds, and compared long before'],
  [/^Target not called/, 'that takes five failures in a row'],
  [/^Calls made twice/, 'no comparator died'],
  [/^Spans lost|ccproxy:telemetry:ratio/, 'the receiver takes all'],
  [/^(?:Spans waiting|Size waiting|Queue)/, 'exported by the time they are looked at'],
  [/^History behind/, 'recorded by the time it is looked at'],
  [/^Log lines lost/, 'they are read'],
  [/^Wire dumps/, 'no folder for them is set'],
  [/ccproxy:(?:ttft|overhead|compare_freshness):ratio/, 'the objective is kept'],
  [/ccproxy_upstream_pool_pending/, 'no request waits for a connection'],
  [/phoenix_|otelcol_/, 'there is neither Phoenix nor a collector here'],
];
/** What cannot be there: a limit where nothing limits the memory, and metrics of Phoenix that no fallback stands in for. */
const ABSENT = /ccproxy_memory_limit_bytes|^CcProxyMetricsAbsent|^PhoenixRejecting/;

function isQuiet(query: string): boolean {
  return QUIET.some(([what]) => what.test(query));
}

function hasData(samples: readonly PrometheusSample[]): boolean {
  return samples.some(({ value }) => Number.isFinite(value));
}

function hasMoreThanZero(samples: readonly PrometheusSample[]): boolean {
  return samples.some(({ value }) => Number.isFinite(value) && value !== 0);
}

interface Query {
  title: string;
  expr: string;
}

function panelQueries(): Query[] {
  return panels.flatMap(({ title, targets }) => targets.map(({ expr }) => ({ title, expr: fillIn(expr, WINDOW) })));
}

function annotationQueries(): Query[] {
  return dashboards.flatMap(({ annotations }) =>
    annotations.list.flatMap(({ name, expr }) =>
      expr === undefined ? [] : [{ title: name, expr: fillIn(expr, WINDOW) }],
    ),
  );
}

function variableQueries(): Query[] {
  const asked = dashboards.flatMap(({ templating }) =>
    templating.list.map(({ query }) => JSON.stringify(query ?? null)),
  );
  return asked.flatMap((query) => {
    const [, selector = '', label = ''] = /label_values\((.*), (\w+)\)/.exec(query) ?? [];
    if (label === '') return [];
    return [{ title: label, expr: `count by (${label}) (${fillIn(selector.replaceAll('\\"', '"'))})` }];
  });
}

/** The series of ours, without their values. */
async function ownSeries(opsUrl: string): Promise<string[]> {
  const text = await (await fetch(`${opsUrl}/metrics`)).text();
  return parseSeries(text)
    .filter(({ name }) => /^(?:ccproxy|gen_ai)_/.test(name))
    .map(({ name, labels }) => `${name} ${JSON.stringify(Object.entries(labels).sort())}`);
}

const MARK = 'oddity';
const ODD_REQUESTS = 40;

/** A name of ours that a client asked the passthrough for: of our own making, and so few that none is made beforehand. */
const OURS_ASKED_THERE = /^gen_ai_.*"gen_ai_provider_name","passthrough"\],\["gen_ai_request_model","(?:native|chat)"/;

/** Everything in it that a client chooses is something nobody has heard of. */
function oddRequest(text: string, at: number): RawRequest {
  const odd = `${MARK}-${at}`;
  return messagesRequest({
    stream: at % 2 === 0,
    headers: ['anthropic-beta', odd, `x-${odd}`, odd, 'user-agent', odd, `anthropic-${odd}`, odd],
    body: {
      model: `${odd}${text}`,
      [`${odd}${text}`]: text,
      messages: [{ role: 'user', content: text }],
      tools: [{ name: odd, input_schema: { type: 'object' } }],
      metadata: { user_id: `user_${odd}_account_${odd}_session_${odd}` },
    },
  });
}

/** As they are shipped, but for the time that an alert takes to fire. */
function withoutPatience(text: string): string {
  const file = parse(text) as { groups: RuleGroup[] };
  for (const rule of file.groups.flatMap((group) => group.rules)) if (rule.for !== undefined) rule.for = '1s';
  return stringify(file);
}

describe('metrics on a run of scripted traffic', function () {
  this.timeout(120_000);
  let bed: ServiceBed;
  let gateway: ServiceProcess;
  let history: ServiceProcess;
  let services: ServiceProcess[];
  let prometheus: TestPrometheus | undefined;
  let atStart: Array<ReadonlySet<string>>;
  let held: HeldRequest | undefined;
  const ask = (expression: string): Promise<PrometheusSample[]> => {
    if (prometheus === undefined) throw new Error('it is not running');
    return prometheus.query(expression);
  };

  before(async function () {
    bed = await startServiceBed(this);
    const settings = trafficSettings(bed);
    const [page, comparator] = [bed.start('console', settings), bed.start('comparator', settings)];
    gateway = await bed.start('gateway', settings, ['--allow-anthropic-only']);
    history = await page;
    services = [gateway, await comparator, history];
    const [ofGateway = '', ofComparator = '', ofConsole = ''] = services.map(({ opsUrl }) => new URL(opsUrl).host);
    if (hasPrometheus()) {
      prometheus = await startPrometheus({
        jobs: { 'cc-gateway': [ofGateway], 'cc-comparator': [ofComparator], 'cc-console': [ofConsole] },
        rules: ruleTexts.map(withoutPatience),
      });
      // What is counted before the first scrape is no increase.
      await until(async () => (await ask('up == 1')).length === services.length, DATA_MS, SCRAPE_MS);
    }
    atStart = await Promise.all(services.map(async ({ opsUrl }) => new Set(await ownSeries(opsUrl))));
    await driveTraffic(bed, gateway);
    held = await holdRequest(bed, gateway);
  });
  after(async () => {
    held?.end();
    await prometheus?.stop();
    await bed?.stop();
  });

  describe('scraped by a real Prometheus', () => {
    before(function () {
      if (prometheus !== undefined) return;
      console.warn('      prometheus is not installed: dashboards and rules are NOT asked of live metrics in this run');
      this.skip();
    });

    /** Those that have no data in the end, or not enough. */
    async function lacking(
      queries: readonly Query[],
      isEnough: (samples: PrometheusSample[], name: string) => boolean,
    ): Promise<string[]> {
      let left = queries
        .map(({ title, expr }) => ({ name: `${title}: ${expr}`, expr }))
        .filter(({ name }) => !ABSENT.test(name));
      const look = async (): Promise<boolean> => {
        const answers = await Promise.all(left.map(({ expr }) => ask(expr)));
        left = left.filter(({ name }, at) => !isEnough(answers[at] ?? [], name));
        return left.length === 0;
      };
      await until(look, DATA_MS, SCRAPE_MS).catch(() => {});
      return left.map(({ name }) => name);
    }

    const firing = async (alert: string): Promise<FiringAlert[]> =>
      ((await prometheus?.alerts()) ?? []).filter(({ name, state }) => name === alert && state === 'firing');

    it('S3-29 fills every panel, annotation and variable of every dashboard', async () => {
      const queries = [...panelQueries(), ...annotationQueries(), ...variableQueries()];
      expect(queries.length).to.be.above(100);
      const isDrawn = (samples: PrometheusSample[], name: string): boolean =>
        isQuiet(name) ? hasData(samples) : hasMoreThanZero(samples);
      expect(await lacking(queries, isDrawn)).to.deep.equal([]);
    });

    it('S3-29 has something to look at for every rule, whether its alert fires or not', async () => {
      const queries = rules.map(({ record, alert, expr }) => ({
        title: alert ?? record ?? '',
        expr: withoutThresholds(expr),
      }));
      const recorded = rules.flatMap(({ record }) =>
        record === undefined ? [] : [{ title: 'recorded', expr: record }],
      );
      expect(recorded.length).to.be.above(30);
      expect(await lacking([...queries, ...recorded], hasData)).to.deep.equal([]);
      const loaded = (await prometheus?.rules()) ?? [];
      expect(loaded).to.have.length(rules.length);
      expect(loaded.filter(({ health }) => health !== 'ok')).to.deep.equal([]);
    });

    it('S3-29 counts the shadow’s calls as it counts those of clients', async () => {
      const queries = ['leg="primary"', 'leg="target"'].flatMap((leg) =>
        [
          `gen_ai_server_time_to_first_token_seconds_count{${leg}}`,
          `gen_ai_server_time_per_output_token_seconds_count{${leg}}`,
          `gen_ai_server_request_duration_seconds_count{${leg},error_type="server_error"}`,
          `gen_ai_client_token_usage_count{${leg}}`,
          `ccproxy_tokens_total{${leg},token_type="reasoning"}`,
          `ccproxy_tokens_total{${leg},token_type="cache_write"}`,
          `ccproxy_tool_calls_total{${leg}}`,
        ].map((expr) => ({ title: 'leg', expr })),
      );
      for (const job of ['cc-gateway', 'cc-comparator']) {
        const matchers = `job="${job}",error_type="credential_refused",outcome="upstream_error"`;
        queries.push({ title: 'key', expr: `ccproxy_upstream_attempts_total{${matchers}}` });
      }
      expect(await lacking(queries, hasMoreThanZero)).to.deep.equal([]);
    });

    it('S3-29 leads from the panels with exemplars to traces that were exported', async () => {
      const drawn = panels.flatMap(({ title, targets }) =>
        targets.filter(({ exemplar }) => exemplar === true).map(({ expr }) => ({ title, expr: fillIn(expr, WINDOW) })),
      );
      expect(drawn).to.have.length.above(2);
      drawn.push({ title: 'shadow', expr: 'gen_ai_server_time_to_first_token_seconds_bucket{leg="target"}' });
      for (const { title, expr } of drawn) {
        const traces = (await prometheus?.exemplars(expr)) ?? [];
        expect(traces, title).to.have.length.above(0);
        await bed.sink.waitFor((spans) => {
          const exported = new Set(spans.map(({ traceId }) => traceId));
          return traces.every((trace) => exported.has(trace));
        }, DATA_MS);
      }
    });

    it('S3-29 fires at the first refusal of the gateway’s own key', async () => {
      await until(async () => (await firing('CcProxyCredentialRefused')).length > 0, ALERT_MS, SCRAPE_MS);
      const [alert] = await firing('CcProxyCredentialRefused');
      expect(alert?.labels).to.include({ upstream: 'native', severity: 'page' });
      expect(alert?.annotations.description).to.match(/^native refused the key/);
    });

    it('S3-29 fires while a process does not answer, and no longer', async () => {
      expect(await firing('CcProxyTargetDown')).to.deep.equal([]);
      history.signal('SIGSTOP');
      try {
        await until(async () => (await firing('CcProxyTargetDown')).length > 0, ALERT_MS, SCRAPE_MS);
        const alerts = await firing('CcProxyTargetDown');
        expect(alerts.map(({ labels }) => labels.instance)).to.deep.equal([new URL(history.opsUrl).host]);
        expect(alerts[0]?.labels).to.include({ job: 'cc-console', severity: 'page' });
      } finally {
        history.signal('SIGCONT');
      }
      await until(async () => (await firing('CcProxyTargetDown')).length === 0, ALERT_MS, SCRAPE_MS);
    });
  });

  describe('read by anybody', () => {
    it('S3-29 begins every series at the start, and gives nothing that a client sends one of its own', async () => {
      const asked = async (): Promise<number> =>
        (await readMetrics(gateway.opsUrl))('ccproxy_gateway_requests_total', { outcome: 'ok' });
      const before = await asked();
      await setMode(gateway, 'compare');
      const oddities = fc.sample(fc.string({ minLength: 1, maxLength: 30 }), { numRuns: ODD_REQUESTS, seed: 7 });
      await Promise.all(oddities.map((text, at) => send(gateway.url, oddRequest(text, at))));
      await until(async () => (await asked()) >= before + ODD_REQUESTS, DATA_MS, SCRAPE_MS);
      await setMode(gateway, 'target');
      for (const [at, { opsUrl }] of services.entries()) {
        const series = await ownSeries(opsUrl);
        expect(series.filter((name) => name.includes(MARK))).to.deep.equal([]);
        const later = series.filter((name) => !atStart[at]?.has(name) && !OURS_ASKED_THERE.test(name));
        expect(later, opsUrl).to.deep.equal([]);
        expect(series).to.have.length.below(10_000);
      }
    });

    it('S3-29 serves metrics as text on the ops listener alone, where nobody can reset them', async () => {
      for (const { url, opsUrl } of services) {
        const spans = async (): Promise<number> =>
          (await readMetrics(opsUrl))('ccproxy_telemetry_export_seconds_count') +
          (await readMetrics(opsUrl))('process_cpu_seconds_total');
        const before = await spans();
        for (const method of ['POST', 'PUT', 'DELETE', 'PATCH']) {
          const refused = await fetch(`${opsUrl}/metrics`, { method });
          expect(refused.status, method).to.equal(405);
        }
        for (const path of ['/metrics/reset', '/api/metrics', '/reset']) {
          expect((await fetch(opsUrl + path)).status, path).to.equal(404);
        }
        expect(await spans()).to.be.at.least(before);
        expect(before).to.be.above(0);
        const { headers } = await fetch(`${opsUrl}/metrics`);
        expect(headers.get('content-type')).to.match(/^application\/openmetrics-text/);
        expect((await fetch(`${url}/metrics`)).status, url).to.equal(404);
      }
    });
  });
});
