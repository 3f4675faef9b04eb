// Is a finished call compared, and if not, for which one reason? Pure, but for the sessions it was told are admitted.
import { createHash } from 'node:crypto';
import type { CallOutcome, RequestClass, SkipReason } from '#shared/exchange/exchange.ts';

export interface ShadowFacts {
  isCompareMode: boolean;
  isShadowRequest: boolean;
  isThreadContinue: boolean;
  outcome: CallOutcome;
  /** The upstream's HTTP status. */
  status: number;
  class: RequestClass;
  sessionId: string;
}

export type SampleRates = Readonly<Record<'main' | 'subagent' | 'compaction' | 'auxiliary' | 'other', number>>;

/** How full the compare queue is, and which sessions were let in before it filled. */
export interface Admission {
  /** Probability with which a new session may still be let in, by the backlog: 1, 0.5 or 0. */
  readonly newSessionRate: number;
  /** True when the backlog is over every limit: nothing is added. */
  readonly isFull: boolean;
  isAdmitted(sessionId: string): boolean;
  admit(sessionId: string): void;
}

/** Place of a session between 0 and 1: below the rate it is in. Raising a rate keeps those that were in. */
export function sessionDraw(salt: string, sessionId: string): number {
  const digest = createHash('sha256').update(`${salt}|${sessionId}`, 'utf8').digest();
  return Number(digest.readBigUInt64BE(0)) / 2 ** 64;
}

export interface ShadowDecision {
  /** null = compare it. */
  skip: SkipReason | null;
  /** Probability that the session was let in. */
  inclusion: number;
}

export function chooseShadow(
  facts: ShadowFacts,
  rates: SampleRates,
  salt: string,
  admission: Admission,
): ShadowDecision {
  const inclusion = rateOf(facts.class, rates);
  const early = skipBeforeSampling(facts);
  if (early) return { skip: early, inclusion };
  if (inclusion === 0) return { skip: 'class_excluded', inclusion };
  const draw = sessionDraw(salt, facts.sessionId);
  if (draw >= inclusion) return { skip: 'not_sampled', inclusion };
  if (admission.isFull) return { skip: 'backlog', inclusion };
  if (!admission.isAdmitted(facts.sessionId)) {
    // The same draw, so that the sessions let in at half rate are a part of those of the full rate.
    if (draw >= inclusion * admission.newSessionRate) return { skip: 'backlog', inclusion };
    admission.admit(facts.sessionId);
  }
  return { skip: null, inclusion };
}

function skipBeforeSampling(facts: ShadowFacts): SkipReason | null {
  if (!facts.isCompareMode) return 'mode_off';
  if (facts.isShadowRequest) return 'recursion';
  if (facts.isThreadContinue) return 'thread_continue';
  if (facts.outcome === 'client_abort') return 'aborted';
  if (facts.outcome !== 'ok' || facts.status < 200 || facts.status > 299) return 'primary_error';
  return null;
}

function rateOf(requestClass: RequestClass, rates: SampleRates): number {
  return requestClass === 'workflow' ? rates.subagent : rates[requestClass];
}
