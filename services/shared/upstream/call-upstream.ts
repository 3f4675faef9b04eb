// One HTTP call to an upstream over undici, handed on as an Answer. Nothing on the way of a chunk waits or looks at the
// bytes.
import type { Dispatcher } from 'undici';
import { errors } from 'undici';
import type { AnswerEnd, UpstreamNames } from '#shared/exchange/exchange.ts';
import type { Timeouts } from '#shared/providers/target.ts';
import type { Body, ReplyHandler, UpstreamAgent } from './upstream-agent.ts';

export interface UpstreamRequest {
  origin: string;
  /** Path with query. */
  path: string;
  method: Dispatcher.HttpMethod;
  /** Flat `[name, value, …]`. */
  headers: string[];
  body: Buffer | null;
}

/** A request whose body may be several pieces, sent one after the other. */
export type SentRequest = Omit<UpstreamRequest, 'body'> & { body: Body };

/** How the upstream failed; never `complete` or `client_abort`. */
export type UpstreamFailureKind = Exclude<AnswerEnd, 'complete' | 'client_abort'>;

export class UpstreamFailure extends Error {
  readonly kind: UpstreamFailureKind;
  constructor(kind: UpstreamFailureKind, message: string, cause?: unknown) {
    super(message, { cause });
    this.name = 'UpstreamFailure';
    this.kind = kind;
  }
}

export interface AnswerSink {
  onChunk(chunk: Buffer): void;
  /** The upstream ended its answer properly. */
  onEnd(): void;
  /** The answer broke off. Exactly one of onEnd and onError is called, and nothing after it. */
  onError(failure: UpstreamFailure): void;
}

export interface AnswerFlow {
  pause(): void;
  resume(): void;
  /** Closes the upstream connection. The sink hears nothing more. */
  abort(): void;
}

/** What an upstream answers. Native bytes and the bytes of a converted stream look alike behind it. */
export interface Answer {
  readonly status: number;
  /** Flat `[name, value, …]`, order and case as received. */
  readonly rawHeaders: string[];
  /** Where it is converted: as known so far. */
  readonly upstream?: UpstreamNames;
  /** When the answer has ended: true = nothing of the request is still on its way out; else that is not known. */
  readonly isRequestSent?: boolean;
  /** From the call until a connection took the request; absent where that is not known. */
  readonly connectionWaitMs?: number;
  /** From the call until its end, however it ended; absent before, and where that is not known. */
  readonly durationMs?: number | undefined;
  /** May be called once. Chunks that came before are handed over first. */
  start(sink: AnswerSink): AnswerFlow;
}

export interface CallOptions {
  dispatcher: UpstreamAgent;
  timeouts: Timeouts;
  /** Given the way to abort before anything is sent. */
  onAbortable?: (abort: () => void) => void;
}

/** @throws UpstreamFailure when no headers came. Rejects with kind `reset` after an abort. */
export function callUpstream(request: SentRequest, options: CallOptions): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const exchange = new UpstreamExchange(resolve, reject, options.timeouts.deadlineMs);
    options.onAbortable?.(() => exchange.abort());
    if (exchange.isOver) return;
    options.dispatcher.dispatch(
      {
        origin: request.origin,
        path: request.path,
        method: request.method,
        headers: request.headers,
        body: request.body,
        headersTimeout: options.timeouts.firstByteMs,
        bodyTimeout: options.timeouts.idleMs,
      },
      exchange,
    );
  });
}

class UpstreamExchange implements ReplyHandler, Answer, AnswerFlow {
  status = 0;
  rawHeaders: string[] = [];
  isRequestSent = false;
  connectionWaitMs = 0;
  durationMs: number | undefined = undefined;
  #resolve: (answer: Answer) => void;
  #reject: (failure: UpstreamFailure) => void;
  #deadline: NodeJS.Timeout | undefined;
  #controller: Dispatcher.DispatchController | undefined;
  #giveUp: (() => void) | undefined;
  readonly #askedAt = performance.now();
  #sink: AnswerSink | undefined;
  /** Chunks between the headers and start(). */
  #early: Buffer[] = [];
  #ended = false;
  #failure: UpstreamFailure | undefined;
  #aborted = false;
  #deadlinePassed = false;

