// The demo: `./scripts/demo [--once]`. Gateway, comparator and console in this process on embedded parts, two simulated
// models, and the recorded requests of real clients replayed in compare mode. Needs no key and no server; what it keeps
// is in a temporary folder. Settings [tracing] and [log] are taken from the environment (CC_TRACING__ENDPOINT=…).
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { type StartedAll, startAll } from '#services/cli/commands/start.ts';
import { createSimulator, type Simulator } from '#services/simulator/service.ts';
import { loadConfig } from '#shared/config/load.ts';
import { untilSignalled } from '#shared/lifecycle.ts';
import type { ExchangeDetail, Page, PairRow } from '#shared/store/store.ts';
import { type RecordedRequest, recordingNames, replay, requestsOf, sceneFor } from '../test/support/recordings.ts';
import { type DemoExchange, formatReport, isAccountedFor } from './demo-report.ts';
import { createDemoScenes, DEMO_SCENE_HEADER } from './demo-scenes.ts';

const SECONDARY = 'simulated-secondary';
/** Sessions replayed at a time; within one, requests follow each other as they did. */
const SESSIONS_AT_ONCE = 6;
const SETTLE_MS = 60_000;
const POLL_MS = 50;

interface Demo {
  started: StartedAll;
  primary: Simulator;
  secondary: Simulator;
  stop(): Promise<void>;
}

async function startDemo(): Promise<Demo> {
  const folder = mkdtempSync(join(tmpdir(), 'cc-proxy-demo-'));
  const primary = await createSimulator({ listenAddress: '127.0.0.1:0', seed: 1 });
  const secondary = await createSimulator({ listenAddress: '127.0.0.1:0', seed: 2 });
  primary.use(createDemoScenes(1));
  const kept = Object.entries(process.env).filter(([name]) => /^CC_(TRACING|LOG)__/.test(name));
  const started = await startAll(
    loadConfig({
      env: { CC_LOG__LEVEL: 'error', ...Object.fromEntries(kept), HOME: folder },
      cwd: folder,
      flags: {
        default_mode: 'compare',
        state_dir: folder,
        'passthrough.url': primary.url,
        'target.url': secondary.url,
        'target.model': SECONDARY,
        // Room for every replayed session at once.
        'compare.call.concurrency': SESSIONS_AT_ONCE,
        'server.listen_address': await addressAt(3080),
        'comparator.listen_address': await addressAt(3081),
        'console.listen_address': await addressAt(3082),
        'ops.listen_address': await addressAt(9464),
      },
    }),
  );
  const stop = async (): Promise<void> => {
    await started.stop();
    await Promise.all([primary.stop(), secondary.stop()]);
    rmSync(folder, { recursive: true, force: true });
  };
  return { started, primary, secondary, stop };
}

/** The usual port, or a free one when somebody has it. */
function addressAt(port: number): Promise<string> {
  return new Promise((resolve) => {
    const probe = createServer();
    probe.once('error', () => resolve('127.0.0.1:0'));
    probe.listen(port, '127.0.0.1', () => probe.close(() => resolve(`127.0.0.1:${port}`)));
  });
}

/** Replays every recording; the result is the exchanges that the gateway should have published. */
async function replayAll(demo: Demo, onProgress: () => void): Promise<Array<{ recording: string; id: string }>> {
  const waiting = recordingNames();
  const sent: Array<{ recording: string; id: string }> = [];
  const work = async (): Promise<void> => {
    for (let name = waiting.shift(); name !== undefined; name = waiting.shift()) {
      for (const recorded of requestsOf(name)) {
        const id = await send(demo.started.gatewayUrl, recorded);
        if (isMessage(recorded)) sent.push({ recording: name, id });
        onProgress();
      }
    }
  };
  await Promise.all(Array.from({ length: SESSIONS_AT_ONCE }, work));
  return sent;
}

/** @returns the request id that the gateway gave */
async function send(gatewayUrl: string, recorded: RecordedRequest): Promise<string> {
  const scene = isMessage(recorded) ? [DEMO_SCENE_HEADER, sceneFor(recorded.file, recorded.seq)] : [];
  const { rawHeaders } = await replay(gatewayUrl, recorded, scene);
  const at = rawHeaders.findIndex((name, index) => index % 2 === 0 && name.toLowerCase() === 'x-ccproxy-request-id');
  return rawHeaders[at + 1] ?? '';
}

