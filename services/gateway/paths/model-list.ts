// What `/v1/models` answers: our own models, and in the passthrough modes what its upstream lists, as last seen.
import type { Clock } from '#shared/clock.ts';
import type { Target, Targets } from '#shared/providers/target.ts';
import { ALIAS_PREFIX } from '../routing/resolve.ts';

export interface ModelEntry {
  type: 'model';
  id: string;
  display_name: string;
  created_at: string;
  max_input_tokens: number | null;
  max_tokens: number | null;
  [key: string]: unknown;
}

export interface ModelList {
  /** Ours; with `withUpstream` the passthrough's too, as last remembered. */
  entries(withUpstream: boolean): ModelEntry[];
  /** Keeps what the passthrough listed: ids and names, nothing of who asked. */
  remember(entries: ModelEntry[]): void;
  /** The passthrough is being asked: what is remembered counts as fresh. */
  touch(): void;
  /** When the passthrough was last asked; monotonic milliseconds, null = never. */
  readonly askedAt: number | null;
}

export function createModelList(targets: Targets, clock: Clock): ModelList {
  const createdAt = new Date(clock.nowMs()).toISOString();
  const own = ownTargets(targets).flatMap((target) => toEntries(target, createdAt));
  let upstream: ModelEntry[] = [];
  let askedAt: number | null = null;
  return {
    entries: (withUpstream) => {
      if (!withUpstream) return own;
      const ids = new Set(own.map((entry) => entry.id));
      return [...own, ...upstream.filter((entry) => !ids.has(entry.id))];
    },
    remember: (entries) => {
      upstream = entries;
    },
    touch: () => {
      askedAt = clock.monotonicMs();
    },
    get askedAt() {
      return askedAt;
    },
  };
}

function ownTargets(targets: Targets): Target[] {
  const named = [...targets.models.values()];
  return targets.forced?.model ? [targets.forced, ...named] : named;
}

/** Clients that list models keep only ids with "claude" in them: the alias gets every model into their menu. */
function toEntries(target: Target, createdAt: string): ModelEntry[] {
  const entry = (id: string): ModelEntry => ({
    type: 'model',
    id,
    display_name: target.displayName,
    created_at: createdAt,
    max_input_tokens: target.contextWindow,
    max_tokens: target.maxOutput,
  });
  const ids = new Set([target.name, ...target.aliases]);
  if (!target.name.startsWith(ALIAS_PREFIX)) ids.add(ALIAS_PREFIX + target.name);
  return [...ids].map(entry);
}
