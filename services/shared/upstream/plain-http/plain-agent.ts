// The dispatcher of our own HTTP/1.1 leg: connections of each origin, kept for the next request. A request that is not
// plain goes to undici, which also says what is wrong with one.
import { errors } from 'undici';
import { judgeWithUndici } from './judge-reply.ts';
import { PlainConnection } from './plain-connection.ts';
import { PlainExchange, type ReplyHandler } from './plain-exchange.ts';
import { isPlainRequest, type PlainRequest } from './plain-heads.ts';

const READ_BYTES = 65_536;
const MAX_IDLE_PER_ORIGIN = 256;

/** Undici's dispatchers fit. */
export interface UpstreamAgent {
  dispatch(request: PlainRequest, handler: ReplyHandler): boolean;
  /** Its connections now, by origin; an origin may be there twice. */
  pools(): PoolState[];
  destroy(): Promise<void>;
}

export interface PoolState {
  origin: string;
  /** Requests that wait for a connection. */
  pending: number;
  /** Connections that carry a request. */
  running: number;
  /** Open ones that carry none. */
  free: number;
}

/** A connection is open: how long that took. */
export type OnConnected = (origin: string, tookMs: number) => void;

interface Pool {
  url: URL;
  open: number;
  connecting: number;
  idle: PlainConnection[];
  tlsSession: Buffer | undefined;
}

export interface PlainAgentParts {
  connectTimeoutMs: number;
  undici: UpstreamAgent;
  onConnected?: OnConnected | undefined;
}

export function createPlainAgent({ connectTimeoutMs, undici, onConnected }: PlainAgentParts): UpstreamAgent {
  const pools = new Map<string, Pool>();
  const open = new Set<PlainConnection>();
  let isDestroyed = false;
  const buffer = Buffer.allocUnsafeSlow(READ_BYTES);

  function poolOf(origin: string): Pool {
    const known = pools.get(origin) ?? {
      url: new URL(origin),
      open: 0,
      connecting: 0,
      idle: [],
      tlsSession: undefined,
    };
    pools.set(origin, known);
    return known;
  }

  function connect(pool: Pool, exchange: PlainExchange): void {
    const startedAt = performance.now();
    let isConnecting = true;
    const settle = (): void => {
      if (isConnecting) pool.connecting -= 1;
      isConnecting = false;
    };
    pool.open += 1;
    pool.connecting += 1;
    const connection = new PlainConnection(pool.url, exchange, {
      connectTimeoutMs,
      buffer,
      tlsSession: pool.tlsSession,
      onTlsSession: (session) => {
        pool.tlsSession = session;
      },
      onOpen: () => {
        settle();
        onConnected?.(pool.url.origin, performance.now() - startedAt);
      },
      onIdle: () => {
        if (pool.idle.length < MAX_IDLE_PER_ORIGIN) pool.idle.push(connection);
        else connection.destroy();
      },
      onClosed: () => {
        settle();
        pool.open -= 1;
        open.delete(connection);
        const place = pool.idle.indexOf(connection);
        if (place !== -1) pool.idle.splice(place, 1);
      },
    });
    open.add(connection);
  }

  /** Nothing is written to a kept connection before the loop has seen whether the server has closed it meanwhile. */
  function run(pool: Pool, exchange: PlainExchange): void {
    if (exchange.isOver) return;
    if (isDestroyed) {
      exchange.fail(new errors.ClientDestroyedError());
      return;
    }
    const kept = pool.idle.pop();
    if (!kept) connect(pool, exchange);
    else {
      setImmediate(() => {
        if (!kept.isUsable) run(pool, exchange);
        else if (exchange.isOver) pool.idle.push(kept);
        else kept.carry(exchange);
      });
    }
  }

  return {
    dispatch(request: PlainRequest, handler: ReplyHandler) {
      if (!isPlainRequest(request)) return undici.dispatch(request, handler);
      const exchange = new PlainExchange(request, handler, judgeWithUndici);
      handler.onRequestStart(exchange);
      if (!exchange.isOver) run(poolOf(request.origin), exchange);
      return true;
    },
    pools: () => [
      ...undici.pools(),
      ...[...pools.values()].map(({ url, open: all, connecting, idle }) => ({
        origin: url.origin,
        pending: connecting,
        running: all - connecting - idle.length,
        free: idle.length,
      })),
    ],
    async destroy() {
      isDestroyed = true;
      for (const connection of open) connection.shut();
      await undici.destroy();
    },
  };
}
