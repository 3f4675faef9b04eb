// An answer in another protocol → an Answer in Anthropic bytes. Read event by event as it comes; nothing is held back but
// what must wait for its place. For a client that asked for no stream the same events are folded into one message.
import { errorMessage, GatewayError } from '#shared/errors.ts';
import type { UpstreamNames } from '#shared/exchange/exchange.ts';
import { createMessageAccumulator, type MessageAccumulator } from '#shared/messages/accumulate-message.ts';
import { requestIdIn } from '#shared/messages/answer-headers.ts';
import { deltaFrame, toSseText } from '#shared/messages/event-text.ts';
import {
  type AnthropicEvent,
  type CopyDeltas,
  createMessageWriter,
  type MessageWriter,
} from '#shared/messages/message-writer.ts';
import { hideKeys, nameUpstream } from '#shared/providers/read-error.ts';
import { failedBlock, searchCall } from '#shared/providers/search-blocks.ts';
import { copyPieces, type EventFrame } from '#shared/simd/copy-pieces.ts';
import { type AnswerSource, createAnswerSource, type SourceHandlers } from './answer-source.ts';
import { type Answer, type AnswerFlow, type AnswerSink, UpstreamFailure } from './call-upstream.ts';
import { SearchLoop } from './search-loop.ts';
import type { RoundEnd, SearchRound } from './search-round.ts';
import type { Conversion } from './start-conversion.ts';

export interface ConversionOptions {
  /** What it says is read when the answer comes: until then the request may become another one. */
  conversion: Pick<Conversion, 'provider' | 'memory'> &
    Partial<Pick<Conversion, 'keys' | 'search' | 'sought' | 'goOn'>>;
  /** Sends the next request of the same answer, when the gateway has searched for the model. */
  askOn?: (next: Conversion) => Promise<Answer>;
  /** Did the client ask for a stream? */
  isStream: boolean;
  /** `msg_…` of the answer. */
  messageId: string;
  /** The gateway's id of the request, for `request-id`. */
  requestId: string;
  /** Aborts a call whose answer has not begun. */
  abortCall?: () => void;
  /** Given the way to abort before anything is read. */
  onAbortable?: (abort: () => void) => void;
  /** Silence after which a stream begins without output, so that pings can flow. */
  commitMs?: number;
  /** Longest silence between two events. */
  pingMs?: number;
  /** What an upstream may send of an answer that is kept until its end. */
  mostBytes?: number;
}

const COMMIT_MS = 10_000;
const PING_MS = 14_000;
const UPSTREAM_ID = /^[\w.:-]{1,128}$/;
const LONGEST_NAME = 512;
/** Twice what 128,000 tokens take in events of half a kilobyte each. */
const MOST_BYTES = 128 * 1024 * 1024;

/**
 * Resolves with the first output, at the latest after `commitMs` (stream), or with the end (no stream). An answer that
 * is still awaited counts as silence too.
 * @throws GatewayError or UpstreamFailure, or what the awaited answer threw, while the client has seen nothing
 */
export function convertAnswer(answer: Answer | Promise<Answer>, options: ConversionOptions): Promise<Answer> {
  return new ConvertedAnswer(answer, options).ready;
}

class ConvertedAnswer implements Answer, AnswerFlow {
  readonly status = 200;
  readonly rawHeaders: string[];
  readonly ready: Promise<Answer>;
  readonly #options: ConversionOptions;
  readonly #writer: MessageWriter;
  #conversion: ConversionOptions['conversion'];
  /** The one that answered last. */
  #upstream: Answer | undefined;
  /** Of the one that answered first. */
  #upstreamId: string | null = null;
  #source: AnswerSource | undefined;
  /** Where the gateway searches for the model. */
  #loop: SearchLoop | undefined;
  #round: SearchRound | undefined;
  /** Who only ends would pay for an error nobody sees. */
  #searching: AbortController | undefined;
  readonly #fold: MessageAccumulator | null;
  #commit: NodeJS.Timeout | undefined;
  #ping: NodeJS.Timeout | undefined;
  #sink: AnswerSink | undefined;
  /** Of the deltas of the block that was copied to last. */
  #frame: { index: number; of: EventFrame } | undefined;
  /** Written and not yet handed on, as bytes; behind them what is still text. */
  #pieces: Buffer[] = [];
  #held = '';
  #isPaused = false;
  #hasEnded = false;
  #isAborted = false;
  #resolve: (answer: Answer) => void = () => {};
  #reject: (error: unknown) => void = () => {};

