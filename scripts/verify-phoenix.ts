// The checks of scripts/verify-phoenix.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { freePort } from '../test/support/free-port.ts';
import { takePicture } from './traces/take-picture.ts';
import {
  type Checks,
  createChecks,
  end,
  eventually,
  getJson,
  isInstalled,
  skip,
  startProgram,
  startTracedServices,
} from './traces/traced-services.ts';
import { COMPLETION_TOKENS, PROMPT_TOKENS, SESSION, sendSession } from './traces/traffic.ts';

interface PhoenixSpan {
  id: string;
  name: string;
  context: { trace_id: string; span_id: string };
  span_kind: string;
  parent_id: string | null;
  attributes: Record<string, unknown>;
}

interface Annotation {
  span_id: string;
  name: string;
  annotator_kind: string;
  identifier: string;
  result: { label: string | null; score: number | null; explanation: string | null };
}

const PROJECT = 'cc-proxy-verify';
const NAMES = ['compare_pair', 'compare_request', 'primary_forward', 'proxy_request'];
const KINDS = ['EVALUATOR', 'LLM', 'UNKNOWN', 'LLM'];
const START_MS = 300_000;

const { values: options } = parseArgs({ options: { picture: { type: 'string' }, grpc: { type: 'boolean' } } });
const root = join(import.meta.dirname, '..');

async function verify(): Promise<number> {
  const folder = mkdtempSync(join(tmpdir(), 'cc-proxy-phoenix-'));
  const given = process.env.PHOENIX_URL;
  const [port, grpcPort] = [await freePort(), await freePort()];
  const phoenix = given
    ? null
    : startProgram(join(root, 'scripts/phoenix'), [], {
        PHOENIX_PORT: String(port),
        PHOENIX_GRPC_PORT: String(grpcPort),
        PHOENIX_WORKING_DIR: folder,
      });
  const url = given ?? `http://127.0.0.1:${port}`;
  await eventually('Phoenix answers', () => fetch(`${url}/healthz`).then(({ ok }) => ok), START_MS);
  console.log(`Phoenix ${(await (await fetch(`${url}/arize_phoenix_version`)).text()).trim()}\n`);
  const services = await startTracedServices({
    ...(options.grpc
      ? { CC_TRACING__PROTOCOL: 'grpc', CC_TRACING__ENDPOINT: grpcUrl(grpcPort), CC_TRACING__PHOENIX_URL: url }
      : { CC_TRACING__ENDPOINT: url }),
    CC_TRACING__PROJECT: PROJECT,
    CC_TRACING__CONTENT: 'true',
  });
  try {
    const checks = createChecks();
    const ids = await sendSession(services);
    const pairs = await checkSpans(url, ids, checks);
    await checkScores(url, pairs, checks);
    await checkSession(url, checks);
    await checkExports(url, folder, checks);
    await checkCounters(services.comparator.opsUrl, checks);
    const [first] = pairs;
    if (options.picture !== undefined && first) await picture(url, first, options.picture, checks);
    return checks.end();
  } finally {
    await services.stop();
    if (phoenix !== null) await end(phoenix);
    rmSync(folder, { recursive: true, force: true });
  }
}

function grpcUrl(ownPort: number): string {
  return process.env.PHOENIX_GRPC_URL ?? `http://127.0.0.1:${ownPort}`;
}

type Pair = Record<string, PhoenixSpan>;

