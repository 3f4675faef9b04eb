// One connection to Redis that never surprises: it connects in the background, refuses commands while it is away, bounds
// each by a timeout, reconnects for ever, and is gone at once when closed.
import { createHash } from 'node:crypto';
import { ClientClosedError, ClientOfflineError, createClient, ErrorReply } from 'redis';
import { ConfigError } from '#shared/errors.ts';
import type { OnTrouble } from './limits.ts';

const CONNECT_TIMEOUT_MS = 2000;
/** More than the longest attempt to connect and the pause after it. */
const HANDSHAKE_TIMEOUT_MS = 5000;
const RECONNECT_MAX_MS = 500;
/** A client writes until so much waits for the socket, then once a turn of the event loop: a full one has few of them. */
const MOST_UNSENT_BYTES = 8 * 1024 * 1024;

export type RedisClient = ReturnType<typeof openClient>;

export interface RedisConnectionOptions {
  url: string;
  /** For messages to the operator: `publishing`, `reading`. */
  purpose: string;
  onTrouble: OnTrouble;
  /** Called after each (re)connect. Must not throw. */
  onReady?: (client: RedisClient) => void;
}

/** The reply did not come in time: whether the command was carried out is not known. */
export class RedisTimeoutError extends Error {
  constructor(timeoutMs: number) {
    super(`Redis did not answer within ${timeoutMs} ms`);
    this.name = 'RedisTimeoutError';
  }
}

/** Was the command certainly not carried out? Else it was lost on the way, and nobody knows. */
export function isRefusal(error: unknown): boolean {
  return error instanceof ErrorReply || error instanceof ClientOfflineError || error instanceof ClientClosedError;
}

export interface RedisConnection {
  /** @throws when Redis is away, refuses, or does not answer within `timeoutMs`; then the connection is replaced. */
  run<T>(work: (client: RedisClient) => Promise<T>, timeoutMs: number): Promise<T>;
  /** Known to be away: a command would be refused at once. */
  isDown(): boolean;
  /** Drops the connection with all that waits on it and makes a new one. */
  recycle(): void;
  /** May be called twice. What still waits is rejected. */
  close(): void;
}

export function createRedisConnection(options: RedisConnectionOptions): RedisConnection {
  let link = openLink(options);
  let isClosed = false;
  const replace = (old: Link): void => {
    if (isClosed || link !== old) return;
    old.close();
    link = openLink(options);
  };
  const freshLink = (): Link => {
    if (link.isStuck()) replace(link);
    return link;
  };
  return {
    async run(work, timeoutMs) {
      const current = freshLink();
      if (!current.isSettled()) await within(current.settled, timeoutMs, () => new ClientOfflineError());
      try {
        return await within(work(current.client), timeoutMs, () => new RedisTimeoutError(timeoutMs));
      } catch (error) {
        // It may be dead without knowing, and a late reply would be nobody's.
        if (error instanceof RedisTimeoutError) replace(current);
        throw error;
      }
    },
    isDown: () => freshLink().isDown(),
    recycle: () => replace(link),
    close() {
      isClosed = true;
      link.close();
    },
  };
}

/** @throws what `onTimeout` makes when the time is over first */
function within<T>(work: Promise<T>, timeoutMs: number, onTimeout: () => Error): Promise<T> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(onTimeout()), timeoutMs);
    work.then(
      (value) => {
        clearTimeout(timer);
        resolve(value);
      },
      (error: unknown) => {
        clearTimeout(timer);
        reject(error);
      },
    );
  });
}

interface Link {
  client: RedisClient;
  /** Resolves when the first attempt to connect has ended, well or not; later commands need not wait. */
  settled: Promise<void>;
  isSettled(): boolean;
  /** Was tried, and is not there. */
  isDown(): boolean;
  /** Neither ready nor failing for so long that the peer must have vanished during the handshake. */
  isStuck(): boolean;
  close(): void;
}

function openLink({ url, purpose, onTrouble, onReady }: RedisConnectionOptions): Link {
  const client = openClient(url);
  let isClosed = false;
  let isReported = false;
  let isSettled = false;
  let heardAtMs = performance.now();
  let settle = (): void => {};
  const settled = new Promise<void>((resolve) => {
    settle = () => {
      isSettled = true;
      resolve();
    };
  });
  client.on('ready', () => {
    isReported = false;
    settle();
    onReady?.(client);
  });
  client.on('error', (error: unknown) => {
    heardAtMs = performance.now();
    settle();
    if (isReported || isClosed) return;
    isReported = true;
    onTrouble(`Redis connection for ${purpose} is down, reconnecting`, error);
  });
  // A client that was closed while its socket connected knows of that socket only now.
  client.on('connect', () => {
    if (isClosed) client.destroy();
  });
  client.connect().catch((error: unknown) => {
    if (!isClosed) onTrouble(`Redis connection for ${purpose} gave up`, error);
  });
  return {
    client,
    settled,
    isSettled: () => isSettled,
    isDown: () => isSettled && !client.isReady,
    isStuck: () => !client.isReady && performance.now() - heardAtMs > HANDSHAKE_TIMEOUT_MS,
    close: () => {
      if (isClosed) return;
      isClosed = true;
      settle();
      client.destroy();
    },
  };
}

function openClient(url: string) {
  if (!URL.canParse(url) || !/^rediss?:$/.test(new URL(url).protocol)) {
    throw new ConfigError('redis.url is not a redis:// or rediss:// URL');
  }
  // Handed to the socket as it is, whatever the client's types know of.
  const socket = {
    highWaterMark: MOST_UNSENT_BYTES,
    connectTimeout: CONNECT_TIMEOUT_MS,
    reconnectStrategy: (retries: number) => Math.min(RECONNECT_MAX_MS, 20 * 2 ** retries) * (0.75 + Math.random() / 4),
  };
  return createClient({
    url,
    // Its handshake makes `ready` mean that the server answers, not only that the port accepts.
    RESP: 3,
    disableOfflineQueue: true,
    disableClientInfo: true,
    maintNotifications: 'disabled',
    // Each is bounded here. Theirs is a signal with a timer that lives five seconds, whatever becomes of the command.
    commandOptions: { timeout: 0 },
    socket,
  });
}

/** A Lua script, sent by its digest and in full only when the server does not know it yet. */
export interface Script {
  readonly source: string;
  readonly sha: string;
}

export function createScript(source: string): Script {
  return { source, sha: createHash('sha1').update(source).digest('hex') };
}

export async function runScript(
  client: RedisClient,
  script: Script,
  keys: string[],
  args: Array<string | Buffer>,
): Promise<unknown> {
  const options = { keys, arguments: args };
  try {
    return await client.evalSha(script.sha, options);
  } catch (error) {
    if (!(error instanceof ErrorReply) || !error.message.startsWith('NOSCRIPT')) throw error;
    return client.eval(script.source, options);
  }
}
