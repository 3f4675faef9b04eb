// The catalogue: names, labels that cannot grow, zeros from the start, and a text that Prometheus' own linter accepts.
import { spawnSync } from 'node:child_process';
import { expect } from 'chai';
import fc from 'fast-check';
import type { DeadReason, PublishResult } from '#shared/bus/bus.ts';
import type { CallOutcome, Mode, SkipReason } from '#shared/exchange/exchange.ts';
import type { DRIFT_KINDS } from '#shared/messages/find-drift.ts';
import type { LintRule } from '#shared/messages/lint-stream.ts';
import { beginAtZero } from '#shared/telemetry/begin-at-zero.ts';
import { createMetrics, type Metrics } from '#shared/telemetry/metrics.ts';
import * as vocabulary from '#shared/telemetry/vocabulary.ts';

const { boundedLabel } = vocabulary;

/** Compiles only while both say the same words. */
type Same<A extends string, B extends string> = [A] extends [B] ? ([B] extends [A] ? true : false) : false;
const vocabulariesAgree: [
  Same<(typeof vocabulary.ENQUEUE_RESULTS)[number], PublishResult>,
  Same<(typeof vocabulary.SKIP_REASONS)[number], SkipReason>,
  Same<(typeof vocabulary.DEAD_REASONS)[number], DeadReason>,
  Same<(typeof vocabulary.OUTCOMES)[number], CallOutcome>,
  Same<(typeof vocabulary.MODES)[number], Mode>,
  Same<(typeof vocabulary.LINT_RULES)[number], LintRule>,
  Same<(typeof vocabulary.DRIFT_KINDS)[number], (typeof DRIFT_KINDS)[number]>,
] = [true, true, true, true, true, true, true];

async function seriesCount(metrics: Metrics): Promise<number> {
  return (await metrics.registry.metrics()).split('\n').filter((line) => line !== '' && !line.startsWith('#')).length;
}

function camelCase(name: string): string {
  return name.replace(/^ccproxy_/, '').replace(/_([a-z])/g, (_all, letter: string) => letter.toUpperCase());
}

