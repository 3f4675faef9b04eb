// One request through the gateway while it is served. The steps fill it in; `account` makes a record of it at the end.
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { GatewayError } from '#shared/errors.ts';
import type { AnswerEnd, Mode } from '#shared/exchange/exchange.ts';
import type { Span } from '#shared/messages/scan-top-level.ts';
import type { Target } from '#shared/providers/target.ts';
import type { Answer, SentRequest } from '#shared/upstream/call-upstream.ts';
import type { ReadRequest } from '../read-request.ts';
import type { KeptChunks } from './kept-chunks.ts';

export interface CallTrace {
  traceId: string;
  /** Of `proxy_request`. */
  spanId: string;
  /** Of `primary_forward`, the last of them so far. */
  forwardSpanId: string;
  /** The client's own span, null when it sent none. */
  parentSpanId: string | null;
  sampled: boolean;
  tracestate: string;
  /** A client's span that is not continued. */
  links: Array<{ traceId: string; spanId: string }>;
}

/** Who calls, as far as the gateway knows. */
export interface Caller {
  name: string;
}

/** A view of the request body: the bytes, and where their top-level values stand. */
export interface RequestView {
  readonly bytes: Buffer;
  readonly spans: ReadonlyMap<string, Span>;
  readonly model: string;
  readonly stream: boolean;
  /** False when no string in it begins as this gateway's own thinking state does. */
  readonly mayHoldOwnThinking: boolean;
  /** All of it, when rules had to read it and a conversion is to follow. */
  parsed: ReadRequest | null;
}

/** Where a request goes and why. */
export interface Plan {
  readonly mode: Mode;
  readonly primary: Target;
  /** The name to send; null = leave the body as it is. */
  readonly model: string | null;
  /** For `x-ccproxy-route`, logs and spans. */
  readonly reason: string;
}

/** How the bytes to the client ended, in the words of `ccproxy_stream_terminations_total`. */
export type Termination =
  | 'complete'
  | 'client_abort'
  | 'upstream_reset'
  | 'no_message_stop'
  | 'error_event'
  | 'idle_timeout';

/** One HTTP call of an upstream. Milliseconds since the call's `startedAtMs`. */
export interface Attempt {
  readonly spanId: string;
  readonly askedMs: number;
  readonly endMs: number;
  /** 0 when no answer came. */
  readonly status: number;
  /** Until a connection of the pool took the request; null when none did. */
  readonly connectionWaitMs: number | null;
}

export interface Call {
  readonly id: string;
  /** Unix milliseconds. */
  readonly startedAtMs: number;
  /** Monotonic milliseconds; so are the other times here. */
  readonly acceptedAt: number;
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly trace: CallTrace;
  readonly mode: Mode;
  caller: Caller | null;
  view: RequestView | null;
  plan: Plan | null;
  /** What conversion approximated, for `x-ccproxy-route`. */
  readonly notes: string[];
  dispatchedAt: number | null;
  /** When the upstream was asked that is asked now or was last; null = none is needed any more, or was so far. */
  attemptAt: number | null;
  /** Its answer, from the headers on. */
  attemptAnswer: Answer | null;
  /** Those before; null = none. */
  earlierAttempts: Attempt[] | null;
  headersAt: number | null;
  firstByteAt: number | null;
  answerEndedAt: number | null;
  upstreamStatus: number;
  upstreamHeaders: string[];
  /** What the client was given of an upstream that speaks another protocol. */
  converted: Answer | null;
  kept: KeptChunks | null;
  answerEnd: AnswerEnd | null;
  /** What was sent to an upstream, of one call after the other. */
  readonly sentBodies: Array<SentRequest['body']>;
  /** Nothing of the last one is still on its way. */
  isRequestSent: boolean;
  termination: Termination | null;
  error: GatewayError | null;
  /** The upstream does not take the gateway's own key, and that was said. */
  isCredentialRefused: boolean;
  isClientGone: boolean;
  /** Called once when the client leaves before its answer ended; the step that waits sets it by `whenClientGone`. */
  onClientGone: () => void;
  /** Closes the upstream connection that is being used. */
  abortUpstream: () => void;
  /** Gives back what the call holds of the server's and the target's capacity. */
  readonly releases: Array<() => void>;
}

/**
 * A function that is written where it is assigned to a property is taken for a method: the engine puts it into the old
 * heap, where it would keep all of its call until the next collection of everything.
 */
export function whenClientGone(call: Call, leave: () => void): void {
  call.onClientGone = leave;
}

/** Thrown by a step that waited while the client left. Not an error: nobody is there to read one. */
export class ClientGone extends Error {
  constructor() {
    super('the client left');
    this.name = 'ClientGone';
  }
}