  constructor(upstream: Answer | Promise<Answer>, options: ConversionOptions) {
    this.#options = options;
    this.#conversion = options.conversion;
    const { conversion, isStream } = options;
    const { sought = null } = conversion;
    this.rawHeaders = [
      'content-type',
      isStream ? 'text/event-stream; charset=utf-8' : 'application/json',
      ...(isStream ? ['cache-control', 'no-cache', 'x-accel-buffering', 'no'] : []),
      'request-id',
      `req_${options.requestId}`,
    ];
    this.#fold = isStream ? null : createMessageAccumulator();
    const { inputTokens, modelAsked } = conversion.memory;
    const usage = { input_tokens: inputTokens, output_tokens: 0 };
    const ifSilent = sought === null ? null : () => this.#foundNothing(sought);
    const start = { id: options.messageId, model: modelAsked, usage, ifSilent };
    this.#writer = createMessageWriter(start, (event) => this.#send(event), isStream ? this.#copyDeltas : null);
    this.ready = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
    if (isStream)
      this.#commit = setTimeout(() => this.#guard(() => this.#writer.begin()), options.commitMs ?? COMMIT_MS);
    options.onAbortable?.(() => this.abort());
    if (upstream instanceof Promise)
      upstream.then(
        (answer) => this.#read(answer),
        (error: unknown) => this.#failCall(error),
      );
    else this.#read(upstream);
  }

