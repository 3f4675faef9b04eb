// The bus over Redis Streams for many processes. Publishing has a connection of its own, each reader has one that it may
// block, everything else shares a third; what must be atomic is in redis-scripts.ts.
import { randomUUID } from 'node:crypto';
import { ErrorReply, RESP_TYPES } from 'redis';
import type { Clock } from '#shared/clock.ts';
import { systemClock } from '#shared/clock.ts';
import { free } from '#shared/free.ts';
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
import { DEAD_REASONS, GROUPS } from './bus.ts';
import { createPublicationGatherer } from './gather-publications.ts';
import type { Keys } from './keys.ts';
import { createKeys } from './keys.ts';
import type { BusLimits, OnTrouble } from './limits.ts';
import { CONSUMER_IDLE_MS, isRoomFor, weightOf } from './limits.ts';
import type { PublishBreaker } from './publish-breaker.ts';
import { createPublishBreaker } from './publish-breaker.ts';
import type { RedisClient, RedisConnection, Script } from './redis-connection.ts';
import { createRedisConnection, isRefusal, runScript } from './redis-connection.ts';
import {
  BACKLOG,
  CLAIM,
  CLEAN,
  COUNT,
  HEARTBEAT,
  ID_FIELD,
  LEASE,
  MAKE_GROUPS,
  PAIRS_FIELD,
  PUBLISH,
  SETTLE,
  TAKE_DEATHS,
  UNLEASE,
} from './redis-scripts.ts';

/** Publishing waits so long and no longer. */
const PUBLISH_TIMEOUT_MS = 500;
const COMMAND_TIMEOUT_MS = 2000;
/** Reads the whole backlog inside Redis. */
const SCAN_TIMEOUT_MS = 10_000;
const JANITOR_LEASE_MS = 90_000;

export interface RedisBusOptions {
  url: string;
  limits: BusLimits;
  onTrouble: OnTrouble;
  clock?: Clock;
  /** Another prefix than `ccproxy:`, for tests that share a server. */
  prefix?: string;
  consumerIdleMs?: number;
}

interface StreamMessage {
  id: string;
  message: Record<string, string>;
}

/** Does not wait for Redis: until it is there, publications end as `redis_error` and the rest throws. */
export function createRedisBus(options: RedisBusOptions): Bus {
  return new RedisBus(options);
}

class RedisBus implements Bus {
  readonly kind = 'redis';
  readonly #url: string;
  readonly #limits: BusLimits;
  readonly #onTrouble: OnTrouble;
  readonly #clock: Clock;
  readonly #keys: Keys;
  readonly #consumerIdleMs: number;
  readonly #name = randomUUID();
  readonly #breaker: PublishBreaker;
  readonly #publishing: RedisConnection;
  readonly #commands: RedisConnection;
  readonly #readers = new Map<string, RedisConnection>();
  readonly #publishSoon = createPublicationGatherer((publications) => this.#publishAll(publications));
  readonly #claimedAtMs: Record<Group, number>;
  /** Planned pairs and exchanges not settled, as last heard: the loss to book when Redis comes back empty. */
  #backlog: Record<Group, number> = { history: 0, compare: 0 };
  /** Bytes of all bodies, as last heard. */
  #heldBytes = 0;
  #isClosed = false;

  constructor(options: RedisBusOptions) {
    this.#url = options.url;
    this.#limits = options.limits;
    this.#onTrouble = options.onTrouble;
    this.#clock = options.clock ?? systemClock;
    this.#keys = createKeys(options.prefix);
    this.#consumerIdleMs = options.consumerIdleMs ?? CONSUMER_IDLE_MS;
    this.#breaker = createPublishBreaker(this.#clock);
    this.#publishing = this.#connect('publishing', (client) => this.#warnOfEviction(client));
    this.#commands = this.#connect('commands');
    const now = this.#clock.monotonicMs();
    this.#claimedAtMs = { history: now, compare: now };
  }

  async publish(publication: Publication): Promise<PublishResult | 'repeated'> {
    const { body } = publication;
    return body !== null && body.length > this.#limits.bodyMaxBytes ? 'dropped_size' : this.#publishSoon(publication);
  }

