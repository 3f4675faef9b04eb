// Puts an answer on the wire the way the scene wants it: late, in odd pieces, cut off, silent or broken.
import type { ServerResponse } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Answer } from './answer.ts';
import { compressParts } from './compress-parts.ts';
import type { CutManner, Fault, Scene } from './script.ts';
import { splitBytes } from './split-bytes.ts';

export interface PlayOptions {
  /** Multiplies every delay of the scene; 0 leaves them out. Silence is not a delay. */
  delayScale: number;
  /** Aborted when the client leaves or the simulator stops. */
  signal: AbortSignal;
  /** Called before the connection is broken on purpose. */
  onCut: () => void;
}

/** What of the answer is sent, and how that ends. */
interface Delivery {
  before: Buffer[];
  /** A silence between `before` and `rest`; Infinity = until the client leaves. */
  silenceMs: number | null;
  rest: Buffer[];
  cut: CutManner | null;
}

/** Resolves when everything was handed over or the client is gone. */
export async function playAnswer(
  answer: Answer,
  scene: Scene,
  out: ServerResponse,
  options: PlayOptions,
): Promise<void> {
  const { fault, delays = {} } = scene;
  const { signal } = options;
  const pingMs = typeof scene.pings === 'object' ? scene.pings.everyMs : null;
  const pause = (ms: number): Promise<void> => waitWithPings(ms, pingMs, answer, out, signal);
  await wait((delays.headersMs ?? 0) * options.delayScale, signal);
  if (fault?.kind === 'silence-before-headers') await wait(fault.forMs ?? Number.POSITIVE_INFINITY, signal);
  if (signal.aborted) return;
  if (fault?.kind === 'cut-before-headers') return cut(out, fault.manner, options);
  if (fault?.kind === 'garbage' && writeRawGarbage(fault.what, answer, out, options)) return;

  const played = fault?.kind === 'garbage' ? spoil(answer, fault.what) : answer;
  const delivery = planDelivery(played, fault);
  const parts = [delivery.before, delivery.rest];
  const [before = [], rest = []] = scene.compress === 'gzip' ? await compressParts(parts) : parts;
  writeHeaders(played, scene, out, delivery, [...before, ...rest]);

  const firstByteMs = (delays.firstByteMs ?? 0) * options.delayScale;
  if (firstByteMs > 0 || before.length === 0) out.flushHeaders();
  await pause(firstByteMs);
  const betweenMs = (delays.betweenMs ?? 0) * options.delayScale;
  const send = (buffers: Buffer[]): Promise<void> =>
    writeChunks(splitBytes(buffers, scene.split ?? 'event'), out, signal, () => pause(betweenMs), betweenMs > 0);
  await send(before);
  if (delivery.silenceMs !== null) await pause(delivery.silenceMs);
  await send(rest);
  if (signal.aborted) return;
  if (delivery.cut !== null) return cut(out, delivery.cut, options);
  out.end();
}

function planDelivery(answer: Answer, fault: Fault | undefined): Delivery {
  const whole: Delivery = { before: answer.parts, silenceMs: null, rest: [], cut: null };
  if (fault === undefined) return whole;
  // One JSON body has no events: it breaks in its middle wherever a stream would have broken.
  const parts = answer.isStream ? answer.parts : answer.parts.flatMap(halve);
  const countOf = (after: number): number => (answer.isStream ? after : Math.min(1, parts.length));
  switch (fault.kind) {
    case 'cut-after-headers':
      return { ...whole, before: [], cut: fault.manner ?? 'close' };
    case 'cut':
      return { ...whole, before: parts.slice(0, countOf(fault.after)), cut: fault.manner ?? 'close' };
    case 'cut-inside': {
      const events = answer.parts.slice(0, fault.after);
      const next = answer.parts[events.length] ?? Buffer.alloc(0);
      const piece = next.subarray(0, fault.bytes ?? Math.floor(next.length / 2));
      return { ...whole, before: [...events, piece], cut: fault.manner ?? 'close' };
    }
    case 'end-early':
      return { ...whole, before: parts.slice(0, countOf(fault.after)) };
    case 'silence': {
      const count = countOf(fault.after);
      const silenceMs = fault.forMs ?? Number.POSITIVE_INFINITY;
      return { ...whole, before: parts.slice(0, count), silenceMs, rest: parts.slice(count) };
    }
    default:
      return whole;
  }
}

function halve(bytes: Buffer): Buffer[] {
  const middle = Math.floor(bytes.length / 2);
  return [bytes.subarray(0, middle), bytes.subarray(middle)];
}

