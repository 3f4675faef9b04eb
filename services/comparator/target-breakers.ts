// Stops calling a target that keeps failing, so that its outage costs availability, which is measured, and not pairs.
import type { Clock } from '#shared/clock.ts';
import type { BreakerConfig } from './config.ts';
import { untilEither } from './stopping.ts';

export type BreakerState = 'closed' | 'half_open' | 'open';

export interface BreakerStatus {
  target: string;
  state: BreakerState;
  failures: number;
  /** Unix milliseconds; null unless open. */
  openUntilMs: number | null;
}

/** The right to make one call. Its holder reports, whatever happens. */
export interface Admission {
  /** `null` = the call was not made, or says nothing about the target. Only the first report counts. */
  report(succeeded: boolean | null): void;
}

export interface TargetBreakers {
  /** True when a call may be made now without waiting. */
  isReady(target: string): boolean;
  /** Resolves when a call may be made; half open, one at a time. @throws Stopping */
  admit(target: string, signal: AbortSignal): Promise<Admission>;
  /** True when no target at all may be called now. */
  allOpen(): boolean;
  /** Milliseconds until the first open target may be probed; 0 when one may be called now. */
  nextProbeMs(): number;
  status(): BreakerStatus[];
}

export interface BreakerParts {
  /** All that may be called. */
  targets: readonly string[];
  config: BreakerConfig;
  clock: Clock;
  onChange(target: string, state: BreakerState): void;
  /** Time in which a target was not called, told when it is called again. */
  onUnavailable(target: string, seconds: number): void;
}

interface Breaker {
  failures: number;
  openForMs: number;
  openedAtMs: number | null;
  probing: boolean;
  waiters: Set<() => void>;
}

export function createTargetBreakers({
  targets,
  config,
  clock,
  onChange,
  onUnavailable,
}: BreakerParts): TargetBreakers {
  const breakers = new Map<string, Breaker>();

  function of(target: string): Breaker {
    const known = breakers.get(target);
    if (known) return known;
    const made = {
      failures: 0,
      openForMs: config.openMs,
      openedAtMs: null,
      probing: false,
      waiters: new Set<() => void>(),
    };
    breakers.set(target, made);
    return made;
  }

  for (const target of targets) of(target);

  function msLeft(breaker: Breaker): number {
    return breaker.openedAtMs === null ? 0 : breaker.openedAtMs + breaker.openForMs - clock.nowMs();
  }

  function stateOf(breaker: Breaker): BreakerState {
    if (breaker.openedAtMs === null) return 'closed';
    return msLeft(breaker) > 0 ? 'open' : 'half_open';
  }

  function mayCall(breaker: Breaker): boolean {
    const state = stateOf(breaker);
    return state === 'closed' || (state === 'half_open' && !breaker.probing);
  }

  function open(target: string, breaker: Breaker): void {
    breaker.openedAtMs = clock.nowMs();
    onChange(target, 'open');
  }

  function close(target: string, breaker: Breaker): void {
    breaker.failures = 0;
    breaker.openForMs = config.openMs;
    if (breaker.openedAtMs === null) return;
    breaker.openedAtMs = null;
    onChange(target, 'closed');
  }

  function settle(target: string, breaker: Breaker, isProbe: boolean, succeeded: boolean | null): void {
    if (succeeded === true) close(target, breaker);
    else if (succeeded === false) {
      breaker.failures += 1;
      if (isProbe) breaker.openForMs = Math.min(breaker.openForMs * 2, config.maxOpenMs);
      const isDue = breaker.openedAtMs === null && breaker.failures >= config.failures;
      if (isProbe || isDue) open(target, breaker);
    }
    for (const wake of [...breaker.waiters]) wake();
  }

  return {
    isReady: (target) => mayCall(of(target)),
    async admit(target, signal) {
      const breaker = of(target);
      while (!mayCall(breaker)) {
        await untilEither(signal, (resolve) => {
          const wake = (): void => {
            undo();
            resolve();
          };
          const timer = breaker.probing ? undefined : setTimeout(wake, Math.max(1, msLeft(breaker)));
          const undo = (): void => {
            clearTimeout(timer);
            breaker.waiters.delete(wake);
          };
          breaker.waiters.add(wake);
          return undo;
        });
      }
      const isProbe = breaker.openedAtMs !== null;
      if (breaker.openedAtMs !== null) {
        breaker.probing = true;
        onUnavailable(target, (clock.nowMs() - breaker.openedAtMs) / 1000);
        onChange(target, 'half_open');
      }
      let isReported = false;
      return {
        report(succeeded) {
          if (isReported) return;
          isReported = true;
          if (isProbe) breaker.probing = false;
          settle(target, breaker, isProbe, succeeded);
        },
      };
    },
    allOpen: () => breakers.size > 0 && [...breakers.values()].every((breaker) => !mayCall(breaker)),
    nextProbeMs: () => {
      const left = [...breakers.values()].map(msLeft);
      return left.length === 0 ? 0 : Math.max(0, Math.min(...left));
    },
    status: () =>
      [...breakers].map(([target, breaker]) => ({
        target,
        state: stateOf(breaker),
        failures: breaker.failures,
        openUntilMs: breaker.openedAtMs === null ? null : breaker.openedAtMs + breaker.openForMs,
      })),
  };
}
