// A process of its own: a model server that costs next to nothing. It reads a request by its content-length, looks at
// nothing but `?answer=` in its first line, and writes bytes that were made beforehand.
import { createServer, type Socket } from 'node:net';
import { EVENTS, jsonAnswer, monotonicUs, PACE_MS, STAMP_DIGITS, streamAnswer } from './bodies.ts';
import { reportReady } from './child.ts';

const CRLF = Buffer.from('\r\n');
const LAST_CHUNK = Buffer.from('0\r\n\r\n');
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
}

function prepareAnswers(): Answers {
  const body = jsonAnswer();
  const head = `HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nrequest-id: req_bench\r\ncontent-length: ${body.length}\r\n\r\n`;
  const { payload, ends, stamps } = streamAnswer();
  const events = ends.map((end, index) => {
    const start = ends[index - 1] ?? 0;
    const size = Buffer.from(`${(end - start).toString(16)}\r\n`);
    const stamp = stamps[index] ?? -1;
    return {
      chunk: Buffer.concat([size, payload.subarray(start, end), CRLF]),
      stamp: stamp === -1 ? -1 : size.length + stamp - start,
    };
  });
  return {
    json: Buffer.concat([Buffer.from(head), body]),
    burst: Buffer.concat([STREAM_HEAD, ...events.map(({ chunk }) => chunk), LAST_CHUNK]),
    events,
  };
}

function serve(socket: Socket, answers: Answers): void {
  let head = Buffer.alloc(0);
  let answer = '';
  let bodyLeft = -1;
  socket.setNoDelay(true);
  socket.on('error', () => socket.destroy());
  socket.on('data', (data) => {
    let rest = data;
    if (bodyLeft === -1) {
      head = head.length === 0 ? data : Buffer.concat([head, data]);
      const end = head.indexOf('\r\n\r\n');
      if (end === -1) return;
      const text = head.toString('latin1', 0, end);
      answer = /\?answer=(\w+)/.exec(text)?.[1] ?? 'json';
      bodyLeft = Number(/\r\ncontent-length: *(\d+)/i.exec(text)?.[1] ?? 0);
      rest = head.subarray(end + 4);
      head = Buffer.alloc(0);
    }
    bodyLeft -= rest.length;
    if (bodyLeft > 0) return;
    bodyLeft = -1;
    if (answer === 'json') socket.write(answers.json);
    else if (answer === 'burst') socket.write(answers.burst);
    else pace(socket, answers);
  });
}

/** Each event at its own time, however late the one before was. */
function pace(socket: Socket, { events }: Answers): void {
  socket.write(STREAM_HEAD);
  const startedAt = performance.now();
  let next = 0;
  const send = (): void => {
    if (socket.destroyed) return;
    const due = Math.min(EVENTS, Math.floor((performance.now() - startedAt) / PACE_MS) + 1);
    for (; next < due; next++) socket.write(stamped(events[next]));
    if (next >= EVENTS) socket.write(LAST_CHUNK);
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

const answers = prepareAnswers();
reportReady(createServer((socket) => serve(socket, answers)));