async function checkSpans(url: string, ids: readonly string[], { check }: Checks): Promise<Pair[]> {
  const pairs: Pair[] = [];
  for (const [index, id] of ids.entries()) {
    const spans = await eventually(`four spans of request ${index + 1}`, async () => {
      const all = await readSpans(url);
      const ours = all.filter((span) => attribute(span, 'ccproxy.request_id') === id);
      return ours.length >= NAMES.length && ours;
    });
    const named: Pair = Object.fromEntries(spans.map((span) => [span.name, span]));
    pairs.push(named);
    const traces = new Set(spans.map(({ context }) => context.trace_id));
    check(`request ${index + 1} is one trace of four spans`, traces.size === 1 && equal(sortedNames(spans), NAMES));
    const kinds = NAMES.map((name) => named[name]?.span_kind);
    check('kinds', equal(kinds, KINDS), kinds);
    const rootId = named.proxy_request?.context.span_id;
    const parents = NAMES.map((name) => named[name]?.parent_id === rootId);
    check('all others are children of proxy_request', equal(parents, [true, true, true, false]));
    const [traceId = ''] = traces;
    const sums = await eventually('token counts', () => tokensOf(url, traceId));
    check('tokens of both arms', equal(sums, [PROMPT_TOKENS, COMPLETION_TOKENS]), sums);
    for (const name of ['proxy_request', 'compare_request']) checkModelSpan(named[name], { check });
  }
  return pairs;
}

const SEED = [
  ...['ttft_ms', 'total_duration_ms', 'anthropic_request_id', 'llm.token_count.prompt', 'llm.token_count.completion'],
  ...['llm.invocation_parameters', 'llm.input_messages', 'llm.output_messages', 'llm.tools'],
];

function checkModelSpan(span: PhoenixSpan | undefined, { check }: Pick<Checks, 'check'>): void {
  const missing = SEED.filter((key) => span === undefined || attribute(span, key) === undefined);
  check(`${span?.name} has the attributes that people look for`, missing.length === 0, missing);
}

/** Phoenix answers with dotted keys, lists under numbers. */
function attribute({ attributes }: PhoenixSpan, key: string): unknown {
  return attributes[key] ?? Object.keys(attributes).find((each) => each.startsWith(`${key}.`));
}

async function checkScores(url: string, pairs: readonly Pair[], { check }: Checks): Promise<void> {
  for (const [index, { proxy_request: request, compare_request: shadow }] of pairs.entries()) {
    if (!request || !shadow) continue;
    const ids = [request, shadow].map(({ context }) => `span_ids=${context.span_id}`).join('&');
    const notes = await eventually(`scores of request ${index + 1}`, async () => {
      const page = await getJson<{ data: Annotation[] }>(
        `${url}/v1/projects/${PROJECT}/span_annotations?${ids}&limit=100`,
      );
      // The request's span comes from another process: what came before it waits in Phoenix for some seconds.
      return page.data.filter(({ name }) => name === 'verdict').length === 2 && page.data;
    });
    const verdicts = notes.filter(({ name }) => name === 'verdict');
    const expected = index === 2 ? 'diverged' : 'equivalent';
    check(
      'verdict on the request and on the answer that is judged',
      verdicts.length === 2 && verdicts.every(({ result }) => result.label === expected),
      verdicts.map(({ result }) => result.label),
    );
    const pairId = String(attribute(shadow, 'ccproxy.pair_id'));
    check(
      'every score is code’s, and has the pair as its identifier',
      notes.every(({ annotator_kind, identifier }) => annotator_kind === 'CODE' && identifier === pairId),
      notes.map(({ name }) => name).join(', '),
    );
  }
}

async function checkSession(url: string, { check }: Checks): Promise<void> {
  interface Session {
    session_id: string;
    traces?: unknown[];
  }
  const { data } = await getJson<{ data: Session[] }>(`${url}/v1/projects/${PROJECT}/sessions?limit=100`);
  const session = data.find(({ session_id }) => session_id === SESSION);
  check('the session of the client, with its three traces', session?.traces?.length === 3, session?.traces?.length);
}

