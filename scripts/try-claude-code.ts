// The real Claude Code through the gateway, with a home folder of its own and a dummy key: between two simulated models,
// or before one server of a kind. Prints what it printed, every request it made, and in compare mode what became of each
// turn.
import { spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { type StartedAll, startAll } from '#services/cli/commands/start.ts';
import { createSimulator, type SeenRequest, type Simulator } from '#services/simulator/service.ts';
import { loadConfig } from '#shared/config/load.ts';
import type { ExchangeRow, Page, PairRow } from '#shared/store/store.ts';
import { claudeCode, installClaudeCode } from './clients/claude-code.ts';
import { CLAUDE_CODE_VERSION } from './clients/index.ts';
import { runCase } from './clients/run-case.ts';
import { isSceneName, SCENE_NAMES } from './clients/scenes.ts';
import { modelRequests, type Trial as ProviderTrial } from './clients/trial.ts';
import { formatTable } from './demo-report.ts';

const PROMPT = 'Run `echo hello` in Bash and tell me what it printed';
const TARGET_MODEL = 'glm-5-fp8';
const CLAUDE_MS = 120_000;
const SETTLE_MS = 30_000;
const POLL_MS = 50;

interface Trial {
  started: StartedAll;
  primary: Simulator;
  secondary: Simulator;
  folder: string;
  stop(): Promise<void>;
}

async function startTrial(mode: string): Promise<Trial> {
  const folder = mkdtempSync(join(tmpdir(), 'cc-proxy-claude-'));
  const primary = await createSimulator({ listenAddress: '127.0.0.1:0', seed: 1 });
  const secondary = await createSimulator({ listenAddress: '127.0.0.1:0', seed: 2 });
  const anyPort = '127.0.0.1:0';
  const started = await startAll(
    loadConfig({
      env: { CC_LOG__LEVEL: 'error', HOME: folder },
      cwd: folder,
      flags: {
        default_mode: mode,
        state_dir: join(folder, 'state'),
        'passthrough.url': primary.url,
        'target.url': secondary.url,
        'target.model': TARGET_MODEL,
        'server.listen_address': anyPort,
        'comparator.listen_address': anyPort,
        'console.listen_address': anyPort,
        'ops.listen_address': anyPort,
      },
    }),
  );
  const stop = async (): Promise<void> => {
    await started.stop();
    await Promise.all([primary.stop(), secondary.stop()]);
    rmSync(folder, { recursive: true, force: true });
  };
  return { started, primary, secondary, folder, stop };
}

interface Run {
  code: number | null;
  output: string;
}

/** Nothing of this environment reaches Claude Code but the path to programs. */
function runClaude(claude: [string, ...string[]], { started, folder }: Trial, model: string | undefined): Promise<Run> {
  const [home, work] = [join(folder, 'home'), join(folder, 'work')];
  for (const each of [home, work]) mkdirSync(each);
  const [command, ...first] = claude;
  const args = [...first, '-p', PROMPT, '--allowedTools', 'Bash', ...(model === undefined ? [] : ['--model', model])];
  const child = spawn(command, args, {
    cwd: work,
    env: {
      HOME: home,
      PATH: process.env.PATH ?? '',
      ANTHROPIC_BASE_URL: started.gatewayUrl,
      ANTHROPIC_API_KEY: 'dummy',
      CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC: '1',
    },
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: CLAUDE_MS,
  });
  const chunks: Buffer[] = [];
  child.stdout.on('data', (chunk: Buffer) => chunks.push(chunk));
  child.stderr.on('data', (chunk: Buffer) => chunks.push(chunk));
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code) => resolve({ code, output: Buffer.concat(chunks).toString('utf8') }));
  });
}

interface Turn {
  exchange: ExchangeRow & { shadow: string[]; skip_reason: string | null };
  pairs: PairRow[];
}

/** The turns that the answering model saw, as the console knows them; waits until each has its pairs or its reason. */
async function readTurns({ started }: Trial, count: number): Promise<Turn[]> {
  const deadlineMs = Date.now() + SETTLE_MS;
  for (;;) {
    const { data } = await get<Page<ExchangeRow>>(`${started.consoleUrl}/api/history?limit=200`);
    const turns = await Promise.all(data.map(({ id }) => readTurn(started.consoleUrl, id)));
    const isDone = turns.length >= count && turns.every(isAccountedFor);
    if (isDone || Date.now() > deadlineMs) return turns.reverse();
    await sleep(POLL_MS);
  }
}

async function readTurn(consoleUrl: string, id: string): Promise<Turn> {
  const exchange = await get<Turn['exchange']>(`${consoleUrl}/api/history/${id}`);
  const { data } = await get<Page<PairRow>>(`${consoleUrl}/api/pairs?exchange_id=${id}`);
  return { exchange, pairs: data };
}

async function get<Answer>(url: string): Promise<Answer> {
  const response = await fetch(url);
  if (!response.ok) throw new Error(`GET ${url} answered ${response.status}: ${await response.text()}`);
  return (await response.json()) as Answer;
}

function isAccountedFor({ exchange, pairs }: Turn): boolean {
  const isCompared = exchange.skip_reason === null;
  return isCompared ? exchange.shadow.length > 0 && pairs.length === exchange.shadow.length : pairs.length === 0;
}

function isTurn({ method, path }: SeenRequest): boolean {
  return method === 'POST' && path === '/v1/messages';
}

