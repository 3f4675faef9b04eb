// The port between the gateway and its readers. Two adapters, memory and Redis Streams, pass one contract test
// (test/contract/bus.contract.ts). Delivery is at least once; what a reader does must be idempotent.

export type Group = 'history' | 'compare';
export const GROUPS: readonly Group[] = ['history', 'compare'];

/** How an attempt to publish ended, in the words of `ccproxy_compare_enqueue_total`. */
export type PublishResult = 'ok' | 'dropped_full' | 'dropped_size' | 'redis_error' | 'redis_unknown' | 'failed';

/** A turn that is compared once, however often it is sent. */
export interface Turn {
  key: string;
  /**
   * What is published when the turn was enqueued before: without planned pairs, these fields in place of those of the
   * same name. null = nothing is.
   */
  ifRepeated: Record<string, string> | null;
}

export interface Publication {
  /** Request id; the body's key and the identity of the exchange. */
  id: string;
  /** The entry, flat (see exchange.ts). */
  fields: Record<string, string>;
  /** Given away. null = the entry says it all. */
  body: Buffer | null;
  /** Planned pairs: what the entry counts for in group `compare`. 0 = the bus never shows it to compare. */
  pairs: number;
  /** Marked with the publication at one stroke: either both happen or neither. Unset = not looked at. */
  turn?: Turn;
}

export interface Delivery {
  /** The bus's own id of the entry. */
  messageId: string;
  /** Request id. */
  id: string;
  fields: Record<string, string>;
  pairs: number;
  /** 1 on first delivery. */
  deliveryCount: number;
}

export type DeadReason = 'schema' | 'deliveries' | 'trimmed' | 'bus_reset';
export const DEAD_REASONS: readonly DeadReason[] = ['schema', 'deliveries', 'trimmed', 'bus_reset'];
export type Deaths = Record<DeadReason, number>;

/** Kept on the bus, so that they outlive a process. published = finished + dead + pending, always. */
export interface BusCounters {
  published: number;
  finished: number;
  dead: number;
  pending: number;
}

export interface Backlog {
  /** Entries in the stream. */
  length: number;
  /** Planned pairs (compare) or exchanges (history) published and not settled. */
  pending: number;
  /** Age of the oldest unsettled entry in milliseconds, 0 when there is none. */
  oldestAgeMs: number;
  /** Dead letters that are kept, of both groups. */
  deadLetters: number;
}

export interface Bus {
  readonly kind: 'memory' | 'redis';
  /** False = nobody will ever read from it, so nothing need be published; unset = somebody may. */
  readonly readers?: false;
  /**
   * Publishes one exchange for both groups. Never throws, never waits longer than its command timeout; the result says
   * what happened. `redis_unknown` = timed out, the outcome is not known; `repeated` = the turn was enqueued before, and
   * what `ifRepeated` says was done.
   */
  publish(publication: Publication): Promise<PublishResult | 'repeated'>;
  /** May a body of so many bytes come as it is? Else compressed: much is held already, as last heard, or it is too large. */
  hasRoomFor(bodyBytes: number): boolean;
  /**
   * Next deliveries for one consumer of a group: fresh entries, else entries whose consumer went silent (idle longer
   * than `claimIdleMs`). Waits up to `waitMs`; returns [] when nothing came. Groups are created on first use, from the
   * beginning. Entries over `maxDeliveries` are dead-lettered here, not returned.
   * @throws when the bus cannot be reached: the caller backs off and tries again.
   */
  read(group: Group, consumer: string, options: ReadOptions): Promise<Delivery[]>;
  /** Tells the bus that the consumer still works on the entry. Does not raise its delivery count. */
  heartbeat(group: Group, consumer: string, messageId: string): Promise<void>;
  /** The body, or null when it expired or there was none. */
  body(id: string): Promise<Buffer | null>;
  /** Settles an entry: acknowledged, counted finished once, its body given back by this group. Idempotent. */
  finish(group: Group, delivery: Delivery): Promise<void>;
  /** Moves an entry to the dead letters: acknowledged, counted dead once. Idempotent. */
  bury(group: Group, delivery: Delivery, reason: DeadReason, error: string): Promise<void>;
  /** Takes or renews a lease; false when another owner holds it. */
  lease(key: string, owner: string, ttlMs: number): Promise<boolean>;
  /** Gives a lease back if this owner holds it. */
  unlease(key: string, owner: string): Promise<void>;
  /** Measures `pending` on the stream itself, so its cost grows with the backlog: for metrics and checks, not each second. */
  counters(group: Group): Promise<BusCounters>;
  /** Cheap, from the counters. */
  backlog(group: Group): Promise<Backlog>;
  /**
   * What died in a group since anybody last asked, by reason, in the units of `counters`. Each death is told once for the
   * whole bus, so that the counters of all who ask add up to the bus's own.
   */
  takeDeaths(group: Group): Promise<Deaths>;
  deadLetters(limit: number): Promise<Array<{ id: string; group: Group; reason: DeadReason; error: string }>>;
  /** Housekeeping: trims settled entries, books what vanished, deletes idle consumers. Safe to call from many processes. */
  janitor(): Promise<void>;
  /** Is the bus reachable now? Never throws. */
  healthy(): Promise<boolean>;
  close(): Promise<void>;
}

export interface ReadOptions {
  count: number;
  waitMs: number;
  claimIdleMs: number;
  maxDeliveries: number;
}