  get upstream(): UpstreamNames {
    const model = this.#source?.model || this.#conversion.memory.model;
    return { model: model.slice(0, LONGEST_NAME), requestId: this.#upstreamId };
  }

  get isRequestSent(): boolean {
    return this.#loop === undefined && this.#upstream?.isRequestSent === true;
  }

  start(sink: AnswerSink): AnswerFlow {
    this.#sink = sink;
    this.#handOn();
    if (this.#hasEnded && !this.#isAborted) sink.onEnd();
    return this;
  }

  pause(): void {
    this.#isPaused = true;
    this.#source?.pause();
  }

  resume(): void {
    this.#isPaused = false;
    this.#source?.resume();
  }

  abort(): void {
    if (this.#isAborted) return;
    this.#isAborted = true;
    this.#end();
    this.#stopUpstream();
    this.#reject(new UpstreamFailure('reset', 'the call was aborted'));
  }

  #read(upstream: Answer): void {
    const { search, memory } = this.#conversion;
    this.#upstream = upstream;
    if (!this.#source && !this.#loop) this.#keepId(upstream.rawHeaders);
    if (search) {
      this.#searching ??= new AbortController();
      this.#loop ??= new SearchLoop(search, this.#writer, this.#searching.signal);
    }
    const refusedQuery = search?.refusedQuery ?? null;
    if (refusedQuery !== null) {
      this.#guard(() => this.#loop?.refuse(refusedQuery));
      return;
    }
    this.#round = this.#loop?.open(memory.inputTokens);
    const handlers: SourceHandlers = {
      onStep: (step) => this.#guard(step),
      onBroken: (failure) => this.#breakOff(failure),
      onRefused: (error) => this.#fail(error),
    };
    const isKept = this.#fold !== null || this.#round !== undefined;
    const mostBytes = isKept ? (this.#options.mostBytes ?? MOST_BYTES) : Number.POSITIVE_INFINITY;
    const source = createAnswerSource(upstream, this.#conversion, this.#round ?? this.#writer, handlers, mostBytes);
    this.#source = source;
    if (this.#hasEnded) source.abort();
    else if (this.#isPaused) source.pause();
    source.start();
  }

  /** By which name the upstream knows the request; nothing else of its headers is the client's business. */
  #keepId(rawHeaders: readonly string[]): void {
    const id = requestIdIn(rawHeaders);
    if (id === null || !UPSTREAM_ID.test(id)) return;
    this.#upstreamId = id;
    this.rawHeaders.push('x-upstream-request-id', id);
  }

  /** A search that comes to nothing must not look as if it had found that there is nothing. */
  #foundNothing(query: string): void {
    this.#writer.block(searchCall('silent', { query }));
    this.#writer.block(failedBlock('silent', 'unavailable'));
    this.#writer.text('The web search gave no answer: the model that was to search said nothing.\n');
  }

  /** Runs one step of reading and hands on what came of it; whatever it throws ends the answer. */
  #guard(step: () => void): void {
    if (this.#hasEnded) return;
    let searching: RoundEnd | null = null;
    try {
      step();
      searching = this.#settleRound();
    } catch (error) {
      this.#fail(error);
      this.#stopUpstream();
      return;
    }
    if (this.#writer.hasEnded) this.#finish();
    else this.#handOn();
    if (searching !== null) this.#search(searching).catch((error: unknown) => this.#failCall(error));
  }

  /** What is to be searched before the model goes on. */
  #settleRound(): RoundEnd | null {
    const round = this.#round;
    if (round === undefined || !round.hasEnded || this.#writer.hasEnded) return null;
    this.#round = undefined;
    this.#source?.letGo();
    return this.#loop?.settle(round) ?? null;
  }

  async #search(end: RoundEnd): Promise<void> {
    const turn = await this.#loop?.search(end, (write) => this.#guard(write));
    if (!turn || this.#hasEnded) return;
    const next = this.#conversion.goOn?.(turn);
    if (!next || !this.#options.askOn) throw new Error('nobody can be asked on');
    this.#conversion = next;
    this.#source = undefined;
    this.#read(await this.#options.askOn(next));
  }

  /** Who has said how the turn ended has ended it, even where the connection did not end well. */
  #breakOff(failure: UpstreamFailure): void {
    if (this.#hasEnded) return;
    try {
      this.#source?.endReading();
    } catch {
      this.#fail(failure); // the turn is not whole, and this is why
      return;
    }
    if (this.#writer.hasEnded || this.#round?.hasEnded) this.#guard(() => {});
    else this.#fail(failure);
  }

  /** No answer came; who made the call has said why. */
  #failCall(error: unknown): void {
    if (this.#hasEnded || this.#writer.hasBegun) {
      this.#fail(error);
      return;
    }
    this.#end();
    this.#reject(error);
  }

  /** Before the first output an error keeps its HTTP status; afterwards it is the stream's last event. */
  #fail(reason: unknown): void {
    if (this.#hasEnded) return;
    const { keys = [], memory } = this.#options.conversion;
    const error = nameUpstream(hideKeys(reason, keys), memory.upstream);
    if (!this.#options.isStream || !this.#writer.hasBegun) {
      this.#end();
      const isClear = error instanceof GatewayError || error instanceof UpstreamFailure;
      this.#reject(isClear ? error : unreadable(error));
      return;
    }
    if (!this.#writer.hasEnded) this.#writer.fail(toEventError(error));
    this.#finish();
  }

  #finish(): void {
    if (this.#hasEnded) return;
    if (this.#fold && !this.#keepWhole(this.#fold)) return;
    this.#end();
    this.#source?.letGo();
    if (this.#fold) {
      this.#resolve(this);
      return;
    }
    this.#handOn();
    this.#sink?.onEnd();
  }

  /** False when it cannot be written: arguments may be nested deeper than anybody can say. */
  #keepWhole(fold: MessageAccumulator): boolean {
    try {
      this.#held = JSON.stringify(fold.message());
      return true;
    } catch (error) {
      this.#fail(error);
      this.#stopUpstream();
      return false;
    }
  }

  #stopUpstream(): void {
    if (this.#source) this.#source.abort();
    else this.#options.abortCall?.();
  }

  #end(): void {
    this.#hasEnded = true;
    this.#searching?.abort();
    clearTimeout(this.#commit);
    clearTimeout(this.#ping);
  }

  #send(event: AnthropicEvent): void {
    if (this.#fold) {
      if (event.type !== 'error' && event.type !== 'ping') this.#fold.add(event);
      return;
    }
    this.#held += toSseText(event);
    // Proxies and clients that wait for a first sign of life get it at once.
    if (event.type === 'message_start') this.#writer.ping();
  }

  readonly #copyDeltas: CopyDeltas = (index, kind, pieces) => {
    if (this.#frame?.index !== index) this.#frame = { index, of: deltaFrame(index, `${kind}_delta`) };
    const copied = copyPieces(pieces, this.#frame.of);
    if (copied.events.length > 0) {
      this.#closePiece();
      this.#pieces.push(copied.events);
    }
    return copied;
  };

  #closePiece(): void {
    if (this.#held !== '') this.#pieces.push(Buffer.from(this.#held));
    this.#held = '';
  }

  /** One write for all events of one step. */
  #handOn(): void {
    if (this.#held === '' && this.#pieces.length === 0) return;
    if (this.#options.isStream && !this.#hasEnded) this.#awaitSilence();
    this.#resolve(this);
    if (!this.#sink) return;
    this.#closePiece();
    const pieces = this.#pieces;
    this.#pieces = [];
    this.#sink.onChunk(pieces.length === 1 && pieces[0] ? pieces[0] : Buffer.concat(pieces));
  }

  #awaitSilence(): void {
    if (this.#ping) {
      this.#ping.refresh();
      return;
    }
    clearTimeout(this.#commit);
    const beat = (): void => {
      // A client that does not read is not waiting.
      if (this.#isPaused) this.#ping?.refresh();
      else this.#guard(() => this.#writer.ping());
    };
    this.#ping = setTimeout(beat, this.#options.pingMs ?? PING_MS);
  }
}

function toEventError(error: unknown): GatewayError {
  if (error instanceof GatewayError) return error;
  if (!(error instanceof UpstreamFailure)) return unreadable(error);
  return error.kind.startsWith('timeout')
    ? new GatewayError('timeout_error', 'the upstream fell silent in the middle of its answer', { cause: error })
    : new GatewayError('api_error', 'the upstream ended in the middle of its answer', { cause: error });
}

function unreadable(error: unknown): GatewayError {
  return new GatewayError(
    'api_error',
    `the upstream's answer could not be read: ${errorMessage(error).slice(0, 200)}`,
    {
      status: 502,
      cause: error,
    },
  );
}
