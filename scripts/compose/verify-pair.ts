// One compared pair, read back everywhere: in the console, in Phoenix, in Jaeger without its text, and in Prometheus.
import { loadavg } from 'node:os';
import { dig, getJson, listAt, poll } from './docker.ts';
import type { Report } from './report.ts';
import type { Stack } from './stack.ts';

/** What is promised from `docker compose up` to a pair that can be seen. */
const PROMISED_SECONDS = 60;
const PATIENCE_SECONDS = 120;
const PAUSE_MS = 500;
/** The spans of both models' calls: one comes from the gateway, one from the comparator. */
const LEGS = ['primary_forward', 'compare_request'];
const CONTENT =
  /^(input\.value|output\.value|llm\.(input|output)_messages\.|llm\.tools\.|gen_ai\.(input|output)\.messages)/;

export async function verifyPair(stack: Stack, report: Report): Promise<void> {
  const sent = stack.compose('logs', '--no-log-prefix', 'demo-sessions').stdout.trim();
  report.check('demo sessions are sent', /demo: [1-9]\d* turns of \d sessions sent/.test(sent) ? [] : [sent], sent);
  const token = stack.adminToken();
  const traceId = await inConsole(stack, report, token);
  if (traceId === null) return;
  const inConsoleAfter = secondsSince(stack);
  // Side by side: each is timed for itself.
  const [inPhoenixAfter, inJaegerAfter] = await Promise.all([
    inPhoenix(stack, report, traceId).then(() => secondsSince(stack)),
    inJaeger(stack, report, traceId).then(() => secondsSince(stack)),
  ]);
  report.fact(
    'from `up` to the pair',
    `in the console ${inConsoleAfter} s, in Jaeger ${inJaegerAfter} s, in Phoenix ${inPhoenixAfter} s, which took ` +
      `${phoenixStart(stack)} s to start by itself (promised: ${PROMISED_SECONDS}; load average ${loadavg()[0]?.toFixed(1)})`,
  );
  await inPrometheus(stack, report);
  await inGrafana(stack, report);
}

/** Seconds from `up` to Phoenix's own word that it serves; `?` where it says none. */
function phoenixStart(stack: Stack): string {
  const lines = stack.compose('logs', '--no-log-prefix', '--timestamps', 'phoenix').stdout.split('\n');
  const ready = Date.parse(lines.find((line) => line.includes('startup complete'))?.split(' ')[0] ?? '');
  return Number.isNaN(ready) ? '?' : ((ready - stack.startedMs) / 1000).toFixed(0);
}

function secondsSince(stack: Stack): string {
  return ((Date.now() - stack.startedMs) / 1000).toFixed(0);
}

/** @returns the trace id of a scored pair */
async function inConsole(stack: Stack, report: Report, token: string): Promise<string | null> {
  const url = `${stack.url('CONSOLE_PORT')}/api/pairs`;
  const pair = await poll(PATIENCE_SECONDS, PAUSE_MS, async () => {
    const page = await getJson(url, { authorization: `Bearer ${token}` });
    return listAt(page, 'data').find((row) => dig(row, 'exported_at') && dig(row, 'level')) ?? null;
  });
  const note =
    pair === null
      ? ''
      : `verdict ${dig(pair, 'verdict')}, level ${dig(pair, 'level')}, latency ratio ${dig(pair, 'latency_ratio')}`;
  report.check('a compared pair is in the console', pair === null ? [`none at ${url}`] : [], note);
  const closed = await fetch(url);
  await closed.body?.cancel();
  report.check('the console refuses who has no token', closed.status === 401 ? [] : [`answered ${closed.status}`]);
  return pair === null ? null : String(dig(pair, 'trace_id'));
}

async function inPhoenix(stack: Stack, report: Report, traceId: string): Promise<void> {
  const url = `${stack.url('PHOENIX_PORT')}/v1/projects/default/spans?limit=1000`;
  const spans = await poll(PATIENCE_SECONDS, PAUSE_MS, async () => {
    const own = listAt(await getJson(url), 'data').filter((span) => dig(span, 'context', 'trace_id') === traceId);
    const names = own.map((span) => dig(span, 'name'));
    return LEGS.every((leg) => names.includes(leg)) ? own : null;
  });
  const names = (spans ?? []).map((span) => String(dig(span, 'name')));
  const text = (spans ?? []).filter((span) => {
    const attributes = (dig(span, 'attributes') ?? {}) as object;
    return Object.keys(attributes).some((key) => CONTENT.test(key));
  });
  report.check(
    'both legs of it are in Phoenix, in one trace',
    spans === null ? [`not both of ${LEGS.join(', ')} in trace ${traceId}`] : [],
    names.join(', '),
  );
  report.check('Phoenix has prompts and answers', text.length > 1 ? [] : [`${text.length} spans with text`]);
}