async function checkExports(url: string, folder: string, { check }: Checks): Promise<void> {
  const json = join(folder, 'traces.json');
  const args = ['traces', 'export', '--name', 'proxy_request', '--url', url, '--project', PROJECT, '--out', json];
  spawnSync(process.execPath, ['--conditions=source', join(root, 'services/cli/main.ts'), ...args], {
    stdio: 'inherit',
  });
  const records = JSON.parse(readFileSync(json, 'utf8')) as Array<Record<string, unknown>>;
  const isIso = records.every(({ start_time }) => /^\d{4}-\d\d-\d\dT/.test(String(start_time)));
  check('cc-proxy traces export writes every request with ISO dates', records.length === 3 && isIso, records.length);
  if (!canBeHad()) {
    console.log('NOT RUN scripts/export_traces.py: its client comes with Phoenix, and scripts/phoenix finds none');
    return;
  }
  const fromPython = join(folder, 'python.json');
  const env = { ...process.env, PHOENIX_COLLECTOR_ENDPOINT: url, PHOENIX_PROJECT_NAME: PROJECT };
  const asked = ['--python', join(root, 'scripts/export_traces.py'), fromPython];
  const script = spawnSync(join(root, 'scripts/phoenix'), asked, { env, encoding: 'utf8' });
  if (script.status !== 0) console.log(script.stderr);
  const frames =
    script.status === 0 ? (JSON.parse(readFileSync(fromPython, 'utf8')) as Array<Record<string, unknown>>) : [];
  check('scripts/export_traces.py writes the same requests', equal(spanIds(frames), spanIds(records)), frames.length);
}

function spanIds(records: ReadonlyArray<Record<string, unknown>>): unknown[] {
  return records.map((record) => record['context.span_id']).sort();
}

function canBeHad(): boolean {
  return spawnSync(join(root, 'scripts/phoenix'), ['--find']).status === 0;
}

async function checkCounters(opsUrl: string, { check }: Checks): Promise<void> {
  const text = await (await fetch(`${opsUrl}/metrics`)).text();
  const posted = Number(/ccproxy_phoenix_annotations_total\{[^}]*result="posted"[^}]*\} (\d+)/.exec(text)?.[1]);
  check('scores are counted as posted', posted > 0, posted);
}

async function picture(url: string, pair: Pair, file: string, { check }: Checks): Promise<void> {
  const { data } = await getJson<{ data: Array<{ id: string; name: string }> }>(`${url}/v1/projects?limit=100`);
  const project = data.find(({ name }) => name === PROJECT)?.id ?? '';
  const shown = pair.compare_request;
  const page = `${url}/projects/${project}/traces/${shown?.context.trace_id}?selectedSpanNodeId=${shown?.id}`;
  const problem = await takePicture(page, 'compare_pair', file);
  if (problem === null) check(`a picture of the trace is in ${file}`, true);
  else console.log(`NOT RUN a picture of the trace: ${problem}`);
}

async function readSpans(url: string): Promise<PhoenixSpan[]> {
  return (await getJson<{ data: PhoenixSpan[] }>(`${url}/v1/projects/${PROJECT}/spans?limit=1000`)).data;
}

/** As Phoenix itself adds them up over the trace: prompt and completion. */
async function tokensOf(url: string, traceId: string): Promise<[number, number] | null> {
  interface Trace {
    trace_id: string;
    token_count_prompt?: number;
    token_count_completion?: number;
  }
  const { data } = await getJson<{ data: Trace[] }>(`${url}/v1/projects/${PROJECT}/traces?limit=100`);
  const trace = data.find(({ trace_id }) => trace_id === traceId);
  return trace ? [trace.token_count_prompt ?? -1, trace.token_count_completion ?? -1] : null;
}

function sortedNames(spans: readonly PhoenixSpan[]): string[] {
  return spans.map(({ name }) => name).sort();
}

function equal(one: unknown, other: unknown): boolean {
  return JSON.stringify(one) === JSON.stringify(other);
}

if (!process.env.PHOENIX_URL && !canBeHad())
  skip('verify-phoenix', 'Phoenix cannot be had: no phoenix, no uv and no python3 with venv in PATH');
else if (!isInstalled('redis-server')) skip('verify-phoenix', 'there is no redis-server in PATH');
else process.exitCode = await verify();
