// A client on bare TCP that shows what is on the wire: HTTP chunks as they were framed, and how the connection ended.
import { connect, type Socket } from 'node:net';
import { afterPatience, PATIENCE_MS } from '../support/patience.ts';

export interface WireAnswer {
  /** Everything up to the empty line; empty when nothing came. */
  head: string;
  status: number;
  /** Data of each HTTP chunk; one entry for a body without chunks. */
  chunks: Buffer[];
  body: Buffer;
  /** True when the body ended as its framing promised. */
  isComplete: boolean;
  /** Why it is not: the framing is broken, or there was more than was promised. */
  complaint: string | null;
  end: 'closed' | 'reset';
}

export interface WireCall {
  /** Everything received so far. */
  received(): Buffer;
  /** Resolves when the bytes received fulfil the condition. @throws when it takes too long. */
  until(condition: (received: Buffer) => boolean): Promise<void>;
  /** Resolves when the server ended the connection. */
  answer(): Promise<WireAnswer>;
  hangUp(): void;
}

export interface WireRequest {
  method?: string;
  path?: string;
  headers?: Record<string, string>;
  body?: string;
}

export function callOnWire(url: string, request: WireRequest): WireCall {
  const { hostname, port } = new URL(url);
  const socket = connect({ host: hostname, port: Number(port) });
  const chunks: Buffer[] = [];
  const received = (): Buffer => Buffer.concat(chunks);
  const watchers = new Set<() => void>();
  socket.on('data', (chunk: Buffer) => {
    chunks.push(chunk);
    for (const watcher of watchers) watcher();
  });
  const ended = whenEnded(socket);
  socket.write(writeRequest(request));
  return {
    received,
    until: (condition) =>
      new Promise((resolve, reject) => {
        const giveUp = (): void => reject(new Error(`not received: ${received().toString()}`));
        const patience = afterPatience(PATIENCE_MS, giveUp);
        const check = (): void => {
          if (!condition(received())) return;
          patience.stop();
          watchers.delete(check);
          resolve();
        };
        watchers.add(check);
        check();
      }),
    answer: async () => {
      const end = await ended;
      return readAnswer(received(), end);
    },
    hangUp: () => socket.destroy(),
  };
}

function whenEnded(socket: Socket): Promise<'closed' | 'reset'> {
  return new Promise((resolve) => {
    let end: 'closed' | 'reset' = 'closed';
    socket.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'ECONNRESET') end = 'reset';
    });
    socket.on('close', () => resolve(end));
  });
}

function writeRequest({ method = 'POST', path = '/v1/messages', headers = {}, body = '' }: WireRequest): string {
  const all = { host: 'simulator', connection: 'close', 'content-length': String(Buffer.byteLength(body)), ...headers };
  const lines = Object.entries(all).map(([name, value]) => `${name}: ${value}\r\n`);
  return `${method} ${path} HTTP/1.1\r\n${lines.join('')}\r\n${body}`;
}

function readAnswer(bytes: Buffer, end: 'closed' | 'reset'): WireAnswer {
  const split = bytes.indexOf('\r\n\r\n');
  const head = split < 0 ? '' : bytes.subarray(0, split).toString('latin1');
  const status = Number(/^HTTP\/1\.1 (\d+)/.exec(head)?.[1] ?? 0);
  const rest = split < 0 ? Buffer.alloc(0) : bytes.subarray(split + 4);
  const isChunked = /\r\ntransfer-encoding: chunked/i.test(head);
  const framed = isChunked ? readChunks(rest) : readByLength(rest, head);
  return { head, status, ...framed, body: Buffer.concat(framed.chunks), end };
}

interface Framed {
  chunks: Buffer[];
  isComplete: boolean;
  complaint: string | null;
}

function readByLength(rest: Buffer, head: string): Framed {
  const promised = Number(/\r\ncontent-length: (\d+)/i.exec(head)?.[1] ?? Number.NaN);
  const complaint = rest.length > promised ? 'more than promised' : null;
  return { chunks: rest.length > 0 ? [rest] : [], isComplete: rest.length === promised, complaint };
}

function readChunks(rest: Buffer): Framed {
  const chunks: Buffer[] = [];
  let offset = 0;
  while (offset < rest.length) {
    const lineEnd = rest.indexOf('\r\n', offset);
    const size = lineEnd < 0 ? '' : rest.subarray(offset, lineEnd).toString('latin1');
    if (!/^[0-9a-f]+$/i.test(size)) return { chunks, isComplete: false, complaint: `chunk size "${size}"` };
    const length = Number.parseInt(size, 16);
    if (length === 0) return { chunks, isComplete: true, complaint: null };
    const data = rest.subarray(lineEnd + 2, lineEnd + 2 + length);
    if (data.length > 0) chunks.push(data);
    offset = lineEnd + 2 + length + 2;
  }
  return { chunks, isComplete: false, complaint: null };
}

/** The whole events of a stream, each as `[event, data]`; a piece of an event at the end is left out. */
export function eventsOf(body: Buffer): Array<[string, string]> {
  const whole = body.toString('utf8').split('\n\n').slice(0, -1);
  return whole.map((frame) => {
    const event = /^event: (.*)$/m.exec(frame)?.[1] ?? '';
    const data = /^data: (.*)$/m.exec(frame)?.[1] ?? '';
    return [event, data];
  });
}
