// What upstreams taught by refusing, for the requests that follow: by provider and model, the least recently used forgotten
// first, and everything after a while, since servers learn too. Known to this process alone: another learns it as quickly.
import type { LearnedTraits } from '#shared/providers/provider.ts';
import type { Target } from '#shared/providers/target.ts';

export interface TraitMemory {
  /** Without any where nothing was learned; the same until more is learned. */
  of(target: Target, model: string): LearnedTraits;
  add(target: Target, model: string, learned: LearnedTraits): void;
}

export interface TraitMemoryOptions {
  nowMs(): number;
  most?: number;
  keptMs?: number;
}

const MOST = 500;
/** Of one entry: a client that sends ever new fields to a server that refuses each makes ever new lessons. */
const MOST_TRAITS = 64;
/** Clients name models as they like. */
const LONGEST_MODEL = 200;
const KEPT_MS = 6 * 3600_000;

interface Entry {
  traits: LearnedTraits;
  untilMs: number;
}

export function createTraitMemory({ nowMs, most = MOST, keptMs = KEPT_MS }: TraitMemoryOptions): TraitMemory {
  const entries = new Map<string, Entry>();
  const keyOf = (target: Target, model: string): string => `${target.provider}\n${model.slice(0, LONGEST_MODEL)}`;
  const of = (target: Target, model: string): LearnedTraits => {
    const key = keyOf(target, model);
    const entry = entries.get(key);
    if (!entry) return {};
    entries.delete(key);
    if (entry.untilMs <= nowMs()) return {};
    entries.set(key, entry);
    return entry.traits;
  };
  return {
    of,
    add(target, model, learned) {
      if (Object.keys(learned).length === 0) return;
      const known = Object.entries(of(target, model)).filter(([name]) => !Object.hasOwn(learned, name));
      const traits = Object.fromEntries([...known, ...Object.entries(learned)].slice(-MOST_TRAITS));
      const key = keyOf(target, model);
      entries.delete(key);
      entries.set(key, { traits, untilMs: nowMs() + keptMs });
      const [eldest] = entries.keys();
      if (entries.size > most && eldest !== undefined) entries.delete(eldest);
    },
  };
}
