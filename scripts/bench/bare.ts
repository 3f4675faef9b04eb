// A process of its own: the least that a proxy of node:http and undici can be. It is the measure for the others: it
// parses both sides of HTTP, streams both bodies, minds back-pressure and a client that leaves, and does nothing else.
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { Agent, type Dispatcher } from 'undici';
import { reportReady } from './child.ts';

const KEEP_ALIVE_MS = 120_000;
const HOP_BY_HOP = new Set(['host', 'connection', 'keep-alive', 'transfer-encoding']);

function endToEnd(rawHeaders: readonly string[]): string[] {
  return rawHeaders.flatMap((name, index) =>
    index % 2 === 1 || HOP_BY_HOP.has(name.toLowerCase()) ? [] : [name, rawHeaders[index + 1] ?? ''],
  );
}

function relay(req: IncomingMessage, res: ServerResponse, origin: string, agent: Agent): void {
  const method = (req.method ?? 'GET') as Dispatcher.HttpMethod;
  agent.dispatch(
    { origin, path: req.url ?? '/', method, headers: endToEnd(req.rawHeaders), body: req },
    {
      onRequestStart: (controller) => {
        res.once('close', () => {
          if (!res.writableFinished) controller.abort(new Error('the client left'));
        });
      },
      onResponseStart: (controller, status) => {
        const raw = Array.isArray(controller.rawHeaders) ? controller.rawHeaders.map(String) : [];
        res.writeHead(status, endToEnd(raw));
      },
      onResponseData: (controller, chunk) => {
        if (res.write(chunk)) return;
        controller.pause();
        res.once('drain', () => controller.resume());
      },
      onResponseEnd: () => {
        res.end();
      },
      onResponseError: () => {
        if (res.headersSent) res.destroy();
        else res.writeHead(502).end();
      },
    },
  );
}

const origin = process.argv[2] ?? '';
const agent = new Agent({
  connect: { noDelay: true },
  keepAliveTimeout: KEEP_ALIVE_MS,
  keepAliveMaxTimeout: KEEP_ALIVE_MS,
});
reportReady(
  createServer({ noDelay: true, keepAliveTimeout: KEEP_ALIVE_MS }, (req, res) => relay(req, res, origin, agent)),
);
