// Stands between client and gateway and writes down what the one asked and the other answered, byte for byte, while
// passing it on as it comes.
import {
  createServer,
  type IncomingHttpHeaders,
  type IncomingMessage,
  type ServerResponse,
  request as send,
} from 'node:http';
import type { AddressInfo } from 'node:net';

export interface TappedCall {
  method: string;
  path: string;
  headers: IncomingHttpHeaders;
  body: Buffer;
  /** null until the gateway answers. */
  status: number | null;
  answerHeaders: IncomingHttpHeaders;
  answer: Buffer;
  /** The client left, or the gateway broke off, before the answer was complete. */
  isCut: boolean;
}

export interface Tap {
  url: string;
  calls: TappedCall[];
  stop(): Promise<void>;
}

export async function startTap(gatewayUrl: string): Promise<Tap> {
  const calls: TappedCall[] = [];
  const server = createServer((incoming, outgoing) => {
    pass(incoming, outgoing, gatewayUrl, calls).catch(() => outgoing.destroy());
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    calls,
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

async function pass(
  incoming: IncomingMessage,
  outgoing: ServerResponse,
  gatewayUrl: string,
  calls: TappedCall[],
): Promise<void> {
  const { method = 'GET', url = '/', headers } = incoming;
  const call: TappedCall = {
    ...{ method, path: url.split('?', 1)[0] ?? '', headers },
    ...{ body: Buffer.alloc(0), status: null, answerHeaders: {}, answer: Buffer.alloc(0), isCut: true },
  };
  calls.push(call);
  call.body = await readAll(incoming);
  const { host: _, ...forwarded } = headers;
  const upstream = send(new URL(url, gatewayUrl), { method, headers: forwarded });
  upstream.on('error', () => outgoing.destroy());
  outgoing.on('close', () => upstream.destroy());
  upstream.on('response', (answer) => {
    call.status = answer.statusCode ?? 0;
    call.answerHeaders = answer.headers;
    outgoing.writeHead(call.status, answer.rawHeaders);
    answer.on('data', (chunk: Buffer) => {
      call.answer = Buffer.concat([call.answer, chunk]);
      outgoing.write(chunk);
    });
    answer.on('end', () => {
      call.isCut = false;
      outgoing.end();
    });
    answer.on('error', () => outgoing.destroy());
  });
  upstream.end(call.body);
}

async function readAll(incoming: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of incoming) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}
