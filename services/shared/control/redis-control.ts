// Settings and statistics that many replicas share in Redis. A change is told over a channel and found by a poll of its
// number each second, so a lost message costs a second; a batch of statistics is never counted twice.
import { randomUUID } from 'node:crypto';
import type { ControlKey, Keys } from '#shared/bus/keys.ts';
import { createKeys } from '#shared/bus/keys.ts';
import type { OnTrouble } from '#shared/bus/limits.ts';
import type { RedisClient, RedisConnection } from '#shared/bus/redis-connection.ts';
import { createRedisConnection, createScript, isRefusal, runScript } from '#shared/bus/redis-connection.ts';
import type { Clock } from '#shared/clock.ts';
import { systemClock } from '#shared/clock.ts';
import type { Control, Stats } from './control.ts';
import { EMPTY_STATS, STAT_NAMES } from './stats.ts';

const COMMAND_TIMEOUT_MS = 500;
const POLL_EVERY_MS = 1000;
const BATCH_KEPT_SECS = 86_400;

/** setting, version · name, value. The version is also the name of the channel. */
const CHANGE = createScript(`
redis.call('SET', KEYS[1], ARGV[2])
local version = redis.call('INCR', KEYS[2])
redis.call('PUBLISH', KEYS[2], '{"key":"' .. ARGV[1] .. '","version":' .. version .. '}')
return version
`);

/** statistics, last batch of this replica · batch number, seconds to remember it, now, name, delta, … */
const ADD_STATS = createScript(`
if tonumber(redis.call('GET', KEYS[2]) or 0) >= tonumber(ARGV[1]) then return 0 end
redis.call('SET', KEYS[2], ARGV[1], 'EX', ARGV[2])
redis.call('HSETNX', KEYS[1], 'since', ARGV[3])
for i = 4, #ARGV, 2 do redis.call('HINCRBY', KEYS[1], ARGV[i], ARGV[i + 1]) end
return 1
`);

export interface RedisControlOptions {
  url: string;
  clock?: Clock;
  onTrouble?: OnTrouble;
  /** Another prefix than `ccproxy:`, for tests that share a server. */
  prefix?: string;
}

interface Batch {
  number: number;
  delta: Stats;
}

/** Does not wait for Redis: until it is there, everything but `watch` throws at once. */
export function createRedisControl(options: RedisControlOptions): Control {
  return new RedisControl(options);
}

class RedisControl implements Control {
  readonly kind = 'redis';
  readonly #options: RedisControlOptions;
  readonly #keys: Keys;
  readonly #clock: Clock;
  readonly #onTrouble: OnTrouble;
  readonly #replica = randomUUID();
  readonly #commands: RedisConnection;
  readonly #watchers = new Set<() => void>();
  #subscription: RedisConnection | undefined;
  #timer: NodeJS.Timeout | undefined;
  /** The last version heard of; undefined when Redis was away since, so that its return counts as a change. */
  #version: number | undefined;
  #adding: Promise<void> = Promise.resolve();
  #batches = 0;
  /** A batch whose reply never came; sent again, under its number, before any other. */
  #inDoubt: Batch | undefined;
  #isClosed = false;

  constructor(options: RedisControlOptions) {
    this.#options = options;
    this.#keys = createKeys(options.prefix);
    this.#clock = options.clock ?? systemClock;
    this.#onTrouble = options.onTrouble ?? (() => {});
    this.#commands = this.#connect('settings', () => this.#notify());
  }

  async get(key: ControlKey): Promise<string | null> {
    return this.#commands.run((client) => client.get(this.#keys.setting(key)), COMMAND_TIMEOUT_MS);
  }

  async set(key: ControlKey, value: string): Promise<void> {
    await this.#change(key, [key, value]);
  }

  async setIfAbsent(key: ControlKey, value: string): Promise<void> {
    const name = this.#keys.setting(key);
    await this.#commands.run((client) => client.set(name, value, { condition: 'NX' }), COMMAND_TIMEOUT_MS);
  }