function isMessage({ method, url }: RecordedRequest): boolean {
  return method === 'POST' && url.split('?')[0] === '/v1/messages';
}

/** Waits until each exchange is in the history and has the pairs it is due, and no longer than the time limit. */
async function settle(
  demo: Demo,
  sent: Array<{ recording: string; id: string }>,
  onProgress: (settled: number) => void,
): Promise<DemoExchange[]> {
  const { consoleUrl } = demo.started;
  const deadlineMs = Date.now() + SETTLE_MS;
  const exchanges: DemoExchange[] = sent.map(({ recording, id }) => ({
    ...{ recording, id, class: '?', shadow: [], skipReason: null, pairs: [] },
  }));
  const open = new Set(exchanges);
  while (open.size > 0 && Date.now() < deadlineMs) {
    for (const exchange of open) {
      await look(consoleUrl, exchange);
      if (isAccountedFor(exchange)) open.delete(exchange);
    }
    onProgress(exchanges.length - open.size);
    if (open.size > 0) await sleep(POLL_MS);
  }
  return exchanges;
}

async function look(consoleUrl: string, exchange: DemoExchange): Promise<void> {
  const row = await get<ExchangeDetail>(`${consoleUrl}/api/history/${exchange.id}`);
  if (!row) return;
  exchange.class = row.class;
  exchange.shadow = row.shadow;
  exchange.skipReason = row.skip_reason;
  const page = await get<Page<PairRow>>(`${consoleUrl}/api/pairs?exchange_id=${exchange.id}`);
  exchange.pairs = page?.data ?? [];
}

/** null when it is not there (yet). */
async function get<Answer>(url: string): Promise<Answer | null> {
  const response = await fetch(url);
  if (response.status === 404) return null;
  if (!response.ok) throw new Error(`GET ${url} answered ${response.status}: ${await response.text()}`);
  return (await response.json()) as Answer;
}

/** One line that is rewritten on a terminal; elsewhere a line for each quarter. */
function createProgress(label: string, total: number): (done: number) => void {
  let printed = -1;
  return (done) => {
    const isLive = process.stdout.isTTY;
    const step = isLive ? done : Math.floor((done / total) * 4);
    if (step === printed) return;
    printed = step;
    const line = `${label} ${done}/${total}`;
    process.stdout.write(isLive ? `\r${line}${done === total ? '\n' : ''}` : `${line}\n`);
  };
}

function describeUrls({ started, primary, secondary }: Demo): string {
  return [
    'Look around:',
    `  ${started.consoleUrl}/api/pairs      every pair with its scores`,
    `  ${started.consoleUrl}/api/history    every request`,
    `  ${started.comparatorUrl}/api/comparator`,
    `  ${started.opsUrl}/metrics`,
    `  ${primary.url}/__seen and ${secondary.url}/__seen    what the two models received`,
    'Send something yourself:',
    `  ANTHROPIC_BASE_URL=${started.gatewayUrl} ANTHROPIC_API_KEY=any claude`,
  ].join('\n');
}

async function main(): Promise<void> {
  const { values } = parseArgs({ options: { once: { type: 'boolean', default: false } } });
  console.log('Starting gateway, comparator and console in one process, and two simulated models …');
  const demo = await startDemo();
  const total = recordingNames().flatMap(requestsOf).length;
  const onReplayed = createProgress('Replaying recorded requests', total);
  let replayed = 0;
  onReplayed(replayed);
  const sent = await replayAll(demo, () => onReplayed(++replayed));
  sent.sort((a, b) => a.recording.localeCompare(b.recording) || a.id.localeCompare(b.id));
  const exchanges = await settle(demo, sent, createProgress('Exchanges paired or skipped', sent.length));
  console.log(`\n${formatReport(exchanges)}\n`);
  const lost = exchanges.filter((exchange) => !isAccountedFor(exchange));
  for (const { recording, id } of lost) console.log(`not accounted for: ${recording} ${id}`);
  if (!values.once) {
    console.log(`${describeUrls(demo)}\n\nCtrl-C ends it.`);
    await untilSignalled();
  }
  await demo.stop();
  process.exitCode = lost.length === 0 && sent.length > 0 ? 0 : 1;
}

await main();
