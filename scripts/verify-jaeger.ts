// The checks of scripts/verify-jaeger: what Phoenix does not keep, Jaeger does.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort } from '../test/support/free-port.ts';
import {
  createChecks,
  end,
  eventually,
  getJson,
  isInstalled,
  skip,
  startProgram,
  startTracedServices,
} from './traces/traced-services.ts';
import { sendSession } from './traces/traffic.ts';

interface JaegerSpan {
  operationName: string;
  spanID: string;
  processID: string;
  references: Array<{ refType: 'CHILD_OF' | 'FOLLOWS_FROM'; traceID: string; spanID: string }>;
  tags: Array<{ key: string; value: unknown }>;
}

interface JaegerTrace {
  traceID: string;
  spans: JaegerSpan[];
  processes: Record<string, { serviceName: string }>;
}

const NAMES = ['compare_pair', 'compare_request', 'primary_forward', 'proxy_request'];

async function verify(): Promise<number> {
  const folder = mkdtempSync(join(tmpdir(), 'cc-proxy-jaeger-'));
  const ports = { otlp: await freePort(), query: await freePort(), grpc: await freePort(), health: await freePort() };
  const file = join(folder, 'jaeger.json');
  writeFileSync(file, JSON.stringify(jaegerConfig(ports)));
  const jaeger = startProgram('jaeger', ['--config', file], { OTEL_TRACES_SAMPLER: 'always_off' });
  const query = `http://127.0.0.1:${ports.query}`;
  await eventually('Jaeger answers', () => fetch(`${query}/api/services`).then(({ ok }) => ok));
  const services = await startTracedServices({ CC_TRACING__ENDPOINT: `http://127.0.0.1:${ports.otlp}` });
  try {
    const ids = await sendSession(services);
    return await checkTraces(query, ids);
  } finally {
    await services.stop();
    await end(jaeger);
    rmSync(folder, { recursive: true, force: true });
  }
}

async function checkTraces(query: string, ids: readonly string[]): Promise<number> {
  const { check, end: finish } = createChecks();
  for (const id of ids) {
    const trace = await eventually(`four spans of ${id}`, () => findTrace(query, id));
    const named = Object.fromEntries(trace.spans.map((span) => [span.operationName, span]));
    const { proxy_request: root, compare_request: shadow, compare_pair: pair } = named;
    check(`${id}: one trace of four spans`, equal(trace.spans.map((span) => span.operationName).sort(), NAMES));
    const parents = await readParents(query, trace.traceID);
    const expected = ['proxy_request', 'proxy_request', 'proxy_request', undefined];
    check('all others are children of proxy_request, which has no parent', equal(parents, expected), parents);
    check('compare_request links to proxy_request', equal(linksOf(shadow), [root?.spanID]), linksOf(shadow));
    check('compare_pair links to compare_request alone', equal(linksOf(pair), [shadow?.spanID]), linksOf(pair));
    const kinds = NAMES.map((name) => tag(named[name], 'span.kind') ?? 'internal');
    check('kinds', equal(kinds, ['internal', 'client', 'client', 'server']), kinds);
    const processes = NAMES.map((name) => trace.processes[named[name]?.processID ?? '']?.serviceName);
    check('processes', equal(processes, ['cc-comparator', 'cc-comparator', 'cc-gateway', 'cc-gateway']), processes);
    check('queue wait and delivery on compare_request', tag(shadow, 'ccproxy.delivery_count') === 1);
  }
  return finish();
}

async function findTrace(query: string, id: string): Promise<JaegerTrace | undefined> {
  const tags = encodeURIComponent(JSON.stringify({ 'ccproxy.request_id': id }));
  const url = `${query}/api/traces?service=cc-gateway&lookback=1h&limit=20&tags=${tags}`;
  const { data } = await getJson<{ data: JaegerTrace[] }>(url);
  return data.find(({ spans }) => spans.length >= NAMES.length);
}

/** Names of the parents by the order of NAMES, from the newer API: the older one shows a link to the parent in its place. */
async function readParents(query: string, traceId: string): Promise<Array<string | undefined>> {
  interface Found {
    result: {
      resourceSpans: Array<{ scopeSpans: Array<{ spans: Array<Record<'name' | 'spanId' | 'parentSpanId', string>> }> }>;
    };
  }
  const { result } = await getJson<Found>(`${query}/api/v3/traces/${traceId}`);
  const spans = result.resourceSpans.flatMap(({ scopeSpans }) => scopeSpans.flatMap((scope) => scope.spans));
  const parentOf = (name: string): string | undefined => spans.find((span) => span.name === name)?.parentSpanId;
  return NAMES.map((name) => spans.find(({ spanId }) => spanId === parentOf(name))?.name);
}

function linksOf(span: JaegerSpan | undefined): string[] {
  return (span?.references ?? []).filter(({ refType }) => refType === 'FOLLOWS_FROM').map(({ spanID }) => spanID);
}

function tag(span: JaegerSpan | undefined, key: string): unknown {
  return span?.tags.find((each) => each.key === key)?.value;
}

function equal(one: unknown, other: unknown): boolean {
  return JSON.stringify(one) === JSON.stringify(other);
}

/** All in memory, on loopback. JSON is YAML. */
function jaegerConfig({ otlp, query, grpc, health }: Record<'otlp' | 'query' | 'grpc' | 'health', number>) {
  return {
    service: {
      extensions: ['jaeger_storage', 'jaeger_query', 'healthcheckv2'],
      pipelines: { traces: { receivers: ['otlp'], exporters: ['jaeger_storage_exporter'] } },
      telemetry: { metrics: { level: 'none' }, logs: { level: 'error' } },
    },
    extensions: {
      healthcheckv2: { use_v2: true, http: { endpoint: `127.0.0.1:${health}` } },
      jaeger_query: {
        storage: { traces: 'mem' },
        http: { endpoint: `127.0.0.1:${query}` },
        grpc: { endpoint: `127.0.0.1:${grpc}` },
      },
      jaeger_storage: { backends: { mem: { memory: { max_traces: 2000 } } } },
    },
    receivers: { otlp: { protocols: { http: { endpoint: `127.0.0.1:${otlp}` } } } },
    exporters: { jaeger_storage_exporter: { trace_storage: 'mem' } },
  };
}

const missing = ['jaeger', 'redis-server'].find((program) => !isInstalled(program));
if (missing !== undefined) skip('verify-jaeger', `there is no ${missing} in PATH`);
else process.exitCode = await verify();