  /** Calls back once more than needed rather than once too few: after each (re)connect of either connection, too. */
  watch(onChange: () => void): () => void {
    const watcher = (): void => onChange();
    this.#watchers.add(watcher);
    if (!this.#subscription && !this.#isClosed) {
      this.#subscription = this.#connect('notifications', (client) => this.#subscribe(client));
      this.#pollLater();
    }
    return () => this.#watchers.delete(watcher);
  }

  addStats(delta: Stats): Promise<void> {
    const done = this.#adding.then(() => this.#addBatch(delta));
    this.#adding = done.catch(() => {}); // the caller hears of it and keeps the delta
    return done;
  }

  async readStats(): Promise<Stats & { since: string }> {
    const kept = await this.#commands.run((client) => client.hGetAll(this.#keys.stats), COMMAND_TIMEOUT_MS);
    const stats = { ...EMPTY_STATS };
    for (const name of STAT_NAMES) stats[name] = Number(kept[name] ?? 0);
    return { ...stats, since: kept.since ?? new Date(this.#clock.nowMs()).toISOString() };
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    this.#watchers.clear();
    clearTimeout(this.#timer);
    this.#subscription?.close();
    this.#commands.close();
  }

  async #change(key: ControlKey, args: string[]): Promise<void> {
    const keys = [this.#keys.setting(key), this.#keys.control];
    await this.#commands.run((client) => runScript(client, CHANGE, keys, args), COMMAND_TIMEOUT_MS);
  }

  async #addBatch(delta: Stats): Promise<void> {
    if (this.#inDoubt) await this.#sendBatch(this.#inDoubt);
    this.#inDoubt = undefined;
    this.#batches += 1;
    const batch = { number: this.#batches, delta };
    try {
      await this.#sendBatch(batch);
    } catch (error) {
      if (isRefusal(error)) throw error;
      this.#inDoubt = batch;
      this.#onTrouble('a batch of statistics went unanswered and will be sent again', error);
    }
  }

  async #sendBatch({ number, delta }: Batch): Promise<void> {
    const { stats, statsBatch } = this.#keys;
    const now = new Date(this.#clock.nowMs()).toISOString();
    const deltas = STAT_NAMES.flatMap((name) => [name, String(delta[name])]);
    const args = [String(number), String(BATCH_KEPT_SECS), now, ...deltas];
    await this.#commands.run(
      (client) => runScript(client, ADD_STATS, [stats, statsBatch(this.#replica)], args),
      COMMAND_TIMEOUT_MS,
    );
  }

  #subscribe(client: RedisClient): void {
    client.subscribe(this.#keys.control, this.#onMessage).then(
      () => this.#notify(),
      (error: unknown) => {
        if (!this.#isClosed) this.#onTrouble('changes of settings are found by polling alone', error);
      },
    );
  }

  readonly #onMessage = (message: string): void => {
    const version = /"version":(\d+)/.exec(message)?.[1];
    if (version !== undefined) this.#version = Number(version);
    this.#notify();
  };

  #pollLater(): void {
    this.#timer = setTimeout(() => void this.#poll(), POLL_EVERY_MS).unref();
  }

  async #poll(): Promise<void> {
    try {
      const version = await this.#commands.run((client) => client.get(this.#keys.control), COMMAND_TIMEOUT_MS);
      const isNews = Number(version ?? 0) !== this.#version;
      this.#version = Number(version ?? 0);
      if (isNews) this.#notify();
    } catch (error) {
      if (this.#version !== undefined && !this.#isClosed) this.#onTrouble('settings cannot be read from Redis', error);
      this.#version = undefined;
    }
    if (!this.#isClosed) this.#pollLater();
  }

  #notify(): void {
    for (const watcher of this.#watchers) watcher();
  }

  #connect(purpose: string, onReady?: (client: RedisClient) => void): RedisConnection {
    const { url } = this.#options;
    return createRedisConnection({ url, purpose, onTrouble: this.#onTrouble, ...(onReady ? { onReady } : {}) });
  }
}