describe('metrics', () => {
  it('says the same words as the ports whose results it counts', () => {
    expect(vocabulariesAgree).to.not.include(false);
  });

  it('has a property for each family, named like the metric', () => {
    const metrics = createMetrics({ processMetrics: false });
    const names = metrics.registry.getMetricsAsArray().map(({ name }) => camelCase(name));
    const properties = Object.keys(metrics).filter((key) => key !== 'registry');
    expect(properties.toSorted()).to.deep.equal(names.toSorted());
    expect(properties).to.include.members([
      'gatewayRequestsTotal',
      'genAiServerTimeToFirstTokenSeconds',
      'compareTargetUnavailableSecondsTotal',
      'telemetrySpansTotal',
    ]);
  });

  it('shows every closed combination of labels as 0 from the start', async () => {
    const metrics = createMetrics({ processMetrics: false });
    const text = await metrics.registry.metrics();
    expect(text).to.include(
      'ccproxy_gateway_requests_total{route="messages",mode="target",stream="true",outcome="upstream_error"} 0',
    );
    expect(text).to.include('ccproxy_compare_skipped_total{reason="thread_continue"} 0');
    expect(text).to.include('ccproxy_compare_stop_reason_pairs_total{primary="tool_use",target="end_turn"} 0');
    expect(text).to.match(/ccproxy_gateway_overhead_seconds_count\{mode="compare"\} 0/);
    expect(text).to.include('ccproxy_compare_duplicate_calls_total 0');
  });

  it('shows what may be called as 0 from the start, each way that a call can end', async () => {
    const metrics = createMetrics({ processMetrics: false });
    beginAtZero(metrics, 'target', [
      { upstream: 'glm', model: 'glm-5' },
      { upstream: 'glm', model: 'other' },
    ]);
    const text = await metrics.registry.metrics();
    expect(text).to.include('ccproxy_tokens_total{leg="target",model="glm-5",token_type="cache_read"} 0');
    expect(text).to.include('ccproxy_tokens_total{leg="target",model="other",token_type="cache_read"} 0');
    expect(text).to.include(
      'ccproxy_upstream_attempts_total{upstream="glm",outcome="upstream_error",error_type="credential_refused"} 0',
    );
    expect(text).to.include('ccproxy_stream_lint_total{upstream="glm",rule="index_gap"} 0');
    expect(text).to.match(/gen_ai_server_time_to_first_token_seconds_count\{[^}]*="glm-5"[^}]*\} 0/);
    expect(text).to.not.match(/leg="primary"[^}]*glm/);
    const types = new Set(vocabulary.ATTEMPT_ENDS.map(([, type]) => type));
    expect([...types]).to.have.members([...vocabulary.ERROR_TYPES]);
  });

  it('shows OpenMetrics with the trace of an observation', async () => {
    const metrics = createMetrics({ processMetrics: false });
    const traceId = '0af7651916cd43dd8448eb211c80319c';
    metrics.genAiServerTimeToFirstTokenSeconds.observe({
      labels: { leg: 'primary', gen_ai_request_model: 'glm-5', gen_ai_provider_name: 'glm' },
      value: 1.5,
      exemplarLabels: { trace_id: traceId },
    });
    expect(metrics.registry.contentType).to.include('application/openmetrics-text');
    const text = await metrics.registry.metrics();
    expect(text).to.match(
      new RegExp(`_bucket\\{le="2",.*gen_ai_request_model="glm-5".*\\} 1 # \\{trace_id="${traceId}"\\} 1.5`),
    );
    expect(text.endsWith('# EOF\n')).to.equal(true);
  });

  it('keeps two registries of one process apart', async () => {
    const [one, two] = [createMetrics({ processMetrics: false }), createMetrics({ processMetrics: false })];
    one.comparePairsTotal.inc({ verdict: 'diverged' });
    expect(await two.registry.metrics()).to.include('ccproxy_compare_pairs_total{verdict="diverged"} 0');
  });

  it('says what runs', async () => {
    const metrics = createMetrics({ processMetrics: false, version: '1.2.3', revision: 'abc', service: 'cc-gateway' });
    expect(await metrics.registry.metrics()).to.match(
      /ccproxy_build_info\{version="1\.2\.3",revision="abc",node_version="\d+[\d.]+",service="cc-gateway"\} 1/,
    );
  });

  it('asks a gauge that follows a value when it is read', async () => {
    const metrics = createMetrics({ processMetrics: false });
    let inFlight = 0;
    metrics.gatewayRequestsInFlight.follow({ route: 'messages', upstream: 'u' }, () => inFlight);
    for (inFlight of [3, 5]) {
      const series = `ccproxy_gateway_requests_in_flight{route="messages",upstream="u"} ${inFlight}\n`;
      expect(await metrics.registry.metrics()).to.include(series);
    }
  });

  it('shows process metrics without the three gauges that pretend to be counters', async () => {
    const text = await createMetrics().registry.metrics();
    expect(text).to.include('process_cpu_seconds').and.include('nodejs_eventloop_lag_p99_seconds');
    expect(text).to.not.match(/nodejs_active_(handles|requests|resources)_total/);
  });

  it('bounds a label to the first eight known names', () => {
    const label = boundedLabel(['a', 'a', 'b', 'c', 'd', 'e', 'f', 'g', 'h', 'i']);
    expect(label('a')).to.equal('a');
    expect(label('h')).to.equal('h');
    expect(label('i')).to.equal('other');
    expect(label('constructor')).to.equal('other');
    expect(label(null)).to.equal('other');
  });

  it('stays below ten thousand series whatever model names arrive', async () => {
    const models = ['m1', 'm2', 'm3', 'm4', 'm5', 'm6', 'm7', 'm8'];
    const metrics = createMetrics();
    for (const leg of vocabulary.LEGS) {
      const ofModels = models.map((model) => ({ upstream: `of-${model}`, model }));
      const others = ['passthrough', 'u1', 'u2', 'u3'].map((upstream) => ({ upstream, model: 'other' }));
      beginAtZero(metrics, leg, [...ofModels, ...others]);
    }
    const label = boundedLabel(models);
    const anyName = fc.oneof(fc.constantFrom(...models), fc.string());
    fc.assert(
      fc.property(anyName, fc.constantFrom(...vocabulary.LEGS), (name, leg) => {
        const labels = { leg, gen_ai_request_model: label(name), gen_ai_provider_name: 'u1' };
        metrics.genAiServerTimeToFirstTokenSeconds.observe({ labels, value: 1 });
        metrics.genAiServerTimePerOutputTokenSeconds.observe(labels, 1);
        metrics.genAiServerRequestDurationSeconds.observe({ labels: { ...labels, error_type: 'none' }, value: 1 });
        metrics.genAiClientTokenUsage.observe({ ...labels, gen_ai_token_type: 'input' }, 1);
        metrics.tokensTotal.inc({ leg, model: label(name), token_type: 'input' });
        metrics.stopReasonsTotal.inc({ leg, model: label(name), stop_reason: 'end_turn' });
      }),
      { numRuns: 2000 },
    );
    expect(await seriesCount(metrics)).to.be.below(10_000);
  });

  it('renders text that promtool accepts', async function () {
    const found = spawnSync('promtool', ['--version']);
    if (found.error !== undefined) {
      console.warn('      promtool is not installed: the metric text is NOT linted in this run');
      this.skip();
    }
    const metrics = createMetrics({ format: 'text', version: '1', revision: 'r' });
    beginAtZero(metrics, 'primary', [{ upstream: 'glm', model: 'glm-5' }]);
    const lint = spawnSync('promtool', ['check', 'metrics'], { input: await metrics.registry.metrics() });
    expect(`${lint.stdout}${lint.stderr}`).to.equal('');
    expect(lint.status).to.equal(0);
  });

  it('renders one help and one type a family, and no series twice', async () => {
    const metrics = createMetrics({ format: 'text' });
    beginAtZero(metrics, 'primary', [{ upstream: 'glm', model: 'glm-5' }]);
    const text = await metrics.registry.metrics();
    const lines = text.split('\n').filter((line) => line !== '');
    const types = lines.filter((line) => line.startsWith('# TYPE')).map((line) => line.split(' ')[2] ?? '');
    expect(new Set(types).size).to.equal(types.length);
    const series = lines.filter((line) => !line.startsWith('#')).map((line) => line.slice(0, line.lastIndexOf(' ')));
    expect(new Set(series).size).to.equal(series.length);
    const counters = lines.filter((line) => /^# TYPE \S+ counter$/.test(line)).map((line) => line.split(' ')[2] ?? '');
    expect(counters.filter((name) => !name.endsWith('_total'))).to.deep.equal([]);
    const own = types.filter((name) => /^(ccproxy|gen_ai)_/.test(name));
    expect(own.filter((name) => !/^[a-z][a-z0-9_]*$/.test(name))).to.deep.equal([]);
  });
});