  constructor(
    resolve: (answer: Answer) => void,
    reject: (failure: UpstreamFailure) => void,
    deadlineMs: number | null,
  ) {
    this.#resolve = resolve;
    this.#reject = reject;
    if (deadlineMs !== null) {
      this.#deadline = setTimeout(() => {
        this.#deadlinePassed = true;
        this.#stop(new Error('deadline passed'));
      }, deadlineMs);
    }
  }

  get isOver(): boolean {
    return this.#ended;
  }

  onConnecting(giveUp: () => void): void {
    this.#giveUp = giveUp;
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#controller = controller;
    this.#giveUp = undefined;
    this.connectionWaitMs = performance.now() - this.#askedAt;
    if (this.#ended) controller.abort(new Error('nobody waits for the answer'));
  }

  onResponseStart(controller: Dispatcher.DispatchController, status: number): void {
    if (status < 200) return;
    this.status = status;
    this.rawHeaders = toStrings(controller.rawHeaders);
    this.#resolve(this);
  }

  onResponseData(_controller: Dispatcher.DispatchController, chunk: Buffer): void {
    if (this.#sink) this.#sink.onChunk(chunk);
    else this.#early.push(chunk);
  }

  onRequestGone(): void {
    this.isRequestSent = true;
  }

  onResponseEnd(): void {
    clearTimeout(this.#deadline);
    this.#ended = true;
    this.durationMs = performance.now() - this.#askedAt;
    this.#sink?.onEnd();
  }

  onResponseError(_controller: Dispatcher.DispatchController, error: Error): void {
    this.#fail(error);
  }

  #fail(error: Error): void {
    clearTimeout(this.#deadline);
    if (this.#ended) return;
    this.#ended = true;
    this.durationMs = performance.now() - this.#askedAt;
    this.#failure = this.#toFailure(error);
    if (this.status === 0) this.#reject(this.#failure);
    else if (!this.#aborted) this.#sink?.onError(this.#failure);
  }

  start(sink: AnswerSink): AnswerFlow {
    this.#sink = sink;
    for (const chunk of this.#early) sink.onChunk(chunk);
    this.#early = [];
    if (this.#failure && !this.#aborted) sink.onError(this.#failure);
    else if (this.#ended) sink.onEnd();
    return this;
  }

  pause(): void {
    if (!this.#ended) this.#controller?.pause();
  }

  /** After the end the connection may carry another call. */
  resume(): void {
    if (!this.#ended) this.#controller?.resume();
  }

  abort(): void {
    if (this.#ended) return;
    this.#aborted = true;
    this.#stop(new Error('aborted'));
  }

  /** Undici gives the way to abort with the connection; whoever still waits for one hears at once. */
  #stop(reason: Error): void {
    if (this.#controller) this.#controller.abort(reason);
    else {
      this.#fail(reason);
      this.#giveUp?.();
    }
  }

  #toFailure(error: Error): UpstreamFailure {
    if (this.#aborted) return new UpstreamFailure('reset', 'the call was aborted', error);
    if (this.#deadlinePassed)
      return new UpstreamFailure('timeout_total', 'the answer took longer than its deadline', error);
    if (error instanceof errors.HeadersTimeoutError) {
      return new UpstreamFailure('timeout_first_byte', 'no answer began in time', error);
    }
    if (error instanceof errors.BodyTimeoutError)
      return new UpstreamFailure('timeout_idle', 'the answer fell silent', error);
    if (this.status === 0 && isConnectError(error)) return new UpstreamFailure('connect_error', 'no connection', error);
    return new UpstreamFailure('reset', 'the connection broke off', error);
  }
}

const CONNECT_CODES = new Set([
  'ECONNREFUSED',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'ETIMEDOUT',
  'UND_ERR_CONNECT_TIMEOUT',
  'CERT_HAS_EXPIRED',
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'SELF_SIGNED_CERT_IN_CHAIN',
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
  'ERR_TLS_CERT_ALTNAME_INVALID',
]);

function isConnectError(error: Error): boolean {
  return CONNECT_CODES.has((error as NodeJS.ErrnoException).code ?? '');
}

function toStrings(raw: Dispatcher.DispatchController['rawHeaders']): string[] {
  if (!Array.isArray(raw)) return [];
  return raw.map((item) => (typeof item === 'string' ? item : item.toString('latin1')));
}
