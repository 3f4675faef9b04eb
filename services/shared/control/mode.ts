// The mode of the gateway while it runs: a local copy of what is kept, refreshed by notification and poll. Asking for it
// never waits.

import type { Clock } from '#shared/clock.ts';
import type { Config, Source } from '#shared/config/load.ts';
import { GatewayError } from '#shared/errors.ts';
import type { Mode } from '#shared/exchange/exchange.ts';
import type { Control } from './control.ts';

export const MODES: readonly Mode[] = ['target', 'compare', 'anthropic-only'];

export interface ModeState {
  mode: Mode;
  source: Source | 'runtime';
  /** ISO 8601 UTC. */
  since: string;
  warnings: string[];
}

export interface ModeSwitch {
  current(): ModeState;
  /** @throws GatewayError 403 without the launch flag, 503 when it cannot be kept. Nothing changes then. */
  set(mode: Mode): Promise<ModeState>;
  /** Back to the configured default. @throws GatewayError 503 */
  reset(): Promise<ModeState>;
  /** Reads what is kept. Never throws: without an answer the last known mode stays. */
  refresh(): Promise<void>;
  onChange(listener: (from: Mode, to: ModeState) => void): void;
  stop(): void;
}

/** What is kept. `default` is the configured default it was set under: when that changes, the kept mode has had its day. */
interface Kept {
  /** null = given back to the configuration. */
  mode: Mode | null;
  since: string;
  default: Mode;
}

export interface ModeSwitchOptions {
  config: Pick<Config, 'default_mode' | 'allow_anthropic_only' | 'source'>;
  control: Control;
  clock: Clock;
  /** Facts a person should know, added to every answer. */
  warningsFor(mode: Mode): string[];
  onTrouble(error: unknown): void;
}

export function createModeSwitch(options: ModeSwitchOptions): ModeSwitch {
  const { config, control, clock } = options;
  const listeners: Array<(from: Mode, to: ModeState) => void> = [];
  const configured = (): ModeState => ({
    mode: config.default_mode,
    source: config.source('default_mode'),
    since: new Date(clock.nowMs()).toISOString(),
    warnings: options.warningsFor(config.default_mode),
  });
  let state = configured();

  const adopt = (next: ModeState): ModeState => {
    const from = state.mode;
    const isSame = next.mode === from && next.source === state.source;
    state = isSame ? { ...state, warnings: next.warnings } : next;
    if (next.mode !== from) for (const listener of listeners) listener(from, state);
    return state;
  };
  const read = (json: string): ModeState => {
    const kept = parseKept(json);
    const isStale = kept === null || kept.mode === null || kept.default !== config.default_mode;
    if (isStale || (kept.mode === 'anthropic-only' && !config.allow_anthropic_only)) return configured();
    const mode = kept.mode as Mode;
    return { mode, source: 'runtime', since: kept.since, warnings: options.warningsFor(mode) };
  };
  const toKept = (mode: Mode | null, since: string): string => {
    const kept: Kept = { mode, since, default: config.default_mode };
    return JSON.stringify(kept);
  };
  const refresh = async (): Promise<void> => {
    try {
      const json = await control.get('mode');
      if (json !== null) adopt(read(json));
      // What was kept is lost (a flushed or replaced Redis): the last known mode stays, and is kept again.
      else if (state.source === 'runtime') await control.setIfAbsent('mode', toKept(state.mode, state.since));
    } catch (error) {
      options.onTrouble(error);
    }
  };
  const keep = async (change: () => Promise<void>): Promise<void> => {
    try {
      await change();
    } catch (error) {
      throw new GatewayError('api_error', 'the mode could not be kept, so nothing changed; is Redis reachable?', {
        status: 503,
        cause: error,
      });
    }
  };
  const unwatch = control.watch(() => void refresh());

  return {
    current: () => state,
    set: async (mode) => {
      if (mode === 'anthropic-only' && !config.allow_anthropic_only) {
        throw new GatewayError('permission_error', 'mode anthropic-only needs the launch flag --allow-anthropic-only');
      }
      const since = new Date(clock.nowMs()).toISOString();
      await keep(() => control.set('mode', toKept(mode, since)));
      return adopt({ mode, source: 'runtime', since, warnings: options.warningsFor(mode) });
    },
    reset: async () => {
      const back = configured();
      await keep(() => control.set('mode', toKept(null, back.since)));
      return adopt(back);
    },
    refresh,
    onChange: (listener) => listeners.push(listener),
    stop: unwatch,
  };
}

function parseKept(json: string): Kept | null {
  try {
    const kept = JSON.parse(json) as Partial<Kept> | null;
    const isMode = kept?.mode === null || MODES.includes(kept?.mode as Mode);
    const isKept = kept !== null && isMode && typeof kept.since === 'string';
    return isKept ? (kept as Kept) : null;
  } catch {
    return null; // foreign bytes under our key count as nothing kept
  }
}
