// What the books notice beside the numbers: rules of the protocol that an upstream's stream broke, prompts of which it read
// a part, and what clients send for the first time. Told once each; the memory for that is bounded, and so is the reading
// of requests for it.
import { hash } from 'node:crypto';
import { type Drift, findDrift } from '#shared/messages/find-drift.ts';
import type { LintRule } from '#shared/messages/lint-stream.ts';
import type { Targets } from '#shared/providers/target.ts';
import type { CallReading } from './call-reading.ts';
import { createInspectionBudget } from './inspection-budget.ts';
import type { FinishedCall } from './messages/finished-call.ts';
import { isOurModel } from './routing/resolve.ts';

export interface InspectionEvents {
  /** An upstream's stream broke a rule; `isFirst` for this upstream and rule since the start. */
  streamLinted(finished: FinishedCall, rule: LintRule, isFirst: boolean): void;
  /** An upstream evaluated fewer tokens of a prompt than were sent: the first time for it and the model. */
  promptCut(finished: FinishedCall, evaluated: number): void;
  driftSeen(finished: FinishedCall, drift: Drift): void;
  /** A request was read for what is new in it, or left unread: many like it were read. */
  requestInspected(isRead: boolean): void;
}

/** Reads what the reading already holds. Never throws on what clients or upstreams sent. */
export type InspectCall = (finished: FinishedCall, reading: CallReading) => void;

const MOST_DRIFT = 512;
const LONGEST_SHAPE = 4096;
const LONGEST_MODEL = 200;
const MOST_TOLD = 512;

export function createInspectCall(targets: Targets, events: InspectionEvents): InspectCall {
  const budget = createInspectionBudget();
  const told = new Set<string>();
  const seen = new Set<string>();
  const inspectStream = (finished: FinishedCall, reading: CallReading): void => {
    const upstream = finished.plan?.primary.provider;
    if (upstream === undefined || finished.answer === null || finished.answer.status >= 300) return;
    for (const rule of reading.brokenRules) {
      const key = `${upstream} ${rule}`;
      events.streamLinted(finished, rule, !told.has(key));
      told.add(key);
    }
  };
  const inspectPrompt = (finished: FinishedCall, reading: CallReading): void => {
    const evaluated = reading.figures?.usage?.prompt_tokens_evaluated;
    if (typeof evaluated !== 'number') return;
    const { plan, modelAsked } = finished;
    const key = `${plan?.primary.provider} cut ${(plan?.model ?? modelAsked)?.slice(0, LONGEST_MODEL)}`;
    if (told.has(key) || told.size >= MOST_TOLD) return;
    told.add(key);
    events.promptCut(finished, evaluated);
  };
  const inspectRequest = (finished: FinishedCall, reading: CallReading): void => {
    const isRead = budget.isWorthReading(shapeOf(finished), finished.startedAtMs + finished.times.endMs);
    events.requestInspected(isRead);
    if (!isRead) return;
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
  return (finished, reading) => {
    inspectStream(finished, reading);
    inspectPrompt(finished, reading);
    inspectRequest(finished, reading);
  };
}

/** Names only: of headers, of what stands on the top level of the body, of betas and of the model. */
function shapeOf({ headerNames, requestSpans, clientHeaders, modelAsked }: FinishedCall): string {
  const names = [headerNames, [...(requestSpans?.keys() ?? [])], clientHeaders['anthropic-beta'], modelAsked].join(';');
  // The beginning of a text holds on to all of it.
  return names.length > LONGEST_SHAPE ? hash('sha256', names) : names;
}
