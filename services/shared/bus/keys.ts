// Every Redis key, channel and group-independent name of the product, once. Redis Cluster is not supported: the scripts
// of redis-scripts.ts touch several of these keys at a time.

export const KEY_PREFIX = 'ccproxy:';

/** The kept settings, see control/control.ts. */
export type ControlKey = 'mode' | 'tracing' | 'log';

export interface Keys {
  readonly prefix: string;
  /** The stream of exchange entries. */
  readonly exchanges: string;
  /** Stream of dead letters: what was given up, without bodies. */
  readonly dead: string;
  /** Hash: published, finished and dead by group. */
  readonly counters: string;
  /** Random text, set once; its absence means that Redis was flushed or replaced. */
  readonly epoch: string;
  /** Sorted set: ids published within the body's time to live, by expiry. */
  readonly recent: string;
  /** Hash: body bytes by id, as long as they are held, and their sum in field `total`. */
  readonly bytes: string;
  /** Text: number of changes to the kept settings. The channel of the same name carries `{"key", "version"}`. */
  readonly control: string;
  /** Hash: usage counters over all replicas. */
  readonly stats: string;
  /** The body of one exchange. */
  body(id: string): string;
  /** Set: the groups that still need the body. */
  wait(id: string): string;
  lease(key: string): string;
  turn(turnKey: string): string;
  setting(key: ControlKey): string;
  /** Number of the last statistics batch that one replica added. */
  statsBatch(replica: string): string;
}

/** The names under a prefix; only tests that share a server use another than `ccproxy:`. */
export function createKeys(prefix: string = KEY_PREFIX): Keys {
  return {
    prefix,
    exchanges: `${prefix}exchanges`,
    dead: `${prefix}dead`,
    counters: `${prefix}counters`,
    epoch: `${prefix}epoch`,
    recent: `${prefix}recent`,
    bytes: `${prefix}bytes`,
    control: `${prefix}control`,
    stats: `${prefix}stats`,
    body: (id) => `${prefix}body:${id}`,
    wait: (id) => `${prefix}wait:${id}`,
    lease: (key) => `${prefix}lease:${key}`,
    turn: (turnKey) => `${prefix}turn:${turnKey}`,
    setting: (key) => `${prefix}${key}`,
    statsBatch: (replica) => `${prefix}stats-batch:${replica}`,
  };
}
