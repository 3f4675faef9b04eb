// The log levels while a process runs: what is kept for all replicas goes into the levels that the loggers of this process
// ask. Asking for it never waits.
import { GatewayError } from '#shared/errors.ts';
import type { LogLevels, LogSettings } from '#shared/telemetry/log-levels.ts';
import type { Control } from './control.ts';

export interface LogState extends LogSettings {
  source: 'configured' | 'runtime';
}

export interface LogSwitch {
  current(): LogState;
  /** @throws GatewayError 400 for what is no level or component, 503 when it cannot be kept. Nothing changes then. */
  change(change: Readonly<Record<string, unknown>>): Promise<LogState>;
  /** Back to the levels that each process is configured with. @throws GatewayError 503 */
  reset(): Promise<LogState>;
  /** Reads what is kept. Never throws: without an answer the last known levels stay. */
  refresh(): Promise<void>;
  stop(): void;
}

export interface LogSwitchOptions {
  levels: LogLevels;
  control: Control;
  onTrouble(error: unknown): void;
}

/** What is kept when the levels are given back to the configuration. */
const GIVEN_BACK = '{}';

export function createLogSwitch({ levels, control, onTrouble }: LogSwitchOptions): LogSwitch {
  let isRuntime = false;
  const current = (): LogState => ({ ...levels.current(), source: isRuntime ? 'runtime' : 'configured' });
  const adopt = (kept: string): LogState => {
    isRuntime = kept !== GIVEN_BACK;
    levels.change(levels.parseChange(kept));
    return current();
  };
  const keep = async (toKeep: () => Promise<string>): Promise<LogState> => {
    try {
      const kept = await toKeep();
      await control.set('log', kept);
      return adopt(kept);
    } catch (error) {
      if (error instanceof GatewayError) throw error;
      throw new GatewayError('api_error', 'the log levels could not be kept, so nothing changed; is Redis reachable?', {
        status: 503,
        cause: error,
      });
    }
  };
  const refresh = async (): Promise<void> => {
    try {
      const kept = await control.get('log');
      // What was kept is lost (a flushed or replaced Redis): the last known levels stay.
      if (kept !== null) adopt(kept);
    } catch (error) {
      onTrouble(error);
    }
  };
  return {
    current,
    // On top of what another replica may have kept meanwhile.
    change: (asked) =>
      keep(async () => {
        const before = levels.parseChange((await control.get('log')) ?? GIVEN_BACK);
        return JSON.stringify(levels.readChange(asked, before));
      }),
    reset: () => keep(async () => GIVEN_BACK),
    refresh,
    stop: control.watch(() => void refresh()),
  };
}