function formatRequests({ primary, secondary }: Trial): string {
  const rows = [
    ...primary.seen().map((request) => ({ asked: 'passthrough', request })),
    ...secondary.seen().map((request) => ({ asked: 'target', request })),
  ].sort((a, b) => a.request.atMs - b.request.atMs);
  const cells = rows.map(({ asked, request }) => {
    const body = request.body as
      | { model?: unknown; stream?: unknown; messages?: unknown[]; tools?: unknown[] }
      | undefined;
    return [
      asked,
      `${request.method} ${request.url}`,
      String(body?.model ?? '–'),
      body?.stream === true ? 'stream' : 'whole',
      String(body?.messages?.length ?? '–'),
      String(body?.tools?.length ?? '–'),
      `${(request.raw.length / 1024).toFixed(1)} KB`,
      request.headers['x-ccproxy-shadow'] === '1' ? 'comparison' : 'client',
    ];
  });
  return formatTable([['asked', 'request', 'model', 'answer', 'messages', 'tools', 'body', 'for'], ...cells]).join(
    '\n',
  );
}

function formatTurns(turns: Turn[]): string {
  const header = ['turn', 'class', 'mode', 'status', 'passthrough did', 'target would have done', 'level', 'verdict'];
  const rows = turns.flatMap(({ exchange, pairs }) => {
    const start = [exchange.id, exchange.class, exchange.mode, exchange.status];
    if (pairs.length === 0) return [[...start, '–', '–', '–', exchange.skip_reason ?? 'NO PAIR AND NO REASON']];
    return pairs.map((pair) => [...start, arm(pair.primary), arm(pair.secondary), pair.level ?? '–', pair.verdict]);
  });
  return formatTable([header, ...rows]).join('\n');
}

function arm(side: PairRow['primary']): string {
  if (side === null) return '–';
  return side.error ?? (side.tools.length > 0 ? side.tools.join(' + ') : side.action);
}

/** @returns whether it worked between two models */
async function tryBetweenTwo(version: string, mode: string, model: string | undefined): Promise<boolean> {
  const claude = await installClaudeCode(version);
  const trial = await startTrial(mode);
  try {
    console.log(`gateway ${trial.started.gatewayUrl} in mode ${mode}; claude -p ${JSON.stringify(PROMPT)}`);
    const run = await runClaude(claude, trial, model);
    console.log(`\nClaude Code printed (exit code ${run.code}):\n${indent(run.output)}\n`);
    const answering = mode === 'target' ? trial.secondary : trial.primary;
    const expected = answering.seen().filter(isTurn).length;
    const turns = await readTurns(trial, expected);
    console.log(`${formatRequests(trial)}\n\n${formatTurns(turns)}\n`);
    const lost = expected - turns.filter(isAccountedFor).length;
    console.log(`${expected} turns, ${turns.length} in the history, ${lost} neither paired nor skipped`);
    const leaked = mode === 'target' ? trial.primary.connections() : 0;
    if (mode === 'target') console.log(`${leaked} connections to the passthrough`);
    return run.code === 0 && expected > 0 && lost === 0 && leaked === 0;
  } finally {
    await trial.stop();
  }
}

/** @returns whether the scene went through before that server, each request once */
async function tryProvider(version: string, provider: string, scene: string): Promise<boolean> {
  if (!isSceneName(scene)) throw new Error(`no scene ${JSON.stringify(scene)}; there are ${SCENE_NAMES.join(', ')}`);
  const client = claudeCode(version);
  await client.prepare();
  const { verdict, output } = await runCase({ client, provider, scene }, (trial) => {
    console.log(`${client.name}, scene ${scene}, before ${provider}:\n\n${formatExchanges(trial)}\n`);
  });
  console.log(`Claude Code said last:\n${indent(output)}\n`);
  for (const reason of verdict.reasons) console.log(`${verdict.outcome === 'fail' ? 'failed' : 'note'}: ${reason}`);
  console.log(`${verdict.outcome}: ${verdict.requests} requests of the client`);
  return verdict.outcome !== 'fail';
}

function formatExchanges(trial: ProviderTrial): string {
  const fromClient = trial.tap.calls.map(({ method, path, body, status, answerHeaders }) => [
    'gateway',
    `${method} ${path}`,
    `${(body.length / 1024).toFixed(1)} KB`,
    String(status ?? 'none'),
    String(answerHeaders['x-ccproxy-route'] ?? ''),
  ]);
  const toServer = modelRequests(trial).map(({ seq, method, url, raw }) => [
    'server',
    `${method} ${url}`,
    `${(raw.length / 1024).toFixed(1)} KB`,
    String(trial.statuses.get(seq) ?? 'none'),
    '',
  ]);
  return formatTable([['asked', 'request', 'body', 'status', 'route'], ...fromClient, ...toServer]).join('\n');
}

function indent(text: string): string {
  return text.replace(/^/gm, '  ').trimEnd();
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      mode: { type: 'string', default: 'compare' },
      model: { type: 'string' },
      version: { type: 'string', default: CLAUDE_CODE_VERSION },
      provider: { type: 'string' },
      scene: { type: 'string' },
    },
  });
  const { mode, version, provider, scene } = values;
  const isProvider = provider !== undefined || scene !== undefined;
  const hasWorked = isProvider
    ? await tryProvider(version, provider ?? 'openai-chat', scene ?? 'tool')
    : await tryBetweenTwo(version, mode, values.model ?? (mode === 'target' ? TARGET_MODEL : undefined));
  process.exitCode = hasWorked ? 0 : 1;
}

await main();
