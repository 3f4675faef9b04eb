// One upstream's answer while it is read: its frames, or its refusal, and what still comes after all was said.
import { GatewayError } from '#shared/errors.ts';
import type { MessageWriter } from '#shared/messages/message-writer.ts';
import type { ConversionMemory, Provider, StreamReader } from '#shared/providers/provider.ts';
import type { Answer, AnswerFlow, AnswerSink, UpstreamFailure } from './call-upstream.ts';
import { createFrameReader, type FrameReader } from './read-frames.ts';

export interface SourceHandlers {
  /** Runs one step of reading, which may throw. */
  onStep(step: () => void): void;
  /** The connection broke off. */
  onBroken(failure: UpstreamFailure): void;
  /** The upstream refused, and these were its words. */
  onRefused(error: unknown): void;
}

export interface AnswerSource {
  start(): void;
  /** By which name the upstream calls the model that answers; '' = it has not said. */
  readonly model: string;
  /** The reader says what is still to be said, or throws because the answer is not whole. */
  endReading(): void;
  /** All was said: the upstream may end by itself, within a moment. */
  letGo(): void;
  pause(): void;
  resume(): void;
  abort(): void;
}

/** How long an upstream may take to end after its answer was whole, so that its connection can be used again. */
const LINGER_MS = 1000;
const LINGER_BYTES = 256;
/** Enough of an error's body to find its message. */
const ERROR_BODY_BYTES = 262_144;

/** An answer of more than `mostBytes` fails where it passes them. */
export function createAnswerSource(
  answer: Answer,
  conversion: { provider: Provider; memory: ConversionMemory },
  writer: MessageWriter,
  handlers: SourceHandlers,
  mostBytes = Number.POSITIVE_INFINITY,
): AnswerSource {
  return new Source(answer, conversion, writer, handlers, mostBytes);
}

class Source implements AnswerSource {
  readonly #answer: Answer;
  readonly #provider: Provider;
  readonly #handlers: SourceHandlers;
  readonly #writer: MessageWriter;
  readonly #reader: StreamReader;
  readonly #frames: FrameReader;
  readonly #mostBytes: number;
  #flow: AnswerFlow | undefined;
  #linger: NodeJS.Timeout | undefined;
  #bytes = 0;
  #lateBytes = 0;
  #hasEnded = false;
  #isDone = false;
  #isAborted = false;
  #isPaused = false;

  constructor(
    answer: Answer,
    { provider, memory }: { provider: Provider; memory: ConversionMemory },
    writer: MessageWriter,
    handlers: SourceHandlers,
    mostBytes: number,
  ) {
    this.#answer = answer;
    this.#mostBytes = mostBytes;
    this.#provider = provider;
    this.#handlers = handlers;
    this.#writer = writer;
    const reader = provider.createReader(writer, memory);
    this.#reader = reader;
    const readAhead = reader.readAhead?.bind(reader);
    this.#frames = createFrameReader(provider.framing, (event) => reader.onEvent(event), readAhead);
  }

  get model(): string {
    return this.#reader.model ?? '';
  }

  start(): void {
    const isRefusal = this.#answer.status >= 400;
    this.#flow = this.#answer.start(isRefusal ? this.#refusalSink() : this.#answerSink());
    if (this.#isAborted) this.#flow.abort();
    else if (this.#isPaused) this.#flow.pause();
  }

  endReading(): void {
    if (!this.#writer.hasEnded) this.#reader.onEnd();
    if (!this.#writer.hasEnded) throw new GatewayError('api_error', 'the upstream closed the stream before finishing');
  }

  letGo(): void {
    if (this.#isDone) return;
    this.#isDone = true;
    if (!this.#hasEnded) this.#linger = setTimeout(() => this.abort(), LINGER_MS).unref();
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
    this.#isAborted = true;
    this.#isDone = true;
    clearTimeout(this.#linger);
    this.#flow?.abort();
  }

  #answerSink(): AnswerSink {
    return {
      onChunk: (chunk) => {
        if (this.#isDone) this.#endLate(chunk);
        else this.#handlers.onStep(() => this.#read(chunk));
      },
      onEnd: () => {
        this.#end();
        if (!this.#isDone) this.#handlers.onStep(() => this.#frames.end());
        if (!this.#isDone) this.#handlers.onStep(() => this.endReading());
      },
      onError: (failure) => {
        this.#end();
        if (!this.#isDone) this.#handlers.onBroken(failure);
      },
    };
  }

  #read(chunk: Buffer): void {
    this.#bytes += chunk.length;
    if (this.#bytes > this.#mostBytes) throw new GatewayError('api_error', 'the answer is too long', { status: 502 });
    this.#frames.push(chunk);
  }

  #refusalSink(): AnswerSink {
    const { status, rawHeaders } = this.#answer;
    const chunks: Buffer[] = [];
    let size = 0;
    const settle = (): void => {
      this.#end();
      const body = Buffer.concat(chunks).subarray(0, ERROR_BODY_BYTES);
      this.#handlers.onRefused(this.#provider.readError({ status, rawHeaders, body }));
    };
    return {
      onChunk: (chunk) => {
        if (size >= ERROR_BODY_BYTES) return;
        size += chunk.length;
        chunks.push(chunk);
        if (size < ERROR_BODY_BYTES) return;
        settle();
        this.abort();
      },
      onEnd: settle,
      onError: settle,
    };
  }

  #end(): void {
    this.#hasEnded = true;
    clearTimeout(this.#linger);
  }

  /** What still comes is the last line or something nobody waits for. */
  #endLate(chunk: Buffer): void {
    this.#lateBytes += chunk.length;
    if (this.#lateBytes > LINGER_BYTES) this.abort();
  }
}