  async #publishAll(publications: readonly Publication[]): Promise<ReadonlyArray<PublishResult | 'repeated'>> {
    const { maxLen, bodyTtlSecs, redisBytesMax, turnTtlSecs } = this.#limits;
    const args: Array<string | Buffer> = [bodyTtlSecs, maxLen, redisBytesMax, turnTtlSecs].map(String);
    for (const publication of publications) this.#addPublication(args, publication);
    const outcome = await this.#produce((client) => this.#script(client, PUBLISH, args));
    if (!outcome.ok) return publications.map(() => outcome.result);
    const [heldBytes, ...told] = outcome.value;
    this.#heldBytes = Number(heldBytes);
    // Who answers has read it all.
    for (const { body } of publications) if (body !== null) free(body);
    return told.map((result) => (result === 'ok' || result === 'repeated' ? result : 'dropped_size'));
  }

  #addPublication(args: Array<string | Buffer>, { id, fields, body, pairs, turn }: Publication): void {
    args.push(id, String(pairs), body ?? '', turn === undefined ? '' : this.#keys.turn(turn.key));
    if (turn?.ifRepeated === null) args.push('-1');
    else addFields(args, turn?.ifRepeated ?? {});
    addFields(args, fields);
  }

  hasRoomFor(bodyBytes: number): boolean {
    return isRoomFor(bodyBytes, this.#heldBytes, this.#limits);
  }

  async read(group: Group, consumer: string, options: ReadOptions): Promise<Delivery[]> {
    try {
      return await this.#readOrClaim(group, consumer, options);
    } catch (error) {
      if (this.#isClosed) return [];
      if (!isGroupGone(error)) throw error;
      await this.#command(MAKE_GROUPS, []);
      return this.#readOrClaim(group, consumer, options);
    }
  }

  async heartbeat(group: Group, consumer: string, messageId: string): Promise<void> {
    await this.#command(HEARTBEAT, [group, consumer, messageId]);
  }

  async body(id: string): Promise<Buffer | null> {
    const binary = { [RESP_TYPES.BLOB_STRING]: Buffer };
    return this.#commands.run((client) => client.withTypeMapping(binary).get(this.#keys.body(id)), COMMAND_TIMEOUT_MS);
  }

  async finish(group: Group, { messageId, id, pairs }: Delivery): Promise<void> {
    await this.#command(SETTLE, [group, messageId, id, String(pairs), '', '']);
  }

  async bury(group: Group, { messageId, id, pairs }: Delivery, reason: DeadReason, error: string): Promise<void> {
    await this.#command(SETTLE, [group, messageId, id, String(pairs), reason, error]);
  }

  async lease(key: string, owner: string, ttlMs: number): Promise<boolean> {
    const args = [owner, String(ttlMs)];
    const reply = await this.#commands.run(
      (client) => runScript(client, LEASE, [this.#keys.lease(key)], args),
      COMMAND_TIMEOUT_MS,
    );
    return reply === 1;
  }

  async unlease(key: string, owner: string): Promise<void> {
    await this.#commands.run(
      (client) => runScript(client, UNLEASE, [this.#keys.lease(key)], [owner]),
      COMMAND_TIMEOUT_MS,
    );
  }

  async counters(group: Group): Promise<BusCounters> {
    const [published, finished, dead, pending] = await this.#command(COUNT, [group], SCAN_TIMEOUT_MS);
    return {
      published: Number(published),
      finished: Number(finished),
      dead: Number(dead),
      pending: Number(pending),
    };
  }

  async backlog(group: Group): Promise<Backlog> {
    const [length, ageMs, deadLetters] = await this.#command(BACKLOG, [group]);
    const pending = this.#backlog[group];
    const oldestAgeMs = pending > 0 ? Number(ageMs) : 0;
    return { length: Number(length), pending, oldestAgeMs, deadLetters: Number(deadLetters) };
  }

  async takeDeaths(group: Group): Promise<Deaths> {
    const [schema, deliveries, trimmed, bus_reset] = await this.#command(TAKE_DEATHS, [group, ...DEAD_REASONS]);
    return {
      schema: Number(schema),
      deliveries: Number(deliveries),
      trimmed: Number(trimmed),
      bus_reset: Number(bus_reset),
    };
  }

  async deadLetters(limit: number): Promise<Array<{ id: string; group: Group; reason: DeadReason; error: string }>> {
    const letters = await this.#commands.run(
      (client) => client.xRevRange(this.#keys.dead, '+', '-', { COUNT: limit }),
      COMMAND_TIMEOUT_MS,
    );
    return (letters ?? []).map(({ message }) => ({
      id: message.id ?? '',
      group: message.group as Group,
      reason: message.reason as DeadReason,
      error: message.error ?? '',
    }));
  }

  async janitor(): Promise<void> {
    if (!(await this.lease('janitor', this.#name, JANITOR_LEASE_MS))) return;
    await this.#command(CLEAN, [String(this.#consumerIdleMs)], SCAN_TIMEOUT_MS);
  }

  async healthy(): Promise<boolean> {
    try {
      return (await this.#commands.run((client) => client.ping(), PUBLISH_TIMEOUT_MS)) === 'PONG';
    } catch {
      return false;
    }
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    for (const connection of [this.#publishing, this.#commands, ...this.#readers.values()]) connection.close();
  }

  /** Fresh entries first; silent ones when nothing is fresh, and once per idle period even if there always is. */
  async #readOrClaim(group: Group, consumer: string, options: ReadOptions): Promise<Delivery[]> {
    const { count, waitMs, claimIdleMs } = options;
    if (this.#clock.monotonicMs() - this.#claimedAtMs[group] >= claimIdleMs) {
      const claimed = await this.#claim(group, consumer, options);
      if (claimed.length > 0) return claimed;
    }
    const atHand = await this.#fresh(group, consumer, count, 0);
    if (atHand.length > 0) return atHand;
    const claimed = await this.#claim(group, consumer, options);
    const startedAtMs = this.#clock.monotonicMs();
    let found = claimed;
    for (let leftMs = waitMs; found.length === 0 && leftMs >= 1 && !this.#isClosed; ) {
      found = await this.#fresh(group, consumer, count, Math.floor(leftMs));
      leftMs = waitMs - (this.#clock.monotonicMs() - startedAtMs);
    }
    return found;
  }

  async #fresh(group: Group, consumer: string, count: number, blockMs: number): Promise<Delivery[]> {
    const options = blockMs > 0 ? { COUNT: count, BLOCK: blockMs } : { COUNT: count };
    const source = { key: this.#keys.exchanges, id: '>' };
    const reader = this.#reader(group, consumer);
    const streams = await reader.run(
      (client) => client.xReadGroup(group, consumer, source, options),
      blockMs + COMMAND_TIMEOUT_MS,
    );
    const messages: StreamMessage[] = streams?.[0]?.messages ?? [];
    const deliveries = messages.map(({ id, message }) => toDelivery(id, message, 1));
    const unseen = deliveries.filter(({ pairs }) => weightOf(group, pairs) === 0);
    if (unseen.length > 0) await this.#settleUnseen(group, unseen);
    return deliveries.filter(({ pairs }) => weightOf(group, pairs) > 0);
  }

  /** Nothing of these counts in the group, so the caller need not know. Where this fails, a later claim settles them. */
  async #settleUnseen(group: Group, deliveries: Delivery[]): Promise<void> {
    const { exchanges } = this.#keys;
    const messageIds = deliveries.map(({ messageId }) => messageId);
    try {
      await this.#commands.run((client) => client.xAck(exchanges, group, messageIds), COMMAND_TIMEOUT_MS);
    } catch (error) {
      this.#onTrouble('exchanges without planned pairs could not be acknowledged yet', error);
    }
  }

  async #claim(group: Group, consumer: string, options: ReadOptions): Promise<Delivery[]> {
    const { count, claimIdleMs, maxDeliveries } = options;
    this.#claimedAtMs[group] = this.#clock.monotonicMs();
    const args = [group, consumer, String(claimIdleMs), String(count), String(maxDeliveries)];
    const [taken] = await this.#command(CLAIM, args);
    return (taken as Array<[string, string[], number]>).map(([messageId, flat, deliveryCount]) =>
      toDelivery(messageId, toRecord(flat), deliveryCount),
    );
  }

  #reader(group: Group, consumer: string): RedisConnection {
    const key = `${group} ${consumer}`;
    const known = this.#readers.get(key);
    if (known) return known;
    const reader = this.#connect(`reading ${group}`);
    this.#readers.set(key, reader);
    if (this.#isClosed) reader.close();
    return reader;
  }

  #connect(purpose: string, onReady?: (client: RedisClient) => void): RedisConnection {
    return createRedisConnection({
      url: this.#url,
      purpose,
      onTrouble: this.#onTrouble,
      ...(onReady ? { onReady } : {}),
    });
  }

  /** One attempt behind the breaker; never throws. */
  async #produce<T>(
    work: (client: RedisClient) => Promise<T>,
  ): Promise<{ ok: true; value: T } | { ok: false; result: 'redis_error' | 'redis_unknown' }> {
    // A connection known to be down refuses by itself; counting that would only prolong a short outage.
    if (this.#isClosed || this.#publishing.isDown() || !this.#breaker.allows())
      return { ok: false, result: 'redis_error' };
    try {
      const value = await this.#publishing.run(work, PUBLISH_TIMEOUT_MS);
      this.#breaker.succeeded();
      return { ok: true, value };
    } catch (error) {
      if (this.#breaker.failed()) {
        // A new connection may find a server that takes writes where this one had become read-only.
        this.#publishing.recycle();
        this.#onTrouble('publishing to Redis keeps failing, paused', error);
      }
      return { ok: false, result: isRefusal(error) ? 'redis_error' : 'redis_unknown' };
    }
  }

  async #command(script: Script, args: string[], timeoutMs: number = COMMAND_TIMEOUT_MS): Promise<unknown[]> {
    return this.#commands.run((client) => this.#script(client, script, args), timeoutMs);
  }

  /** Runs a script with the common keys and arguments, hears the backlog, returns the script's own reply. */
  async #script(client: RedisClient, script: Script, args: Array<string | Buffer>): Promise<unknown[]> {
    const { exchanges, dead, counters, epoch, recent, bytes } = this.#keys;
    const lost = { ...this.#backlog };
    const common = [this.#keys.body(''), this.#keys.wait(''), randomUUID(), ...GROUPS.map((g) => String(lost[g]))];
    const reply = await runScript(
      client,
      script,
      [exchanges, dead, counters, epoch, recent, bytes],
      [...common, ...args],
    );
    const [opened, history, compare, ...own] = reply as unknown[];
    this.#backlog = { history: Number(history), compare: Number(compare) };
    if (opened === 1 && lost.history + lost.compare > 0) {
      this.#onTrouble(`Redis was flushed or replaced: ${lost.history} exchanges, ${lost.compare} pairs lost`);
    }
    return own;
  }

  #warnOfEviction(client: RedisClient): void {
    client.info('memory').then(
      (info) => {
        const policy = /^maxmemory_policy:(\S+)/m.exec(info)?.[1];
        if (policy !== undefined && policy !== 'noeviction') {
          this.#onTrouble(`Redis evicts keys (maxmemory-policy ${policy}): exchanges can vanish; set noeviction`);
        }
      },
      (error: unknown) => this.#onTrouble('Redis does not tell its maxmemory-policy', error),
    );
  }
}

/** The stream was deleted: without its groups, or while a reader was blocked on it. */
function isGroupGone(error: unknown): boolean {
  return error instanceof ErrorReply && /NOGROUP|^UNBLOCKED/.test(error.message);
}

function toDelivery(messageId: string, message: Record<string, string>, deliveryCount: number): Delivery {
  const { [ID_FIELD]: id = '', [PAIRS_FIELD]: pairs, ...fields } = message;
  return { messageId, id, fields, pairs: Number(pairs), deliveryCount };
}

/** How many texts follow, and names and values in turn. */
function addFields(args: Array<string | Buffer>, fields: Record<string, string>): void {
  const names = Object.keys(fields);
  args.push(String(2 * names.length));
  for (const name of names) args.push(name, fields[name] ?? '');
}

function toRecord(flat: string[]): Record<string, string> {
  const record: Record<string, string> = {};
  for (let index = 0; index < flat.length; index += 2) record[flat[index] ?? ''] = flat[index + 1] ?? '';
  return record;
}
