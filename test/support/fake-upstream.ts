// An upstream that answers as a test says, in whatever protocol, and keeps what it was asked.
import { createServer, type IncomingHttpHeaders } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface Asked {
  path: string;
  headers: IncomingHttpHeaders;
  body: Record<string, unknown>;
}

export interface FakeAnswer {
  status?: number;
  headers?: Record<string, string>;
  body: string | Buffer;
  /** The connection breaks after so many bytes. */
  cutAfter?: number;
}

export interface FakeUpstream {
  url: string;
  asked: Asked[];
  /** What it answers from now on. */
  answer: FakeAnswer | ((asked: Asked) => FakeAnswer);
  stop(): Promise<void>;
}

export async function startFakeUpstream(): Promise<FakeUpstream> {
  const upstream: FakeUpstream = { url: '', asked: [], answer: { body: '' }, stop };
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const body = JSON.parse(Buffer.concat(chunks).toString('utf8')) as Record<string, unknown>;
      const asked = { path: request.url ?? '', headers: request.headers, body };
      upstream.asked.push(asked);
      const chosen = typeof upstream.answer === 'function' ? upstream.answer(asked) : upstream.answer;
      const { status = 200, headers = { 'content-type': 'text/event-stream' }, body: answer, cutAfter } = chosen;
      response.writeHead(status, headers);
      if (cutAfter === undefined) response.end(answer);
      else response.write(answer.slice(0, cutAfter), () => response.destroy());
    });
  });
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  upstream.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return upstream;

  function stop(): Promise<void> {
    return new Promise((resolve) => {
      server.close(() => resolve());
      server.closeAllConnections();
    });
  }
}