function writeHeaders(answer: Answer, scene: Scene, out: ServerResponse, delivery: Delivery, sent: Buffer[]): void {
  for (const [name, value] of Object.entries(answer.headers)) out.setHeader(name, value);
  if (scene.compress === 'gzip') out.setHeader('content-encoding', 'gzip');
  // A body that is cut still announces its whole length, so that the client can tell.
  if (!answer.isStream) out.setHeader('content-length', byteLength(delivery.cut === null ? sent : answer.parts));
  out.writeHead(answer.status);
}

function spoil(answer: Answer, what: string): Answer {
  switch (what) {
    case 'html': {
      const page = '<!doctype html><html><body><h1>Welcome to the proxy</h1></body></html>\n';
      const headers = { ...answer.headers, 'content-type': 'text/html; charset=utf-8' };
      return { status: 200, headers, parts: [Buffer.from(page)], isStream: false };
    }
    case 'not-json': {
      const stream = answer.unparsable ?? 'event: message_start\ndata: {"type":"message_start","mess\n\n';
      return { ...answer, parts: [Buffer.from(answer.isStream ? stream : '{"id":"msg_')] };
    }
    case 'empty':
      return { ...answer, parts: [] };
    default:
      return answer;
  }
}

/** Faults that node:http cannot write, because they are no valid HTTP. False = not one of these. */
function writeRawGarbage(what: string, answer: Answer, out: ServerResponse, options: PlayOptions): boolean {
  const body = Buffer.concat(answer.parts);
  const framing = rawFraming(what, body);
  if (framing === undefined || out.socket === null) return false;
  const head = Object.entries(answer.headers).map(([name, value]) => `${name}: ${value}\r\n`);
  options.onCut();
  const status = `HTTP/1.1 ${answer.status} ${answer.status === 200 ? 'OK' : 'Simulated'}\r\n`;
  out.socket.write(`${status}${head.join('')}${framing.header}\r\n\r\n`);
  out.socket.write(framing.body);
  out.socket.destroySoon();
  return true;
}

function rawFraming(what: string, body: Buffer): { header: string; body: Buffer } | undefined {
  switch (what) {
    case 'broken-chunking': {
      const good = body.subarray(0, Math.floor(body.length / 2));
      const chunk = [Buffer.from(`${good.length.toString(16)}\r\n`), good, Buffer.from('\r\nzz-no-size\r\n')];
      return { header: 'transfer-encoding: chunked', body: Buffer.concat([...chunk, body.subarray(good.length)]) };
    }
    case 'content-length-long':
      return { header: `content-length: ${body.length + 100}`, body };
    case 'content-length-short':
      return { header: `content-length: ${Math.floor(body.length / 2)}`, body };
    default:
      return undefined;
  }
}

async function writeChunks(
  chunks: Buffer[],
  out: ServerResponse,
  signal: AbortSignal,
  pause: () => Promise<void>,
  isPaced: boolean,
): Promise<void> {
  for (const [index, chunk] of chunks.entries()) {
    if (isPaced && index > 0) await pause();
    if (signal.aborted) return;
    if (!out.write(chunk)) await drained(out, signal);
  }
}

function drained(out: ServerResponse, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      out.off('drain', done);
      signal.removeEventListener('abort', done);
      resolve();
    };
    out.on('drain', done);
    signal.addEventListener('abort', done);
    if (signal.aborted) done();
  });
}

/** Everything written so far reaches the kernel before the connection goes away. */
async function cut(out: ServerResponse, manner: CutManner | undefined, options: PlayOptions): Promise<void> {
  options.onCut();
  const { socket } = out;
  if (socket === null) return;
  if (manner !== 'reset') {
    socket.destroySoon();
    return;
  }
  await new Promise<void>((resolve) => socket.write('', () => resolve()));
  socket.resetAndDestroy();
}

async function waitWithPings(
  ms: number,
  pingMs: number | null,
  answer: Answer,
  out: ServerResponse,
  signal: AbortSignal,
): Promise<void> {
  let left = ms;
  while (pingMs !== null && answer.ping !== undefined && left > pingMs && !signal.aborted) {
    await wait(pingMs, signal);
    if (!signal.aborted) out.write(answer.ping);
    left -= pingMs;
  }
  await wait(left, signal);
}

const LONGEST_TIMER_MS = 2 ** 31 - 1;

async function wait(ms: number, signal: AbortSignal): Promise<void> {
  if (ms <= 0 || signal.aborted) return;
  try {
    await sleep(Math.min(ms, LONGEST_TIMER_MS), undefined, { signal });
  } catch (error) {
    if (!signal.aborted) throw new Error('the simulator could not wait', { cause: error });
  }
}

function byteLength(buffers: Buffer[]): number {
  return buffers.reduce((sum, buffer) => sum + buffer.length, 0);
}
