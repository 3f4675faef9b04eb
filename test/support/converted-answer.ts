// A protocol of words, an upstream in the test's hand, and what a listener hears of the answer that is converted.
import { GatewayError } from '#shared/errors.ts';
import type { ConversionMemory, Provider } from '#shared/providers/provider.ts';
import { createSseReader, type SseEvent } from '#shared/sse/read-sse.ts';
import type { Answer, AnswerFlow, AnswerSink, UpstreamFailure } from '#shared/upstream/call-upstream.ts';
import { type ConversionOptions, convertAnswer } from '#shared/upstream/convert-answer.ts';

const MEMORY: ConversionMemory = {
  model: 'small',
  modelAsked: 'claude-asked',
  toolNames: new Map(),
  stopSequences: [],
  inputTokens: 12,
};

/** Deeper than JSON can be written. */
const DEEP = `{"x":${'['.repeat(50_000)}${']'.repeat(50_000)}}`;

/** A protocol of words: `text…`, `end`, `boom`, `bug`, `deep`; whole once `end` came. */
const words: Provider = {
  type: 'words',
  framing: 'sse',
  capabilities: [],
  toUpstreamRequest: () => {
    throw new Error('no request here');
  },
  createReader: (writer) => {
    let isWhole = false;
    return {
      onEvent: ({ data }) => {
        if (data === 'boom') throw new GatewayError('overloaded_error', 'busy');
        if (data === 'bug') throw new TypeError('a bug');
        if (data === 'deep') {
          writer.toolStart(0, 'call_0', 'Bash');
          writer.toolArguments(0, DEEP);
        } else if (data === 'stop') writer.finish('stop_sequence', '!');
        else if (data === 'end') isWhole = true;
        else writer.text(data);
      },
      onEnd: () => {
        if (!isWhole) throw new GatewayError('api_error', 'the upstream closed the stream before finishing');
        writer.finish('end_turn');
      },
    };
  },
  readError: ({ status, body }) => new GatewayError('invalid_request_error', `${status}: ${body.toString()}`),
};

/** An upstream in the test's hand. */
export class FakeUpstream implements Answer, AnswerFlow {
  readonly status: number;
  readonly rawHeaders = ['content-type', 'text/event-stream'];
  readonly heard: string[] = [];
  /** Bytes. */
  said = 0;
  sink: AnswerSink | undefined;

  constructor(status = 200) {
    this.status = status;
  }

  start(sink: AnswerSink): AnswerFlow {
    this.sink = sink;
    return this;
  }

  pause(): void {
    this.heard.push('pause');
  }

  resume(): void {
    this.heard.push('resume');
  }

  abort(): void {
    this.heard.push('abort');
  }

  say(...data: string[]): void {
    const bytes = Buffer.from(data.map((one) => `data: ${one}\n\n`).join(''));
    this.said += bytes.length;
    this.sink?.onChunk(bytes);
  }

  end(): void {
    this.sink?.onEnd();
  }
}

export interface Heard {
  flow: AnswerFlow;
  chunks: Buffer[];
  ends: number;
  failures: UpstreamFailure[];
}

export function listen(answer: Answer): Heard {
  const heard: Omit<Heard, 'flow'> = { chunks: [], ends: 0, failures: [] };
  const flow = answer.start({
    onChunk: (chunk) => heard.chunks.push(chunk),
    onEnd: () => heard.ends++,
    onError: (failure) => heard.failures.push(failure),
  });
  return Object.assign(heard, { flow });
}

export function eventsOf({ chunks }: Heard): Array<SseEvent & { json: Record<string, unknown> }> {
  const events: Array<SseEvent & { json: Record<string, unknown> }> = [];
  const reader = createSseReader({ onEvent: (event) => events.push({ ...event, json: JSON.parse(event.data) }) });
  for (const chunk of chunks) reader.push(chunk, 0);
  return events;
}

export function namesOf(heard: Heard): Array<string | undefined> {
  return eventsOf(heard).map(({ event }) => event);
}

const OPTIONS = { conversion: { provider: words, memory: MEMORY }, messageId: 'msg_1', requestId: 'r1' };

export interface Conversions {
  convert(answer: Answer | Promise<Answer>, options?: Partial<ConversionOptions>): Promise<Answer>;
  /** Pings of an answer that nobody ends would go on. */
  abortAll(): void;
}

export function createConversions(): Conversions {
  const begun: Array<() => void> = [];
  return {
    convert: (answer, options = {}) =>
      convertAnswer(answer, {
        ...OPTIONS,
        isStream: true,
        ...options,
        onAbortable: (abort) => {
          begun.push(abort);
          options.onAbortable?.(abort);
        },
      }),
    abortAll: () => {
      for (const abort of begun.splice(0)) abort();
    },
  };
}

export async function rejection(promise: Promise<unknown>): Promise<unknown> {
  try {
    await promise;
  } catch (error) {
    return error;
  }
  throw new Error('it did not reject');
}

/** The events of a whole answer of one text. */
export const HELLO = [
  ...['message_start', 'ping', 'content_block_start', 'content_block_delta'],
  ...['content_block_stop', 'message_delta', 'message_stop'],
];
