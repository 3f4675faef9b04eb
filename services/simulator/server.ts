// The simulator's HTTP side on bare node:http: which request a scene answers, what is only echoed, and the two control
// paths.
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { errorMessage } from '#shared/errors.ts';
import type { Logger } from '#shared/telemetry/logger.ts';
import { type Answer, type AnswerContext, jsonAnswer, type Protocol } from './answer.ts';
import type { SimulatorConfig } from './config.ts';
import { answerControl, isControlPath, refuse } from './control-paths.ts';
import { playAnswer } from './play-answer.ts';
import { createRandom } from './random.ts';
import type { Scene } from './script.ts';
import type { SeenBook, SeenEntry } from './seen.ts';
import { InvalidSceneError, type Stage } from './stage.ts';
import { findVendorRefusal } from './vendor-refusals.ts';

export interface SimulatorServer {
  readonly server: Server;
  /** TCP connections accepted so far. */
  connections(): number;
  /** Ends every answer that still runs. */
  abandon(): void;
}

export interface ServerParts {
  config: SimulatorConfig;
  protocols: readonly Protocol[];
  stage: Stage;
  seen: SeenBook;
  logger: Logger | undefined;
}

export function createSimulatorServer(parts: ServerParts): SimulatorServer {
  const numbers = new WeakMap<Socket, number>();
  const running = new Set<AbortController>();
  let accepted = 0;
  const server = createServer({ noDelay: true, keepAliveTimeout: 75_000, requestTimeout: 0, maxHeaderSize: 65_536 });
  server.on('connection', (socket: Socket) => {
    accepted += 1;
    numbers.set(socket, accepted);
  });
  server.on('request', (request: IncomingMessage, out: ServerResponse) => {
    const gone = new AbortController();
    running.add(gone);
    handle(request, out, numbers.get(request.socket) ?? 0, gone, parts)
      .catch((error: unknown) => {
        parts.logger?.error('simulator.failed', { url: request.url, error: errorMessage(error) });
        out.destroy();
      })
      .finally(() => running.delete(gone));
  });
  return {
    server,
    connections: () => accepted,
    abandon: () => {
      for (const controller of running) controller.abort();
    },
  };
}

async function handle(
  request: IncomingMessage,
  out: ServerResponse,
  connection: number,
  gone: AbortController,
  parts: ServerParts,
): Promise<void> {
  const { method = 'GET', url = '/' } = request;
  const path = url.split('?', 1)[0] ?? '';
  if (isControlPath(path)) {
    const reply = answerControl(method, path, await readBody(request), parts.stage, parts.seen);
    out.writeHead(reply.status, { 'content-type': 'application/json' });
    out.end(reply.body);
    return;
  }
  const entry = parts.seen.add({ connection, method, url, rawHeaders: request.rawHeaders });
  let cutByUs = false;
  out.on('close', () => {
    const now = Date.now();
    entry.endedAtMs = now;
    if (!out.writableFinished && !cutByUs && !gone.signal.aborted) {
      entry.hungUp = true;
      entry.hungUpAtMs = now;
    }
    gone.abort();
    parts.seen.changed();
  });
  entry.raw = await readBody(request);
  if (!request.complete) return;
  entry.bodyComplete = true;
  const { answer, scene } = perform(entry, parts);
  parts.seen.changed();
  parts.logger?.debug('simulator.request', { seq: entry.seq, method, path, scene: entry.scene, status: answer.status });
  if (method === 'HEAD') return endHead(answer, out);
  await playAnswer(answer, scene, out, {
    delayScale: parts.config.delayScale,
    signal: gone.signal,
    onCut: () => {
      cutByUs = true;
    },
  });
}

/** The answer to a request, and the scene that says how it is delivered. */
function perform(entry: SeenEntry, parts: ServerParts): { answer: Answer; scene: Scene } {
  const { config, stage } = parts;
  const random = createRandom('answer', config.seed, entry.seq);
  const context: AnswerContext = { random, ...(config.model === undefined ? {} : { model: config.model }) };
  const protocol = parts.protocols.find((candidate) => candidate.claims(entry.method, entry.path));
  try {
    if (protocol) {
      const { name, scene } = stage.sceneFor(entry, protocol.readAsk(entry), random);
      entry.scene = name;
      const played = { ...scene, ...findVendorRefusal(entry.body, scene.refuses) };
      return { answer: protocol.answer(played, entry, context), scene: played };
    }
    const other = answerElsewhere(entry, parts, context);
    const staged = stage.sceneElsewhere(entry, random);
    if (!staged) return { answer: other, scene: {} };
    const { name, scene } = staged;
    entry.scene = name;
    const says = (scene.status ?? 200) !== 200 || scene.body !== undefined;
    const [first] = parts.protocols;
    if (says && first) return { answer: first.answer(scene, entry, context), scene };
    return { answer: { ...other, headers: { ...other.headers, ...scene.headers } }, scene };
  } catch (error) {
    if (!(error instanceof InvalidSceneError)) throw error;
    const { status, body } = refuse(400, error.message);
    return { answer: jsonAnswer(status, body), scene: {} };
  }
}

function answerElsewhere(entry: SeenEntry, parts: ServerParts, context: AnswerContext): Answer {
  for (const protocol of parts.protocols) {
    const answer = protocol.answerOther(entry, context);
    if (answer) return answer;
  }
  return jsonAnswer(200, JSON.stringify(echo(entry)));
}

/** Enough to tell whether a request was forwarded as it was. */
function echo(entry: SeenEntry): Record<string, unknown> {
  const start = entry.url.indexOf('?');
  return {
    method: entry.method,
    path: entry.path,
    query: start < 0 ? '' : entry.url.slice(start + 1),
    body_bytes: entry.raw.length,
    sha256: entry.sha256,
  };
}

function endHead(answer: Answer, out: ServerResponse): void {
  out.writeHead(answer.status, answer.headers);
  out.end();
}

/** The body, or what came of it before the client left. */
function readBody(request: IncomingMessage): Promise<Buffer> {
  return new Promise((resolve) => {
    const chunks: Buffer[] = [];
    const done = (): void => resolve(Buffer.concat(chunks));
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', done);
    request.on('close', done);
    request.on('error', done);
  });
}
