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
import type { Answer, AnswerFlow, AnswerSink, UpstreamFailure } from './call-upstream.ts';
import { createFrameReader, type FrameReader } from './read-frames.ts';

export interface ConversionOptions {
  provider: Provider;
  memory: ConversionMemory;
  /** Did the client ask for a stream? */
  isStream: boolean;
  /** `msg_…` of the answer. */
  messageId: string;
  /** The gateway's id of the request, for `request-id`. */
  requestId: string;
  /** Silence after which a stream begins without output, so that pings can flow. */
  commitMs?: number;
  /** Longest silence between two events. */
  pingMs?: number;
}

const COMMIT_MS = 10_000;
const PING_MS = 14_000;
/** Enough of an error's body to find its message. */
const ERROR_BODY_BYTES = 262_144;

/**
 * Resolves with the first output, at the latest after `commitMs` (stream), or with the end (no stream).
 * @throws GatewayError or UpstreamFailure while the client has seen nothing
 */
export function convertAnswer(answer: Answer, options: ConversionOptions): Promise<Answer> {
  return answer.status >= 400 ? readFailure(answer, options.provider) : new ConvertedAnswer(answer, options).ready;
}

function readFailure(answer: Answer, provider: Provider): Promise<never> {
  return new Promise((_, reject) => {
    const chunks: Buffer[] = [];
    let size = 0;
    const settle = (): void => {
      const body = Buffer.concat(chunks).subarray(0, ERROR_BODY_BYTES);
      reject(provider.readError({ status: answer.status, rawHeaders: answer.rawHeaders, body }));
    };
    answer.start({
      onChunk: (chunk) => {
        if (size < ERROR_BODY_BYTES) chunks.push(chunk);
        size += chunk.length;
      },
      onEnd: settle,
      onError: settle,
    });
  });
}

class ConvertedAnswer implements Answer, AnswerFlow {
  readonly status = 200;
  readonly rawHeaders: string[];
  readonly ready: Promise<Answer>;
  readonly #options: ConversionOptions;
  readonly #writer: MessageWriter;
  readonly #reader: StreamReader;
  readonly #frames: FrameReader;
  readonly #fold: MessageAccumulator | null;
  readonly #commit: NodeJS.Timeout | undefined;
  #ping: NodeJS.Timeout | undefined;
  #flow: AnswerFlow | undefined;
  #sink: AnswerSink | undefined;
  #early: Buffer[] = [];
  #hasEnded = false;
  #isAborted = false;
  #resolve: (answer: Answer) => void = () => {};
  #reject: (error: unknown) => void = () => {};

  constructor(upstream: Answer, options: ConversionOptions) {
    this.#options = options;
    const { memory, provider, isStream } = options;
    this.rawHeaders = [
      'content-type',
      isStream ? 'text/event-stream; charset=utf-8' : 'application/json',
      ...(isStream ? ['cache-control', 'no-cache', 'x-accel-buffering', 'no'] : []),
      'request-id',
      `req_${options.requestId}`,
    ];
    this.#fold = isStream ? null : createMessageAccumulator();
    const usage = { input_tokens: memory.inputTokens, output_tokens: 0 };
    const start = { id: options.messageId, model: memory.modelAsked, usage };
    this.#writer = createMessageWriter(start, (event) => this.#send(event));
    this.#reader = provider.createReader(this.#writer, memory);
    this.#frames = createFrameReader(provider.framing, (event) => this.#reader.onEvent(event));
    this.ready = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
    if (isStream)
      this.#commit = setTimeout(() => this.#guard(() => this.#writer.begin()), options.commitMs ?? COMMIT_MS);
    this.#flow = upstream.start({
      onChunk: (chunk) => this.#guard(() => this.#frames.push(chunk)),
      onEnd: () => this.#guard(() => this.#endOfUpstream()),
      onError: (failure) => this.#fail(failure),
    });
    if (this.#hasEnded) this.#flow.abort();
  }

  start(sink: AnswerSink): AnswerFlow {
    this.#sink = sink;
    for (const chunk of this.#early) sink.onChunk(chunk);
    this.#early = [];
    if (this.#hasEnded && !this.#isAborted) sink.onEnd();
    return this;
  }

  pause(): void {
    this.#flow?.pause();
  }

  resume(): void {
    this.#flow?.resume();
  }

  abort(): void {
    this.#isAborted = true;
    this.#end();
    this.#flow?.abort();
  }

  /** Runs one step of reading; whatever it throws ends the answer. */
  #guard(step: () => void): void {
    if (this.#hasEnded) return;
    try {
      step();
    } catch (error) {
      this.#fail(error);
      this.#flow?.abort();
      return;
    }
    if (this.#writer.hasEnded) this.#finish();
  }

  #endOfUpstream(): void {
    this.#frames.end();
    if (!this.#writer.hasEnded) this.#reader.onEnd();
    if (!this.#writer.hasEnded) throw new GatewayError('api_error', 'the upstream closed the stream before finishing');
  }

  /** Before the first output an error keeps its HTTP status; afterwards it is the stream's last event. */
  #fail(error: unknown): void {
    if (this.#hasEnded) return;
    if (!this.#options.isStream || !this.#writer.hasBegun) {
      this.#end();
      this.#reject(isUpstreamFailure(error) || error instanceof GatewayError ? error : unreadable(error));
      return;
    }
    if (!this.#writer.hasEnded) this.#writer.fail(toEventError(error));
    this.#finish();
  }

  #finish(): void {
    if (this.#hasEnded) return;
    this.#end();
    this.#flow?.abort();
    if (this.#fold) {
      this.#early.push(Buffer.from(JSON.stringify(this.#fold.message())));
      this.#resolve(this);
      return;
    }
    this.#sink?.onEnd();
  }

  #end(): void {
    this.#hasEnded = true;
    clearTimeout(this.#commit);
    clearTimeout(this.#ping);
  }

  #send(event: AnthropicEvent): void {
    if (this.#fold) {
      if (event.type !== 'error') this.#fold.add(event);
      return;
    }
    clearTimeout(this.#commit);
    const bytes = toSse(event);
    if (this.#sink) this.#sink.onChunk(bytes);
    else this.#early.push(bytes);
    if (this.#ping) this.#ping.refresh();
    else {
      this.#ping = setTimeout(() => this.#writer.ping(), this.#options.pingMs ?? PING_MS);
      this.#resolve(this);
    }
  }
}

function isUpstreamFailure(error: unknown): error is UpstreamFailure {
  return error instanceof Error && error.name === 'UpstreamFailure';
}

function toEventError(error: unknown): GatewayError {
  if (error instanceof GatewayError) return error;
  if (!isUpstreamFailure(error)) return unreadable(error);
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
