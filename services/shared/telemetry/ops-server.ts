// The listener for operators: probes and metrics, apart from the traffic it reports on. `/healthz` depends on nothing;
// `/readyz` asks the service, with a bound.
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { ConfigError, errorMessage } from '#shared/errors.ts';

export interface Readiness {
  ready: boolean;
  /** Dependency → `ok` or what is wrong, in words without secrets. */
  checks: Record<string, string>;
}

export interface OpsServerOptions {
  /** `host:port`; port 0 takes a free one. */
  address: string;
  metrics: { readonly registry: { readonly contentType: string; metrics(): Promise<string> } };
  /** A rejection or a silence of `readyTimeoutMs` means not ready. */
  ready: () => Promise<Readiness>;
  readyTimeoutMs?: number;
}

export interface OpsServer {
  readonly url: string;
  /** May be called twice. */
  stop(): Promise<void>;
}

/** @throws ConfigError when the address cannot be listened on. */
export async function startOpsServer(options: OpsServerOptions): Promise<OpsServer> {
  const server = createServer((request, response) => {
    answer(options, request).then(
      (reply) => send(request, response, reply),
      (error: unknown) => send(request, response, text(500, `${errorMessage(error)}\n`)),
    );
  });
  await listen(server, options.address);
  const { address, family, port } = server.address() as AddressInfo;
  let stopped: Promise<void> | undefined;
  return {
    url: `http://${family === 'IPv6' ? `[${address}]` : address}:${port}`,
    stop: () => {
      stopped ??= close(server);
      return stopped;
    },
  };
}

interface Reply {
  status: number;
  contentType: string;
  body: string;
}

async function answer(options: OpsServerOptions, request: IncomingMessage): Promise<Reply> {
  if (request.method !== 'GET' && request.method !== 'HEAD') return text(405, 'method not allowed\n');
  const [path] = (request.url ?? '').split('?', 1);
  switch (path) {
    case '/healthz':
      return text(200, 'ok\n');
    case '/readyz': {
      const readiness = await askReady(options);
      return {
        status: readiness.ready ? 200 : 503,
        contentType: 'application/json',
        body: `${JSON.stringify(readiness)}\n`,
      };
    }
    case '/metrics': {
      const { registry } = options.metrics;
      return { status: 200, contentType: registry.contentType, body: await registry.metrics() };
    }
    default:
      return text(404, 'not found; here are /healthz, /readyz and /metrics\n');
  }
}

async function askReady(options: OpsServerOptions): Promise<Readiness> {
  const timeoutMs = options.readyTimeoutMs ?? 2000;
  let timer: NodeJS.Timeout | undefined;
  const silence = new Promise<Readiness>((resolve) => {
    timer = setTimeout(() => resolve(notReady(`no answer within ${timeoutMs} ms`)), timeoutMs);
  });
  try {
    return await Promise.race([options.ready(), silence]);
  } catch (error) {
    return notReady(errorMessage(error));
  } finally {
    clearTimeout(timer);
  }
}

function notReady(reason: string): Readiness {
  return { ready: false, checks: { readiness: reason } };
}

function text(status: number, body: string): Reply {
  return { status, contentType: 'text/plain; charset=utf-8', body };
}

function send(request: IncomingMessage, response: ServerResponse, reply: Reply): void {
  response.writeHead(reply.status, {
    'content-type': reply.contentType,
    'content-length': Buffer.byteLength(reply.body),
    'cache-control': 'no-store',
    ...(reply.status === 405 ? { allow: 'GET, HEAD' } : {}),
  });
  response.end(request.method === 'HEAD' ? undefined : reply.body);
}

async function listen(server: Server, address: string): Promise<void> {
  const match = /^(?:\[([^\]]+)\]|([^:]*)):(\d{1,5})$/.exec(address);
  const port = Number(match?.[3]);
  if (!match || port > 65535) {
    throw new ConfigError(
      `ops.listen_address is ${JSON.stringify(address)}; it must be host:port, e.g. 127.0.0.1:9464`,
    );
  }
  const host = match[1] ?? match[2] ?? '';
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => {
      reject(new ConfigError(`ops.listen_address ${address}: cannot listen (${error.code ?? error.message})`, error));
    });
    server.listen({ port, ...(host === '' ? {} : { host }) }, resolve);
  });
}

function close(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
    server.closeAllConnections();
  });
}
