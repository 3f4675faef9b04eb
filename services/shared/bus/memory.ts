// The bus of one process: groups, pending entries, idle time, delivery counts, claims, trimming and leases as Redis
// Streams has them, on plain maps and the injected clock. Nothing survives the process.
import type { Clock } from '#shared/clock.ts';
import type {
  Backlog,
  Bus,
  BusCounters,
  DeadReason,
  Deaths,
  Delivery,
  Group,
  Publication,
  PublishResult,
  ReadOptions,
} from './bus.ts';
import { GROUPS } from './bus.ts';
import type { BusLimits, OnTrouble } from './limits.ts';
import { DEAD_LETTERS_KEPT, isRoomFor, weightOf } from './limits.ts';

export interface MemoryBusOptions {
  clock: Clock;
  limits: BusLimits;
  onTrouble?: OnTrouble;
}

interface Entry {
  seq: number;
  id: string;
  fields: Record<string, string>;
  pairs: number;
  publishedAtMs: number;
}

interface Pending {
  entry: Entry;
  consumer: string;
  idleSinceMs: number;
  deliveries: number;
}

interface GroupState {
  /** Highest sequence number handed out. */
  delivered: number;
  pending: Map<number, Pending>;
  claimedAtMs: number;
  published: number;
  finished: number;
  dead: number;
  /** Not told yet. */
  deaths: Deaths;
}

/** A published id. It outlives its body's release, so that a second publication is recognised until it expires. */
interface Held {
  body: Buffer | null;
  waiting: Set<Group>;
  expiresAtMs: number;
}

interface DeadLetter {
  id: string;
  group: Group;
  reason: DeadReason;
  error: string;
}

export function createMemoryBus(options: MemoryBusOptions): Bus {
  return new MemoryBus(options);
}

class MemoryBus implements Bus {
  readonly kind = 'memory';
  readonly #clock: Clock;
  readonly #limits: BusLimits;
  readonly #onTrouble: OnTrouble;
  readonly #groups: Record<Group, GroupState>;
  readonly #held = new Map<string, Held>();
  readonly #leases = new Map<string, { owner: string; expiresAtMs: number }>();
  readonly #turns = new Map<string, number>();
  readonly #waiters = new Set<() => void>();
  readonly #deadLetters: DeadLetter[] = [];
  #entries: Entry[] = [];
  #lastSeq = 0;
  #bytes = 0;
  #closed = false;

  constructor(options: MemoryBusOptions) {
    this.#clock = options.clock;
    this.#limits = options.limits;
    this.#onTrouble = options.onTrouble ?? (() => {});
    const now = this.#clock.nowMs();
    this.#groups = { history: emptyGroup(now), compare: emptyGroup(now) };
  }