async function inJaeger(stack: Stack, report: Report, traceId: string): Promise<void> {
  const url = `${stack.url('JAEGER_PORT')}/api/traces/${traceId}`;
  const trace = await poll(PATIENCE_SECONDS, PAUSE_MS, async () => {
    const answer = await getJson(url);
    const names = listAt(answer, 'data', 0, 'spans').map((span) => dig(span, 'operationName'));
    return LEGS.every((leg) => names.includes(leg)) ? answer : null;
  });
  const spans = listAt(trace, 'data', 0, 'spans');
  const services = Object.values((dig(trace, 'data', 0, 'processes') ?? {}) as object).map((it) =>
    dig(it, 'serviceName'),
  );
  report.check(
    'both legs of it are in Jaeger',
    trace === null ? [`not both of ${LEGS.join(', ')} at ${url}`] : [],
    `${spans.length} spans of ${[...new Set(services)].join(', ')}`,
  );
  const leaked = spans
    .flatMap((span) => listAt(span, 'tags').map((tag) => String(dig(tag, 'key'))))
    .filter((key) => CONTENT.test(key));
  report.check('Jaeger has no prompt and no answer', spans.length === 0 ? ['nothing to look at'] : leaked.slice(0, 5));
}

async function inPrometheus(stack: Stack, report: Report): Promise<void> {
  const ask = async (expression: string): Promise<unknown[]> =>
    listAt(
      await getJson(`${stack.url('PROMETHEUS_PORT')}/api/v1/query?query=${encodeURIComponent(expression)}`),
      ...['data', 'result'],
    );
  const jobs = ['cc-gateway', 'cc-comparator', 'cc-console', 'otel-collector', 'phoenix'];
  const up = await poll(PATIENCE_SECONDS, PAUSE_MS, async () => {
    const names = (await ask('up == 1')).map((series) => String(dig(series, 'metric', 'job')));
    return jobs.every((job) => names.includes(job)) ? names : null;
  });
  const seen = (await ask('up')).map((series) => `${dig(series, 'metric', 'job')}=${dig(series, 'value', 1)}`);
  report.check('Prometheus scrapes everything', up === null ? seen : [], seen.join(' '));
  const pairs = await poll(PATIENCE_SECONDS, PAUSE_MS, async () => {
    const value = Number(dig((await ask('sum(ccproxy_compare_pairs_total)'))[0], 'value', 1));
    return value > 0 ? value : null;
  });
  report.check(
    'Prometheus counts the pairs',
    pairs === null ? ['ccproxy_compare_pairs_total is 0 or missing'] : [],
    `${pairs}`,
  );
  const rules = listAt(await getJson(`${stack.url('PROMETHEUS_PORT')}/api/v1/rules`), 'data', 'groups').flatMap(
    (group) => listAt(group, 'rules'),
  );
  const ill = rules
    .filter((rule) => dig(rule, 'health') === 'err')
    .map((rule) => `${dig(rule, 'name')}: ${dig(rule, 'lastError')}`);
  report.check('Prometheus has the rules', rules.length > 0 ? ill : ['none'], `${rules.length} rules`);
}

async function inGrafana(stack: Stack, report: Report): Promise<void> {
  const url = stack.url('GRAFANA_PORT');
  const health = await poll(PATIENCE_SECONDS, PAUSE_MS, () => getJson(`${url}/api/health`));
  report.check('Grafana answers', health === null ? ['no answer'] : []);
  if (dig(health, 'database') === undefined) {
    report.notRun('Grafana has dashboards and data sources', 'what answers there is no Grafana');
    return;
  }
  const found = (await getJson(`${url}/api/search?type=dash-db`)) as unknown[] | null;
  const titles = (found ?? []).map((it) => String(dig(it, 'title')));
  report.check('Grafana has the dashboards', titles.length >= 6 ? [] : titles, titles.join(', '));
}
