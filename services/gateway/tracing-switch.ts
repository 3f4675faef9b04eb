// Tracing on and off while the gateway runs, alike on all replicas.
import type { Control } from '#shared/control/control.ts';
import { GatewayError } from '#shared/errors.ts';
import type { Tracing } from '#shared/telemetry/tracing.ts';

export interface TracingSwitch {
  describe(): ReturnType<Tracing['describe']>;
  /** @throws GatewayError 503 when it cannot be kept. */
  set(enabled: boolean): Promise<void>;
  /** Reads what is kept. Never throws. */
  refresh(): Promise<void>;
  stop(): void;
}

export function createTracingSwitch(
  tracing: Tracing,
  control: Control,
  onTrouble: (error: unknown) => void,
): TracingSwitch {
  const refresh = async (): Promise<void> => {
    try {
      const kept = await control.get('tracing');
      if (kept === 'true' || kept === 'false') tracing.setEnabled(kept === 'true');
    } catch (error) {
      onTrouble(error);
    }
  };
  return {
    describe: () => tracing.describe(),
    set: async (enabled) => {
      try {
        await control.set('tracing', String(enabled));
      } catch (error) {
        throw new GatewayError('api_error', 'the switch could not be kept, so nothing changed; is Redis reachable?', {
          status: 503,
          cause: error,
        });
      }
      tracing.setEnabled(enabled);
    },
    refresh,
    stop: control.watch(() => void refresh()),
  };
}
