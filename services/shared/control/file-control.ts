// Settings and statistics of one process in its state folder: small files of mode 0600, replaced as a whole. The usage
// counters live in memory and reach their file at most once a second.
import { randomUUID } from 'node:crypto';
import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { ControlKey } from '#shared/bus/keys.ts';
import type { OnTrouble } from '#shared/bus/limits.ts';
import type { Clock } from '#shared/clock.ts';
import { systemClock } from '#shared/clock.ts';
import type { Control, Stats } from './control.ts';
import { addStats, EMPTY_STATS, STAT_NAMES } from './stats.ts';

const WRITE_EVERY_MS = 1000;

export interface FileControlOptions {
  /** The state folder; made when it is missing. */
  folder: string;
  clock?: Clock;
  onTrouble?: OnTrouble;
}

interface KeptStats extends Stats {
  since: string;
}

export function createFileControl(options: FileControlOptions): Control {
  return new FileControl(options);
}

class FileControl implements Control {
  readonly kind = 'file';
  readonly #folder: string;
  readonly #clock: Clock;
  readonly #onTrouble: OnTrouble;
  readonly #watchers = new Set<() => void>();
  #stats: Promise<KeptStats> | undefined;
  #isDirty = false;
  #timer: NodeJS.Timeout | undefined;
  /** Writes follow one another, so that an older content never replaces a newer one. */
  #writing: Promise<void> = Promise.resolve();

  constructor(options: FileControlOptions) {
    this.#folder = options.folder;
    this.#clock = options.clock ?? systemClock;
    this.#onTrouble = options.onTrouble ?? (() => {});
  }

  async get(key: ControlKey): Promise<string | null> {
    return readIfThere(this.#fileOf(key));
  }

  async set(key: ControlKey, value: string): Promise<void> {
    await this.#inTurn(() => this.#replace(this.#fileOf(key), value));
    this.#notify();
  }

  async setIfAbsent(key: ControlKey, value: string): Promise<void> {
    if ((await this.get(key)) === null) await this.set(key, value);
  }

  watch(onChange: () => void): () => void {
    const watcher = (): void => onChange();
    this.#watchers.add(watcher);
    return () => this.#watchers.delete(watcher);
  }

  async addStats(delta: Stats): Promise<void> {
    Object.assign(await this.#loadStats(), addStats(await this.#loadStats(), delta));
    this.#isDirty = true;
    this.#timer ??= setTimeout(() => void this.#writeStats(), WRITE_EVERY_MS).unref();
  }

  async readStats(): Promise<KeptStats> {
    return { ...(await this.#loadStats()) };
  }

  async close(): Promise<void> {
    this.#watchers.clear();
    await this.#writeStats();
  }

  #fileOf(name: ControlKey | 'stats'): string {
    return join(this.#folder, `${name}.json`);
  }

  #loadStats(): Promise<KeptStats> {
    this.#stats ??= this.#readStatsFile().catch((error: unknown) => {
      this.#stats = undefined;
      throw error;
    });
    return this.#stats;
  }

  async #readStatsFile(): Promise<KeptStats> {
    const since = new Date(this.#clock.nowMs()).toISOString();
    const text = await readIfThere(this.#fileOf('stats'));
    const kept = text === null ? null : parseStats(text);
    if (text !== null && kept === null) this.#onTrouble('stats.json is damaged; counting starts anew');
    return kept ?? { ...EMPTY_STATS, since };
  }

  /** Never throws: what could not be written stays in memory and goes with the next write. */
  async #writeStats(): Promise<void> {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    if (!this.#isDirty) return;
    this.#isDirty = false;
    try {
      const stats = await this.#loadStats();
      await this.#inTurn(() => this.#replace(this.#fileOf('stats'), JSON.stringify(stats)));
    } catch (error) {
      this.#isDirty = true;
      this.#onTrouble('stats.json could not be written', error);
    }
  }

  #inTurn(write: () => Promise<void>): Promise<void> {
    const done = this.#writing.then(write);
    this.#writing = done.catch(() => {}); // the caller of this write hears of it; the next one must not
    return done;
  }

  async #replace(file: string, content: string): Promise<void> {
    await mkdir(this.#folder, { recursive: true, mode: 0o700 });
    const draft = `${file}.${randomUUID()}.tmp`;
    try {
      await writeFile(draft, content, { mode: 0o600, flush: true });
      await rename(draft, file);
    } catch (error) {
      await rm(draft, { force: true });
      throw error;
    }
  }

  #notify(): void {
    for (const watcher of this.#watchers) {
      queueMicrotask(() => {
        if (this.#watchers.has(watcher)) watcher();
      });
    }
  }
}

async function readIfThere(file: string): Promise<string | null> {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return null;
    throw error;
  }
}

function parseStats(text: string): KeptStats | null {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value !== 'object' || value === null) return null;
    const fields = value as Record<string, unknown>;
    if (typeof fields.since !== 'string') return null;
    const numbers = STAT_NAMES.map((name) => [name, Number(fields[name] ?? 0)] as const);
    if (numbers.some(([, number]) => !Number.isFinite(number))) return null;
    return { ...EMPTY_STATS, ...Object.fromEntries(numbers), since: fields.since };
  } catch {
    return null; // not JSON: damaged, which the caller reports
  }
}