  async publish(publication: Publication): Promise<PublishResult | 'repeated'> {
    const { id, body, turn } = publication;
    const now = this.#clock.nowMs();
    if (this.#closed) return 'redis_error';
    this.#forgetExpired(now);
    if (this.#held.has(id)) return 'ok';
    const bytes = body?.length ?? 0;
    if (bytes > this.#limits.bodyMaxBytes || this.#bytes + bytes > this.#limits.redisBytesMax) {
      return 'dropped_size';
    }
    const isRepeated = turn !== undefined && !this.#markTurn(turn.key, now);
    if (isRepeated && turn.ifRepeated === null) return 'repeated';
    const pairs = isRepeated ? 0 : publication.pairs;
    const changed = isRepeated ? (turn.ifRepeated ?? {}) : {};
    const fields = Object.fromEntries(
      Object.entries(publication.fields).map(([name, value]) => [name, changed[name] ?? value]),
    );
    const waiting = new Set<Group>(pairs > 0 ? GROUPS : ['history']);
    this.#held.set(id, { body, waiting, expiresAtMs: now + this.#limits.bodyTtlSecs * 1000 });
    this.#bytes += bytes;
    this.#lastSeq += 1;
    this.#entries.push({ seq: this.#lastSeq, id, fields, pairs, publishedAtMs: now });
    for (const group of GROUPS) this.#groups[group].published += weightOf(group, pairs);
    this.#trimToLength();
    for (const wake of [...this.#waiters]) wake();
    return isRepeated ? 'repeated' : 'ok';
  }

  hasRoomFor(bodyBytes: number): boolean {
    return isRoomFor(bodyBytes, this.#bytes, this.#limits);
  }

  /** False when it was marked before. */
  #markTurn(turnKey: string, now: number): boolean {
    for (const [key, expiresAtMs] of this.#turns) {
      if (expiresAtMs > now) break;
      this.#turns.delete(key);
    }
    if (this.#turns.has(turnKey)) return false;
    this.#turns.set(turnKey, now + this.#limits.turnTtlSecs * 1000);
    return true;
  }

  async read(group: Group, consumer: string, options: ReadOptions): Promise<Delivery[]> {
    let found = this.#take(group, consumer, options);
    if (found.length > 0 || options.waitMs <= 0) return found;
    const waiting = this.#startWaiting(options.waitMs);
    try {
      while (found.length === 0 && !this.#closed && !waiting.isOver()) {
        await waiting.next();
        found = this.#fresh(group, consumer, options.count);
      }
    } finally {
      waiting.stop();
    }
    return found;
  }

  async heartbeat(group: Group, consumer: string, messageId: string): Promise<void> {
    const now = this.#clock.nowMs();
    const pending = this.#groups[group].pending.get(Number(messageId));
    if (pending?.consumer === consumer) pending.idleSinceMs = now;
  }

  async body(id: string): Promise<Buffer | null> {
    this.#forgetExpired(this.#clock.nowMs());
    return this.#held.get(id)?.body ?? null;
  }

  async finish(group: Group, delivery: Delivery): Promise<void> {
    const pending = this.#settle(group, Number(delivery.messageId));
    if (pending) this.#groups[group].finished += weightOf(group, pending.entry.pairs);
  }

  async bury(group: Group, delivery: Delivery, reason: DeadReason, error: string): Promise<void> {
    const pending = this.#settle(group, Number(delivery.messageId));
    if (pending) this.#bookDead(group, pending.entry, reason, error);
  }

  async lease(key: string, owner: string, ttlMs: number): Promise<boolean> {
    const now = this.#clock.nowMs();
    const held = this.#leases.get(key);
    if (held && held.expiresAtMs > now && held.owner !== owner) return false;
    this.#leases.set(key, { owner, expiresAtMs: now + ttlMs });
    return true;
  }

  async unlease(key: string, owner: string): Promise<void> {
    if (this.#leases.get(key)?.owner === owner) this.#leases.delete(key);
  }

  async counters(group: Group): Promise<BusCounters> {
    const { published, finished, dead } = this.#groups[group];
    let pending = 0;
    for (const entry of this.#unsettled(group)) pending += weightOf(group, entry.pairs);
    return { published, finished, dead, pending };
  }

  async backlog(group: Group): Promise<Backlog> {
    const now = this.#clock.nowMs();
    let pending = 0;
    let oldestAtMs = now;
    for (const entry of this.#unsettled(group)) {
      const weight = weightOf(group, entry.pairs);
      pending += weight;
      if (weight > 0) oldestAtMs = Math.min(oldestAtMs, entry.publishedAtMs);
    }
    const deadLetters = this.#deadLetters.length;
    return { length: this.#entries.length, pending, oldestAgeMs: now - oldestAtMs, deadLetters };
  }

  async takeDeaths(group: Group): Promise<Deaths> {
    const taken = this.#groups[group].deaths;
    this.#groups[group].deaths = noDeaths();
    return taken;
  }

  async deadLetters(limit: number): Promise<DeadLetter[]> {
    return this.#deadLetters.slice(0, limit);
  }

  async janitor(): Promise<void> {
    const now = this.#clock.nowMs();
    this.#forgetExpired(now);
    const needed = GROUPS.flatMap((group) => this.#unsettled(group).map((entry) => entry.seq));
    const smallest = needed.reduce((a, b) => Math.min(a, b), this.#lastSeq + 1);
    this.#entries = this.#entries.filter((entry) => entry.seq >= smallest);
    for (const [key, lease] of this.#leases) if (lease.expiresAtMs <= now) this.#leases.delete(key);
  }

  async healthy(): Promise<boolean> {
    return !this.#closed;
  }

  async close(): Promise<void> {
    this.#closed = true;
    for (const wake of [...this.#waiters]) wake();
  }

  /** Fresh entries first; silent ones when nothing is fresh, and once per idle period even if there always is. */
  #take(group: Group, consumer: string, options: ReadOptions): Delivery[] {
    const state = this.#groups[group];
    if (this.#clock.nowMs() - state.claimedAtMs >= options.claimIdleMs) {
      const claimed = this.#claim(group, consumer, options);
      if (claimed.length > 0) return claimed;
    }
    const fresh = this.#fresh(group, consumer, options.count);
    return fresh.length > 0 ? fresh : this.#claim(group, consumer, options);
  }

  #fresh(group: Group, consumer: string, count: number): Delivery[] {
    const state = this.#groups[group];
    const now = this.#clock.nowMs();
    const found: Delivery[] = [];
    for (const entry of this.#undelivered(group)) {
      if (found.length >= count) break;
      state.delivered = entry.seq;
      // Nothing of it counts in this group: settled unseen, the caller need not know.
      if (weightOf(group, entry.pairs) === 0) continue;
      const pending = { entry, consumer, idleSinceMs: now, deliveries: 1 };
      state.pending.set(entry.seq, pending);
      found.push(toDelivery(pending));
    }
    return found;
  }

  #claim(group: Group, consumer: string, options: ReadOptions): Delivery[] {
    const state = this.#groups[group];
    const now = this.#clock.nowMs();
    state.claimedAtMs = now;
    const found: Delivery[] = [];
    for (const pending of [...state.pending.values()]) {
      if (found.length >= options.count) break;
      if (now - pending.idleSinceMs < options.claimIdleMs) continue;
      if (pending.deliveries >= options.maxDeliveries) {
        this.#settle(group, pending.entry.seq);
        this.#bookDead(group, pending.entry, 'deliveries', `delivered ${pending.deliveries} times, never settled`);
        continue;
      }
      pending.consumer = consumer;
      pending.idleSinceMs = now;
      pending.deliveries += 1;
      found.push(toDelivery(pending));
    }
    return found;
  }

  #undelivered(group: Group): Entry[] {
    const { delivered } = this.#groups[group];
    const first = this.#entries[0];
    return first ? this.#entries.slice(Math.max(0, delivered + 1 - first.seq)) : [];
  }

  #unsettled(group: Group): Entry[] {
    const pending = [...this.#groups[group].pending.values()].map(({ entry }) => entry);
    return [...pending, ...this.#undelivered(group)];
  }

  /** Takes an entry out of the pending ones, once, and gives this group's share of its body back. */
  #settle(group: Group, seq: number): Pending | undefined {
    const state = this.#groups[group];
    const pending = state.pending.get(seq);
    if (!pending) return undefined;
    state.pending.delete(seq);
    this.#release(group, pending.entry.id);
    return pending;
  }

  #release(group: Group, id: string): void {
    const held = this.#held.get(id);
    if (!held) return;
    held.waiting.delete(group);
    if (held.waiting.size > 0 || held.body === null) return;
    this.#bytes -= held.body.length;
    held.body = null;
  }

  #bookDead(group: Group, entry: Entry, reason: DeadReason, error: string): void {
    const weight = weightOf(group, entry.pairs);
    if (weight === 0) return;
    this.#groups[group].dead += weight;
    this.#groups[group].deaths[reason] += weight;
    this.#deadLetters.unshift({ id: entry.id, group, reason, error });
    this.#deadLetters.length = Math.min(this.#deadLetters.length, DEAD_LETTERS_KEPT);
    this.#onTrouble(`exchange ${entry.id} is a dead letter of group ${group}: ${reason}`);
  }

  #trimToLength(): void {
    while (this.#entries.length > this.#limits.maxLen) {
      const entry = this.#entries.shift();
      if (!entry) return;
      for (const group of GROUPS) {
        const state = this.#groups[group];
        const wasUnsettled = entry.seq > state.delivered || state.pending.delete(entry.seq);
        if (!wasUnsettled) continue;
        this.#release(group, entry.id);
        this.#bookDead(group, entry, 'trimmed', `stream longer than ${this.#limits.maxLen} entries`);
      }
    }
  }

  /** All bodies live equally long, so the map is in order of expiry. */
  #forgetExpired(now: number): void {
    for (const [id, held] of this.#held) {
      if (held.expiresAtMs > now) return;
      this.#bytes -= held.body?.length ?? 0;
      this.#held.delete(id);
    }
  }

  #startWaiting(waitMs: number): { next(): Promise<void>; isOver(): boolean; stop(): void } {
    let isOver = false;
    let isWoken = false;
    let resolveNext: (() => void) | undefined;
    const wake = (): void => {
      isWoken = true;
      resolveNext?.();
    };
    const timer = setTimeout(() => {
      isOver = true;
      wake();
    }, waitMs);
    this.#waiters.add(wake);
    return {
      next: async () => {
        if (!isWoken) await new Promise<void>((resolve) => (resolveNext = resolve));
        isWoken = false;
      },
      isOver: () => isOver,
      stop: () => {
        clearTimeout(timer);
        this.#waiters.delete(wake);
      },
    };
  }
}

function emptyGroup(now: number): GroupState {
  return {
    delivered: 0,
    pending: new Map(),
    claimedAtMs: now,
    published: 0,
    finished: 0,
    dead: 0,
    deaths: noDeaths(),
  };
}

function noDeaths(): Deaths {
  return { schema: 0, deliveries: 0, trimmed: 0, bus_reset: 0 };
}

function toDelivery({ entry, deliveries }: Pending): Delivery {
  const { seq, id, fields, pairs } = entry;
  return { messageId: String(seq), id, fields: { ...fields }, pairs, deliveryCount: deliveries };
}
