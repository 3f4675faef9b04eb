// A process of its own: a model server that costs next to nothing. It reads a request by its content-length, looks at
// nothing but its path, which tells the protocol, and writes bytes that were made beforehand. Which answer it gives is
// ordered by its parent.
import { createServer, type Socket } from 'node:net';
import {
  type AnswerKind,
  chatJsonAnswer,
  chatStreamAnswer,
  jsonAnswer,
  monotonicUs,
  PACE_MS,
  STAMP_DIGITS,
  type StreamAnswer,
  streamAnswer,
} from './bodies.ts';
import { reportReady } from './child.ts';

export type UpstreamOrder = { answer: AnswerKind } | { release: true };

const NOTHING = Buffer.alloc(0);
const CRLF = Buffer.from('\r\n');
const LAST_CHUNK = Buffer.from('0\r\n\r\n');
/** Events of a held stream that come at once. */
const BEFORE_HOLD = 3;
const STREAM_HEAD = Buffer.from(
  [
    'HTTP/1.1 200 OK',
    'content-type: text/event-stream; charset=utf-8',
    'cache-control: no-cache',
    'request-id: req_bench',
    'transfer-encoding: chunked',
    '\r\n',
  ].join('\r\n'),
);

interface Answers {
  json: Buffer;
  burst: Buffer;
  /** One HTTP chunk each, and where its stamp is in it (-1 = none). */
  events: Array<{ chunk: Buffer; stamp: number }>;
  heldBegin: Buffer;
  heldEnd: Buffer;
}

function prepareAnswers(body: Buffer, { payload, ends, stamps }: StreamAnswer): Answers {
  const head = `HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nrequest-id: req_bench\r\ncontent-length: ${body.length}\r\n\r\n`;
  const events = ends.map((end, index) => {
    const start = ends[index - 1] ?? 0;
    const size = Buffer.from(`${(end - start).toString(16)}\r\n`);
    const stamp = stamps[index] ?? -1;
    return {
      chunk: Buffer.concat([size, payload.subarray(start, end), CRLF]),
      stamp: stamp === -1 ? -1 : size.length + stamp - start,
    };
  });
  const chunks = events.map(({ chunk }) => chunk);
  return {
    json: Buffer.concat([Buffer.from(head), body]),
    burst: Buffer.concat([STREAM_HEAD, ...chunks, LAST_CHUNK]),
    events,
    heldBegin: Buffer.concat([STREAM_HEAD, ...chunks.slice(0, BEFORE_HOLD)]),
    heldEnd: Buffer.concat([...chunks.slice(BEFORE_HOLD), LAST_CHUNK]),
  };
}

interface Desk {
  kind: AnswerKind;
  /** Streams that wait for their end. */
  readonly held: Map<Socket, Answers>;
  readonly native: Answers;
  readonly chat: Answers;
}

function serve(socket: Socket, desk: Desk): void {
  let head = NOTHING;
  let answers = desk.native;
  let bodyLeft = -1;
  let tail = NOTHING;
  socket.setNoDelay(true);
  socket.on('error', () => socket.destroy());
  socket.on('close', () => desk.held.delete(socket));
  socket.on('data', (data) => {
    let rest = data;
    if (bodyLeft === -1) {
      head = head.length === 0 ? data : Buffer.concat([head, data]);
      const end = head.indexOf('\r\n\r\n');
      if (end === -1) return;
      const text = head.toString('latin1', 0, end);
      answers = /^\S+ \S*\/chat\/completions/.test(text) ? desk.chat : desk.native;
      rest = head.subarray(end + 4);
      head = NOTHING;
      const length = /\r\ncontent-length: *(\d+)/i.exec(text)?.[1];
      bodyLeft = length === undefined ? untilLastChunk(text) : Number(length);
    }
    if (bodyLeft === Infinity) {
      // The end may come in two pieces.
      tail = Buffer.concat([tail, rest.subarray(-LAST_CHUNK.length)]).subarray(-LAST_CHUNK.length);
      if (!tail.equals(LAST_CHUNK)) return;
      tail = NOTHING;
    } else {
      bodyLeft -= rest.length;
      if (bodyLeft > 0) return;
    }
    bodyLeft = -1;
    answer(socket, answers, desk);
  });
}

/** A request without a length has chunks, or no body. */
function untilLastChunk(head: string): number {
  return /\r\ntransfer-encoding: *chunked/i.test(head) ? Number.POSITIVE_INFINITY : 0;
}

function answer(socket: Socket, answers: Answers, desk: Desk): void {
  switch (desk.kind) {
    case 'json':
      socket.write(answers.json);
      return;
    case 'burst':
      socket.write(answers.burst);
      return;
    case 'paced':
      pace(socket, answers);
      return;
    case 'held':
      socket.write(answers.heldBegin);
      desk.held.set(socket, answers);
  }
}

/** Each event at its own time, however late the one before was. */
function pace(socket: Socket, { events }: Answers): void {
  socket.write(STREAM_HEAD);
  const startedAt = performance.now();
  let next = 0;
  const send = (): void => {
    if (socket.destroyed) return;
    const due = Math.min(events.length, Math.floor((performance.now() - startedAt) / PACE_MS) + 1);
    for (; next < due; next++) socket.write(stamped(events[next]));
    if (next >= events.length) socket.write(LAST_CHUNK);
    else setTimeout(send, Math.max(1, startedAt + next * PACE_MS - performance.now()));
  };
  send();
}

function stamped(event: Answers['events'][number] | undefined): Buffer {
  if (!event) return LAST_CHUNK;
  if (event.stamp === -1) return event.chunk;
  const chunk = Buffer.from(event.chunk);
  chunk.write(String(monotonicUs()).padStart(STAMP_DIGITS, '0'), event.stamp, STAMP_DIGITS, 'latin1');
  return chunk;
}

const desk: Desk = {
  kind: 'json',
  held: new Map(),
  native: prepareAnswers(jsonAnswer(), streamAnswer()),
  chat: prepareAnswers(chatJsonAnswer(), chatStreamAnswer()),
};
process.on('message', (order: UpstreamOrder) => {
  if ('answer' in order) desk.kind = order.answer;
  else for (const [socket, answers] of desk.held) socket.write(answers.heldEnd);
  process.send?.('done');
});
reportReady(createServer((socket) => serve(socket, desk)));
