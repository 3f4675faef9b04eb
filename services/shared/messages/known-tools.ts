// The tools of requests, known by their bytes: an agent sends the same definitions, tens of kilobytes of them, with each
// request, and what was read and made of them serves the next. Of tools alone: of what is said in a conversation nothing
// is kept.
import { keepMade } from '#shared/made-once.ts';

export interface KnownTools {
  /** Must not be changed by who gets it; null when it is no list. @throws SyntaxError */
  read(json: Buffer): unknown[] | null;
}

export interface KnownToolsOptions {
  nowMs(): number;
  most?: number;
  mostBytes?: number;
  /** Of one list. */
  mostTools?: number;
  keptMs?: number;
}

const MOST = 16;
const MOST_BYTES = 4 * 1024 * 1024;
/** Each is made into a dozen objects: many small ones take a hundred times their bytes. */
const MOST_TOOLS = 2000;
const KEPT_MS = 10 * 60_000;

interface Entry {
  json: Buffer;
  list: unknown[];
  usedAt: number;
}

/** The least recently used are forgotten, and what was not used for `keptMs` when others are. */
export function createKnownTools({
  nowMs,
  most = MOST,
  mostBytes = MOST_BYTES,
  mostTools = MOST_TOOLS,
  keptMs = KEPT_MS,
}: KnownToolsOptions): KnownTools {
  /** Last used last. */
  let entries: Entry[] = [];
  const forget = (now: number): void => {
    entries = entries.filter(({ usedAt }) => now - usedAt <= keptMs);
    let bytes = entries.reduce((sum, { json }) => sum + json.length, 0);
    while (entries.length > most || bytes > mostBytes) bytes -= entries.shift()?.json.length ?? 0;
  };
  return {
    read(json) {
      const now = nowMs();
      const at = entries.findIndex((entry) => entry.json.length === json.length && entry.json.equals(json));
      const [known] = at === -1 ? [] : entries.splice(at, 1);
      const list: unknown = known?.list ?? JSON.parse(json.toString('utf8'));
      if (!Array.isArray(list)) return null;
      // For one that is too large the others would go.
      if (json.length > mostBytes || list.length > mostTools) return list;
      entries.push(known ? { ...known, usedAt: now } : { json: Buffer.from(json), list: keepMade(list), usedAt: now });
      forget(now);
      return list;
    },
  };
}
