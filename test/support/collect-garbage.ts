// Full collections, for tests that ask what is still held.
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { until } from './gateway.ts';

const FREED_WITHIN_MS = 5000;
/** A collection is work: without a rest between two of them nothing else would get on. */
const REST_MS = 100;

export function collectGarbage(): void {
  setFlagsFromString('--expose-gc');
  const collect: () => void = runInNewContext('gc');
  collect();
}

/** The engine gives back what it collected in a thread of its own, a little later. */
export function untilFreed(isFreed: () => boolean | Promise<boolean>): Promise<void> {
  return until(isFreed, FREED_WITHIN_MS, REST_MS);
}

/** Asked more than once: one collection alone has left what nothing held. */
export function untilForgotten(ref: WeakRef<object>): Promise<void> {
  return untilFreed(() => {
    collectGarbage();
    return ref.deref() === undefined;
  });
}
