// Planted prompts and secrets, looked for in everything that is written down: lines, spans, rows, series, dumps, errors.
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Writable } from 'node:stream';
import { expect } from 'chai';
import { type StartedAll, startAll } from '#services/cli/commands/start.ts';
import { toolUse } from '#services/simulator/script.ts';
import { createSimulator, type Simulator } from '#services/simulator/service.ts';
import { loadConfig } from '#shared/config/load.ts';
import { createLogger } from '#shared/telemetry/logger.ts';
import { createConsoleClient } from '../support/console-client.ts';
import { type OtlpSink, startOtlpSink } from '../support/otlp-sink.ts';
import { header, messagesRequest, send } from '../support/raw-client.ts';

const PROMPT = 'the canary sings at noon';
const ANSWER = 'the second canary answers at dusk';
/** The piece that is looked for, and the secret that it is of. */
const SECRETS: Record<string, string> = {
  Zm9vYmFyYmF6: 'sk-ant-api03-Zm9vYmFyYmF6',
  QWxhZGRpbjpvcGVu1: 'Bearer QWxhZGRpbjpvcGVu1',
  IOSFODNN7EXAMPLE: 'AKIAIOSFODNN7EXAMPLE',
  c2VjcmV0LXRva2Vu: 'ghp_c2VjcmV0LXRva2Vu1234567890abcdef',
  kZXJ0b2tlbg: 'eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJkZXJ0b2tlbg.kZXJ0b2tlbg',
  MIIBOgIBAAJB: '-----BEGIN RSA PRIVATE KEY-----\nMIIBOgIBAAJB\n-----END RSA PRIVATE KEY-----',
  'canary.person': 'canary.person@example.com',
};
const ALL = Object.values(SECRETS).join(' and ');
/** Where a client says names; each is a secret here. */
const NAMES = {
  model: 'sk-ant-api03-bW9kZWxfbmFtZQ',
  session: 'sk-ant-api03-c2Vzc2lvbl9pZA',
  beta: 'sk-ant-api03-YmV0YV9uYW1l',
  effort: 'sk-ant-api03-ZWZmb3J0X25h',
  thinking: 'sk-ant-api03-dGhpbmtpbmdf',
  tier: 'sk-ant-api03-dGllcl9uYW1l',
  call: 'sk-ant-api03-Y2FsbF9pZF9u',
  tool: 'sk-ant-api03-dG9vbF9uYW1l',
  role: 'sk-ant-api03-cm9sZV9uYW1l',
  file: 'sk-ant-api03-ZmlsZV9uYW1l',
  person: 'name.canary@example.com',
};
/** Where an upstream says names. */
const UPSTREAM_NAMES = {
  model: 'sk-ant-api03-dXBfbW9kZWxf',
  request: 'sk-ant-api03-dXBfcmVxdWVz',
  stop: 'sk-ant-api03-dXBfc3RvcF9y',
  tool: 'sk-ant-api03-dXBfdG9vbF9u',
  error: 'sk-ant-api03-dXBfZXJyb3Jf',
};
const TARGET_KEY = 'the-key-of-the-target-2718281828';
const ADMIN_TOKEN = 'the-admin-token-3141592653';

interface Bed {
  started: StartedAll;
  sink: OtlpSink;
  lines(): string;
  /** Every byte below the state folder, by path. */
  files(): Array<[string, Buffer]>;
  primary: Simulator;
  secondary: Simulator;
  stop(): Promise<void>;
}

