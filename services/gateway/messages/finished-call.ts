// The one record of a call that is over. Metrics, log line, spans, history and exchange derive from it and from nothing
// else; its buffers may be handed to another thread.
import type { GatewayErrorCode } from '#shared/errors.ts';
import type { CallOutcome, Mode, RecordedAnswer } from '#shared/exchange/exchange.ts';
import type { Span } from '#shared/messages/scan-top-level.ts';
import type { Target } from '#shared/providers/target.ts';
import type { CallMemory } from '../call-memory.ts';
import type { Attempt, CallTrace, Plan, Termination } from './call.ts';

export interface FinishedPlan extends Plan {
  /** Whom compare asks beside the primary. */
  readonly shadow: readonly Target[];
}

export interface FinishedCall {
  readonly id: string;
  /** Unix milliseconds. */
  readonly startedAtMs: number;
  readonly mode: Mode;
  readonly trace: CallTrace;
  readonly plan: FinishedPlan | null;
  readonly modelAsked: string | null;
  readonly stream: boolean;
  readonly outcome: CallOutcome;
  /** Status the upstream answered; 0 when it did not. */
  readonly upstreamStatus: number;
  /** Whose answer the client has the end of; null when no upstream gave that. */
  readonly lastAttempt: Attempt | null;
  /** What was asked for the same answer before: refused and asked otherwise, or a round that searched. */
  readonly earlierAttempts: readonly Attempt[];
  /** Status the client saw; 0 when it saw none. */
  readonly httpStatus: number;
  readonly error: {
    readonly code: GatewayErrorCode;
    readonly message: string;
  } | null;
  /** The upstream does not take the gateway's own key. */
  readonly isCredentialRefused: boolean;
  readonly termination: Termination | null;
  /** Lower-case name → value, without credentials. */
  readonly clientHeaders: Readonly<Record<string, string>>;
  /** As a hook asks for them, short and without secrets; null = none. */
  readonly capturedHeaders: Readonly<Record<string, string>> | null;
  /** Lower-case names of all headers the client sent. */
  readonly headerNames: readonly string[];
  /** Where the top-level values of the body stand; null when there was no usable one. */
  readonly requestSpans: ReadonlyMap<string, Span> | null;
  readonly request: Buffer | null;
  /** Of `request` and `answer`: whoever reads them later than at once holds it. */
  readonly memory: CallMemory;
  /** The upstream's answer; null when the request never left, or more came than is kept. */
  readonly answer: RecordedAnswer | null;
  readonly responseBytes: number;
  /** Why `answer` is null although one came. */
  readonly isAnswerTooLarge: boolean;
  /** Milliseconds since `startedAtMs`; null where the call never came so far. */
  readonly times: {
    readonly dispatchedMs: number | null;
    readonly headersMs: number | null;
    readonly firstByteMs: number | null;
    readonly answerEndMs: number | null;
    readonly endMs: number;
  };
}
