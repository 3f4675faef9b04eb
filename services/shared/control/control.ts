// The port for what is switched and counted at run time: over Redis for many replicas, over a file in the state folder
// for one process. Requests read local copies; nothing on a request's way waits for this.

export interface Stats {
  total_requests: number;
  input_tokens: number;
  output_tokens: number;
  tool_calls: number;
  cache_read_input_tokens: number;
  cache_creation_input_tokens: number;
}

export interface Control {
  readonly kind: 'file' | 'redis';
  /** A kept value (JSON text) or null. @throws when it cannot be read. */
  get(key: 'mode' | 'tracing' | 'log'): Promise<string | null>;
  /** Keeps a value and tells the other replicas. @throws when it cannot be kept. */
  set(key: 'mode' | 'tracing' | 'log', value: string): Promise<void>;
  /** Keeps a value only where none is kept: what is there meanwhile wins. @throws when it cannot be kept. */
  setIfAbsent(key: 'mode' | 'tracing' | 'log', value: string): Promise<void>;
  /** Calls back soon after any key changes, also by another process, and after a reconnect. Returns the way to stop. */
  watch(onChange: () => void): () => void;
  /** Adds to the shared counters. @throws when they cannot be kept: the caller keeps the delta and tries again. */
  addStats(delta: Stats): Promise<void>;
  /** The counters over all replicas, and since when (ISO 8601). */
  readStats(): Promise<Stats & { since: string }>;
  close(): Promise<void>;
}
