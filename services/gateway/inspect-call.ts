// What the books notice beside the numbers: rules of the protocol that an upstream's stream broke, and what clients send
// for the first time. Told once each; the memory for that is bounded.
import { type Drift, findDrift } from '#shared/messages/find-drift.ts';
import type { LintRule } from '#shared/messages/lint-stream.ts';
import type { Targets } from '#shared/providers/target.ts';
import type { CallReading } from './call-reading.ts';
import type { FinishedCall } from './messages/finished-call.ts';
import { isOurModel } from './routing/resolve.ts';

export interface InspectionEvents {
  /** An upstream's stream broke a rule; `isFirst` for this upstream and rule since the start. */
  streamLinted(finished: FinishedCall, rule: LintRule, isFirst: boolean): void;
  driftSeen(finished: FinishedCall, drift: Drift): void;
}

/** Reads what the reading already holds. Never throws on what clients or upstreams sent. */
export type InspectCall = (finished: FinishedCall, reading: CallReading) => Promise<void>;

const MOST_DRIFT = 512;

export function createInspectCall(targets: Targets, events: InspectionEvents): InspectCall {
  const told = new Set<string>();
  const seen = new Set<string>();
  const inspectStream = async (finished: FinishedCall, reading: CallReading): Promise<void> => {
    const upstream = finished.plan?.primary.provider;
    if (upstream === undefined || finished.answer === null || finished.answer.status >= 300) return;
    for (const rule of await reading.brokenRules()) {
      const key = `${upstream} ${rule}`;
      events.streamLinted(finished, rule, !told.has(key));
      told.add(key);
    }
  };
  const inspectRequest = (finished: FinishedCall, reading: CallReading): void => {
    for (const drift of findDrift({
      request: reading.request(),
      headerNames: finished.headerNames,
      betas: finished.clientHeaders['anthropic-beta'] ?? '',
      isOurModel: (name) => isOurModel(name, targets),
    })) {
      const key = `${drift.kind} ${drift.path}`;
      if (seen.has(key) || seen.size >= MOST_DRIFT) continue;
      seen.add(key);
      events.driftSeen(finished, drift);
    }
  };
  return async (finished, reading) => {
    await inspectStream(finished, reading);
    inspectRequest(finished, reading);
  };
}
