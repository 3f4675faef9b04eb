// Connections to upstreams: one keep-alive pool an origin.
import { Agent, buildConnector } from 'undici';
import { createRelayAgent } from './relay-agent.ts';
import { inOnePiece, type OnConnected, type UpstreamAgent } from './upstream-agent.ts';

const KEEP_ALIVE_MS = 120_000;
/** HTTP/2 stays off: it costs one and a half to three times the CPU of HTTP/1.1 here. */
export function createAgent(connectTimeoutMs: number, onConnected?: OnConnected): UpstreamAgent {
  const undici = new Agent({
    // Limits on what is in flight are kept before a request comes here: one that waited for a connection would wait
    // without a timeout.
    connections: null,
    keepAliveTimeout: KEEP_ALIVE_MS,
    keepAliveMaxTimeout: KEEP_ALIVE_MS,
    connect: timedConnector(connectTimeoutMs, onConnected),
    allowH2: false,
    pipelining: 1,
    headersTimeout: 0,
    bodyTimeout: 0,
  });
  return {
    // Undici takes a body of several pieces only as something to wait for.
    dispatch: ({ body, ...request }, handler) => undici.dispatch({ ...request, body: inOnePiece(body) }, handler),
    pools: () =>
      Object.entries(undici.stats).map(([origin, { pending, running, size, ...rest }]) => ({
        origin,
        pending: pending + ('queued' in rest ? rest.queued : 0),
        running,
        free: 'free' in rest ? rest.free : Number(rest.connected && size === 0),
      })),
    destroy: () => undici.destroy(),
  };
}

function timedConnector(timeout: number, onConnected: OnConnected | undefined): buildConnector.connector {
  const connect = buildConnector({ timeout, noDelay: true });
  if (onConnected === undefined) return connect;
  return (options, done) => {
    const startedAt = performance.now();
    const { protocol, hostname, port } = options;
    connect(options, (...outcome) => {
      const [, socket] = outcome;
      if (socket) onConnected(new URL(`${protocol}//${hostname}:${port}`).origin, performance.now() - startedAt);
      done(...outcome);
    });
  };
}

/** `own` = undici with a short cut for the chunks of answers. */
export function createUpstreamAgent(
  connectTimeoutMs: number,
  http1: 'own' | 'undici',
  onConnected?: OnConnected,
): UpstreamAgent {
  return http1 === 'own'
    ? createRelayAgent({ connectTimeoutMs, onConnected })
    : createAgent(connectTimeoutMs, onConnected);
}
