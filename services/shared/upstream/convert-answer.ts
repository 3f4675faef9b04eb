// An answer in another protocol → an Answer in Anthropic bytes. Read event by event as it comes; nothing is held back but
// what must wait for its place. For a client that asked for no stream the same events are folded into one message.
import { errorMessage, GatewayError } from '#shared/errors.ts';
import { createMessageAccumulator, type MessageAccumulator } from '#shared/messages/accumulate-message.ts';
import {
  type AnthropicEvent,
  createMessageWriter,
  type MessageWriter,
  toSse,
} from '#shared/messages/message-writer.ts';
import type { ConversionMemory, Provider, StreamReader } from '#shared/providers/provider.ts';
import { nameUpstream } from '#shared/providers/read-error.ts';
import { type Answer, type AnswerFlow, type AnswerSink, UpstreamFailure } from './call-upstream.ts';
import { createFrameReader, type FrameReader } from './read-frames.ts';

export interface ConversionOptions {
  /** Its memory is read when the answer comes: until then the request may become another one. */
  conversion: { readonly provider: Provider; readonly memory: ConversionMemory };
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
}

const COMMIT_MS = 10_000;
const PING_MS = 14_000;
/** How long an upstream may take to end after its answer was whole, so that its connection can be used again. */
const LINGER_MS = 1000;
const LINGER_BYTES = 256;
/** Enough of an error's body to find its message. */
const ERROR_BODY_BYTES = 262_144;

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
  /** Once the upstream answers. */
  #reading: { reader: StreamReader; frames: FrameReader } | undefined;
  readonly #fold: MessageAccumulator | null;
  #commit: NodeJS.Timeout | undefined;
  #ping: NodeJS.Timeout | undefined;
  #linger: NodeJS.Timeout | undefined;
  #flow: AnswerFlow | undefined;
  #sink: AnswerSink | undefined;
  /** Written and not yet handed on. */
  #held: Buffer[] = [];
  #isPaused = false;
  #hasUpstreamEnded = false;
  #lateBytes = 0;
  #hasEnded = false;
  #isAborted = false;
  #resolve: (answer: Answer) => void = () => {};
  #reject: (error: unknown) => void = () => {};

  constructor(upstream: Answer | Promise<Answer>, options: ConversionOptions) {
    this.#options = options;
    const { conversion, isStream } = options;
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
    const start = { id: options.messageId, model: modelAsked, usage };
    this.#writer = createMessageWriter(start, (event) => this.#send(event));
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

  start(sink: AnswerSink): AnswerFlow {
    this.#sink = sink;
    this.#handOn();
    if (this.#hasEnded && !this.#isAborted) sink.onEnd();
    return this;
  }

  pause(): void {
    this.#isPaused = true;
    this.#flow?.pause();
  }

  resume(): void {
    this.#isPaused = false;
    this.#flow?.resume();
  }

  abort(): void {
    if (this.#isAborted) return;
    this.#isAborted = true;
    this.#end();
    this.#stopUpstream();
    this.#reject(new UpstreamFailure('reset', 'the call was aborted'));
  }

  #read(upstream: Answer): void {
    const isFailure = upstream.status >= 400;
    const sink = isFailure ? this.#failureSink(upstream) : this.#answerSink(this.#startReading());
    const flow = upstream.start(sink);
    this.#flow = flow;
    if (this.#isAborted || (this.#hasEnded && !this.#linger)) flow.abort();
    else if (this.#isPaused) flow.pause();
  }

  #startReading(): FrameReader {
    const { provider, memory } = this.#options.conversion;
    const reader = provider.createReader(this.#writer, memory);
    const frames = createFrameReader(provider.framing, (event) => reader.onEvent(event));
    this.#reading = { reader, frames };
    return frames;
  }

  #answerSink(frames: FrameReader): AnswerSink {
    return {
      onChunk: (chunk) => {
        if (this.#hasEnded) this.#endLate(chunk);
        else this.#guard(() => frames.push(chunk));
      },
      onEnd: () => {
        this.#upstreamEnded();
        this.#guard(() => this.#endOfUpstream());
      },
      onError: (failure) => {
        this.#upstreamEnded();
        this.#breakOff(failure);
      },
    };
  }

  #failureSink({ status, rawHeaders }: Answer): AnswerSink {
    const chunks: Buffer[] = [];
    let size = 0;
    const settle = (): void => {
      const body = Buffer.concat(chunks).subarray(0, ERROR_BODY_BYTES);
      this.#fail(this.#options.conversion.provider.readError({ status, rawHeaders, body }));
    };
    return {
      onChunk: (chunk) => {
        if (size >= ERROR_BODY_BYTES) return;
        size += chunk.length;
        chunks.push(chunk);
        if (size < ERROR_BODY_BYTES) return;
        settle();
        this.#stopUpstream();
      },
      onEnd: settle,
      onError: settle,
    };
  }

  /** Runs one step of reading and hands on what came of it; whatever it throws ends the answer. */
  #guard(step: () => void): void {
    if (this.#hasEnded) return;
    try {
      step();
    } catch (error) {
      this.#fail(error);
      this.#stopUpstream();
      return;
    }
    if (this.#writer.hasEnded) this.#finish();
    else this.#handOn();
  }

  #endOfUpstream(): void {
    this.#reading?.frames.end();
    if (!this.#writer.hasEnded) this.#reading?.reader.onEnd();
    if (!this.#writer.hasEnded) throw new GatewayError('api_error', 'the upstream closed the stream before finishing');
  }

  /** Who has said how the turn ended has ended it, even where the connection did not end well. */
  #breakOff(failure: UpstreamFailure): void {
    if (this.#hasEnded) return;
    try {
      this.#reading?.reader.onEnd();
    } catch {
      this.#fail(failure); // the turn is not whole, and this is why
      return;
    }
    if (this.#writer.hasEnded) this.#finish();
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
    const error = nameUpstream(reason, this.#options.conversion.memory.upstream);
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
    this.#end();
    if (!this.#hasUpstreamEnded) this.#linger = setTimeout(() => this.#stopUpstream(), LINGER_MS).unref();
    if (this.#fold) {
      this.#held.push(Buffer.from(JSON.stringify(this.#fold.message())));
      this.#resolve(this);
      return;
    }
    this.#handOn();
    this.#sink?.onEnd();
  }

  #upstreamEnded(): void {
    this.#hasUpstreamEnded = true;
    clearTimeout(this.#linger);
  }

  #stopUpstream(): void {
    clearTimeout(this.#linger);
    if (this.#flow) this.#flow.abort();
    else this.#options.abortCall?.();
  }

  /** The answer is whole: what still comes is its last line or something nobody waits for. */
  #endLate(chunk: Buffer): void {
    this.#lateBytes += chunk.length;
    if (this.#lateBytes > LINGER_BYTES) this.#stopUpstream();
  }

  #end(): void {
    this.#hasEnded = true;
    clearTimeout(this.#commit);
    clearTimeout(this.#ping);
  }

  #send(event: AnthropicEvent): void {
    if (this.#fold) {
      if (event.type !== 'error' && event.type !== 'ping') this.#fold.add(event);
      return;
    }
    this.#held.push(toSse(event));
    // Proxies and clients that wait for a first sign of life get it at once.
    if (event.type === 'message_start') this.#writer.ping();
  }

  /** One write for all events of one step. */
  #handOn(): void {
    if (this.#held.length === 0) return;
    if (this.#options.isStream && !this.#hasEnded) this.#awaitSilence();
    this.#resolve(this);
    if (!this.#sink) return;
    const [first = Buffer.alloc(0), ...more] = this.#held;
    this.#held = [];
    this.#sink.onChunk(more.length === 0 ? first : Buffer.concat([first, ...more]));
  }

  #awaitSilence(): void {
    clearTimeout(this.#commit);
    const beat = (): void => {
      // A client that does not read is not waiting.
      if (this.#isPaused) this.#ping?.refresh();
      else this.#guard(() => this.#writer.ping());
    };
    if (this.#ping) this.#ping.refresh();
    else this.#ping = setTimeout(beat, this.#options.pingMs ?? PING_MS);
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