async function startBed(settings: Record<string, unknown>): Promise<Bed> {
  const folder = mkdtempSync(join(tmpdir(), 'cc-proxy-canaries-'));
  const sink = await startOtlpSink();
  const primary = await createSimulator({ listenAddress: '127.0.0.1:0', seed: 1, delayScale: 0 });
  const secondary = await createSimulator({ listenAddress: '127.0.0.1:0', seed: 2, delayScale: 0 });
  const address = '127.0.0.1:0';
  const chunks: string[] = [];
  const stream = new Writable({
    write: (chunk: Buffer, _encoding, done) => {
      chunks.push(chunk.toString('utf8'));
      done();
    },
  });
  const config = loadConfig({
    env: { HOME: folder },
    cwd: folder,
    flags: {
      ...{ default_mode: 'compare', state_dir: join(folder, 'state'), 'admin.token': ADMIN_TOKEN },
      ...{ 'passthrough.url': primary.url, 'target.url': secondary.url, 'target.model': 'glm-5' },
      ...{ 'target.api_key': TARGET_KEY, 'target.type': 'openai-chat', 'tracing.endpoint': sink.url },
      ...{ 'server.listen_address': address, 'comparator.listen_address': address },
      ...{ 'console.listen_address': address, 'ops.listen_address': address },
      ...settings,
    },
  });
  const log = createLogger({ service: 'cc-proxy', level: 'debug', pretty: false, stream });
  const started = await startAll(config, { log });
  return {
    started,
    sink,
    primary,
    secondary,
    lines: () => chunks.join(''),
    files: () => filesBelow(folder).map((path) => [path.slice(folder.length), readFileSync(path)]),
    stop: async () => {
      await started.stop();
      await Promise.all([primary.stop(), secondary.stop(), sink.close()]);
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

function filesBelow(folder: string): string[] {
  return readdirSync(folder).flatMap((name) => {
    const path = join(folder, name);
    return statSync(path).isDirectory() ? filesBelow(path) : [path];
  });
}

/** A turn with secrets wherever a client may have them, answered with secrets by both models; and calls that go wrong. */
async function talk(bed: Bed): Promise<string> {
  const content = [
    { type: 'text' as const, text: `${ANSWER}, with ${ALL}` },
    { type: 'tool_use' as const, name: 'Bash', input: { command: `echo ${ALL}` } },
  ];
  const body = {
    system: `be brief, ${ALL}`,
    tools: [{ name: 'Bash', description: ALL, input_schema: { type: 'object' } }],
    messages: [
      { role: 'user', content: `${PROMPT}, with ${ALL}` },
      { role: 'assistant', content: [{ type: 'tool_use', id: 't1', name: 'Bash', input: { command: ALL } }] },
      { role: 'user', content: [{ type: 'tool_result', tool_use_id: 't1', content: ALL }] },
    ],
  };
  const secretHeaders = Object.values(SECRETS)
    .filter((secret) => !secret.includes('\n'))
    .flatMap((secret, index) => [`x-note-${index}`, secret]);
  const headers = [
    'x-api-key',
    SECRETS.Zm9vYmFyYmF6 ?? '',
    'cookie',
    `s=${ALL.replaceAll('\n', '')}`,
    ...secretHeaders,
  ];
  const ask = async (stream: boolean): Promise<string> => {
    const answer = await send(bed.started.gatewayUrl, messagesRequest({ stream, headers, body }));
    return header(answer, 'x-ccproxy-request-id') ?? '';
  };
  bed.primary.use({ content });
  bed.secondary.use({ content });
  const ids = [await ask(true), await ask(false)];
  bed.primary.use({ status: 529, error: { message: ALL } });
  ids.push(await ask(true));
  bed.primary.use({ content });
  bed.secondary.use({ status: 400, error: { message: ALL } });
  ids.push(await ask(true));
  bed.primary.use('cut-inside-event');
  ids.push(await ask(true));
  await send(bed.started.gatewayUrl, {
    method: 'GET',
    path: `/v1/files?key=${SECRETS.Zm9vYmFyYmF6}`,
    headers,
    body: Buffer.alloc(0),
  });
  const { model, stop, tool, request, error } = UPSTREAM_NAMES;
  const naming = { content: [toolUse(tool, {})], model, stopReason: stop, headers: { 'request-id': request } };
  bed.primary.use(naming);
  bed.secondary.use(naming);
  ids.push(await askWithNames(bed));
  bed.primary.use({ status: 400, error: { type: error } });
  bed.secondary.use({ status: 400, error: { type: error } });
  ids.push(await ask(true));
  for (const path of [NAMES.file, NAMES.person, NAMES.person.replace('@', '%40')]) {
    await send(bed.started.gatewayUrl, { method: 'GET', path: `/v1/files/${path}`, headers, body: Buffer.alloc(0) });
  }
  const namedHeaders = [...headers, 'x-claude-code-session-id', NAMES.session];
  const notJson = { ...messagesRequest({ headers: namedHeaders }), body: Buffer.from(`{"model": ${PROMPT} ${ALL}`) };
  const refused = await send(bed.started.gatewayUrl, notJson);

  const admin = { authorization: `Bearer ${ADMIN_TOKEN}` };
  for (const id of ids) await createConsoleClient(bed.started.consoleUrl, admin).settled(id, 20_000);
  await bed.sink.waitFor((spans) => spans.filter(({ name }) => name === 'proxy_request').length >= ids.length, 20_000);
  await askQuoting(bed);
  return refused.body.toString();
}

async function askWithNames({ started }: Bed): Promise<string> {
  const headers = ['x-claude-code-session-id', NAMES.session, 'anthropic-beta', `some-2026, ${NAMES.beta}`];
  const { call, tool, role, model, tier, effort, thinking } = NAMES;
  const body = {
    ...{ model, service_tier: tier, output_config: { effort }, thinking: { type: thinking } },
    messages: [
      { role, content: PROMPT },
      { role: 'assistant', content: [{ type: 'tool_use', id: call, name: tool, input: {} }] },
      { role: 'user', content: [{ type: 'tool_result', tool_use_id: call, content: 'done' }] },
    ],
  };
  const answer = await send(started.gatewayUrl, messagesRequest({ stream: true, headers, body }));
  return header(answer, 'x-ccproxy-request-id') ?? '';
}

/** A converted upstream refuses, and quotes what it refused. */
async function askQuoting({ started, secondary, sink }: Bed): Promise<void> {
  const mode = await fetch(`${started.gatewayUrl}/api/mode`, {
    method: 'PUT',
    headers: { authorization: `Bearer ${ADMIN_TOKEN}` },
    body: JSON.stringify({ mode: 'target' }),
  });
  expect(mode.status).to.equal(200);
  secondary.use({ status: 400, error: { message: `bad prompt: ${PROMPT} ${ALL}` } });
  const body = { messages: [{ role: 'user', content: PROMPT }] };
  const answer = await send(started.gatewayUrl, messagesRequest({ stream: true, body }));
  const id = header(answer, 'x-ccproxy-request-id');
  await sink.waitFor((spans) => spans.some(({ attributes }) => attributes['ccproxy.request_id'] === id), 20_000);
}

async function outputsOf(bed: Bed, refused: string) {
  const metrics = await (await fetch(`${bed.started.opsUrl}/metrics`)).text();
  await bed.started.stop();
  const files = bed.files();
  const below = (part: string): string =>
    files
      .filter(([path]) => path.includes(part))
      .map(([, bytes]) => bytes.toString('utf8'))
      .join('\n');
  return {
    lines: bed.lines(),
    spans: bed.sink.raw().toString('utf8'),
    metrics,
    refused,
    store: below('history.db'),
    dumps: below('/dumps/'),
    everything: files.map(([, bytes]) => bytes.toString('utf8')).join('\n'),
  };
}

const pieceOf = (name: string): string => name.replace(/^sk-ant-api03-|@.*$/g, '');
const NAMED = [...Object.values(NAMES), ...Object.values(UPSTREAM_NAMES)];
const SECRET_PIECES = [...Object.keys(SECRETS), ...NAMED.map(pieceOf), TARGET_KEY, ADMIN_TOKEN];
const piecesIn = (text: string): string[] => SECRET_PIECES.filter((piece) => text.includes(piece));

describe('canaries', function () {
  this.timeout(60_000);
  let bed: Bed | undefined;
  afterEach(async () => {
    await bed?.stop();
    bed = undefined;
  });

  it('C-30 no prompt and no secret is in lines and metrics, and no secret is in anything that is kept', async () => {
    bed = await startBed({ 'capture.level': 'redacted', 'tracing.content': true, 'capture.dump_dir': 'dumps' });
    const { lines, metrics, refused, ...kept } = await outputsOf(bed, await talk(bed));
    for (const [name, text] of Object.entries({ lines, metrics, refused })) {
      expect(text, name).to.not.include(PROMPT);
      expect(text, name).to.not.include(ANSWER);
      expect(piecesIn(text), name).to.deep.equal([]);
    }
    expect(lines).to.include('request.finished').and.to.include('pair.stored').and.to.include('delivery.settled');
    for (const [name, text] of Object.entries(kept)) {
      expect(piecesIn(text), name).to.deep.equal([]);
      // What was looked through is what holds the turn.
      expect(text, name).to.include(PROMPT);
      expect(text, name).to.include(ANSWER);
    }
  });

  it('keep to the numbers where only numbers may be kept', async () => {
    bed = await startBed({ 'capture.level': 'metadata', 'tracing.content': false });
    const outputs = await outputsOf(bed, await talk(bed));
    for (const [name, text] of Object.entries(outputs)) {
      expect(text, name).to.not.include(PROMPT);
      expect(text, name).to.not.include(ANSWER);
      expect(piecesIn(text), name).to.deep.equal([]);
    }
    expect(outputs.store).to.include('overloaded_error');
  });
});
