// What reached the simulator: kept for tests and for `GET /__seen`, the newest few only.
import { createHash } from 'node:crypto';

export interface SeenRequest {
  /** 1 for the first request since the last reset. */
  readonly seq: number;
  /** Number of the TCP connection it came on. */
  readonly connection: number;
  /** Unix milliseconds at which its headers were read. */
  readonly atMs: number;
  readonly method: string;
  readonly url: string;
  /** `url` without the query. */
  readonly path: string;
  readonly rawHeaders: readonly string[];
  /** By lower-case name; repeated ones joined with `, `. */
  readonly headers: Readonly<Record<string, string>>;
  /** The body as it came; empty until `bodyComplete`. */
  readonly raw: Buffer;
  readonly bodyComplete: boolean;
  readonly sha256: string;
  /** The body as JSON; undefined when it is none. */
  readonly body: unknown;
  /** Name of the scene that answers; null where none does. */
  readonly scene: string | null;
  /** The client left before the answer was complete. */
  readonly hungUp: boolean;
  readonly hungUpAtMs: number | null;
  /** When the answer ended, however it ended; null while it runs. */
  readonly endedAtMs: number | null;
}

export interface SeenArrival {
  connection: number;
  method: string;
  url: string;
  rawHeaders: string[];
}

/** One request as the server writes it down. Hash and JSON are worked out when they are first looked at. */
export class SeenEntry implements SeenRequest {
  readonly seq: number;
  readonly connection: number;
  readonly atMs = Date.now();
  readonly method: string;
  readonly url: string;
  readonly path: string;
  readonly rawHeaders: readonly string[];
  readonly headers: Readonly<Record<string, string>>;
  raw: Buffer = Buffer.alloc(0);
  bodyComplete = false;
  scene: string | null = null;
  hungUp = false;
  hungUpAtMs: number | null = null;
  endedAtMs: number | null = null;
  #sha256: string | undefined;
  #parsed: { value: unknown } | undefined;

  constructor(seq: number, arrival: SeenArrival) {
    this.seq = seq;
    this.connection = arrival.connection;
    this.method = arrival.method;
    this.url = arrival.url;
    this.path = arrival.url.split('?', 1)[0] ?? '';
    this.rawHeaders = arrival.rawHeaders;
    this.headers = joinHeaders(arrival.rawHeaders);
  }

  get sha256(): string {
    this.#sha256 ??= createHash('sha256').update(this.raw).digest('hex');
    return this.#sha256;
  }

  get body(): unknown {
    if (!this.bodyComplete) return undefined;
    this.#parsed ??= { value: parseJson(this.raw) };
    return this.#parsed.value;
  }

  toJSON(): Record<string, unknown> {
    const { seq, connection, atMs, method, url, rawHeaders, sha256, body, scene, hungUp, hungUpAtMs, endedAtMs } = this;
    const bodyBytes = this.raw.length;
    const times = { hungUp, hungUpAtMs, endedAtMs };
    return { seq, connection, atMs, method, url, rawHeaders, bodyBytes, sha256, body: body ?? null, scene, ...times };
  }
}

/** The list of requests, and a way to wait for something in it. */
export class SeenBook {
  readonly #keep: number;
  #entries: SeenEntry[] = [];
  #count = 0;
  readonly #watchers = new Set<() => void>();

  constructor(keep: number) {
    this.#keep = keep;
  }

  add(arrival: SeenArrival): SeenEntry {
    this.#count += 1;
    const entry = new SeenEntry(this.#count, arrival);
    this.#entries.push(entry);
    if (this.#entries.length > this.#keep) this.#entries.shift();
    this.changed();
    return entry;
  }

  list(): SeenRequest[] {
    return [...this.#entries];
  }

  /** Numbers go on, so that ids made from them do not come twice. */
  clear(): void {
    this.#entries = [];
  }

  /** Numbers begin anew. */
  reset(): void {
    this.#entries = [];
    this.#count = 0;
  }

  /** To be called after an entry was changed. */
  changed(): void {
    for (const watcher of [...this.#watchers]) watcher();
  }

  /** Resolves as soon as the list fulfils the condition. @throws after `timeoutMs`, or what the condition throws. */
  until(condition: (seen: SeenRequest[]) => boolean, timeoutMs: number): Promise<SeenRequest[]> {
    return new Promise((resolve, reject) => {
      const settle = (done: () => void): void => {
        clearTimeout(timer);
        this.#watchers.delete(check);
        done();
      };
      const check = (): void => {
        try {
          const seen = this.list();
          if (condition(seen)) settle(() => resolve(seen));
        } catch (error) {
          settle(() => reject(error));
        }
      };
      const giveUp = (): void =>
        settle(() => reject(new Error(`not seen within ${timeoutMs} ms; ${this.#entries.length} requests so far`)));
      const timer = setTimeout(giveUp, timeoutMs);
      this.#watchers.add(check);
      check();
    });
  }
}

function joinHeaders(rawHeaders: readonly string[]): Record<string, string> {
  const joined: Record<string, string> = {};
  for (let index = 0; index + 1 < rawHeaders.length; index += 2) {
    const name = (rawHeaders[index] ?? '').toLowerCase();
    const value = rawHeaders[index + 1] ?? '';
    const before = joined[name];
    joined[name] = before === undefined ? value : `${before}, ${value}`;
  }
  return joined;
}

function parseJson(bytes: Buffer): unknown {
  try {
    return JSON.parse(bytes.toString('utf8'));
  } catch {
    // Not JSON is an answer here, not a failure: uploads and broken bodies are seen too.
    return undefined;
  }
}
