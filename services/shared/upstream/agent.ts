// Connections to upstreams: one keep-alive pool an origin.
import { Agent, type Dispatcher } from 'undici';

const KEEP_ALIVE_MS = 120_000;
/** HTTP/2 stays off: it costs one and a half to three times the CPU of HTTP/1.1 here. */
export function createAgent(connectTimeoutMs: number): Dispatcher {
  return new Agent({
    // Limits on what is in flight are kept before a request comes here: one that waited for a connection would wait
    // without a timeout.
    connections: null,
    keepAliveTimeout: KEEP_ALIVE_MS,
    keepAliveMaxTimeout: KEEP_ALIVE_MS,
    connect: { timeout: connectTimeoutMs, noDelay: true },
    allowH2: false,
    pipelining: 1,
    headersTimeout: 0,
    bodyTimeout: 0,
  });
}
