// Ollama's lines → writer verbs. Each line is a piece of one message; the one that says `done` has the counts.
import { GatewayError } from '#shared/errors.ts';
import type { MessageWriter, StopReason } from '#shared/messages/message-writer.ts';
import type { SseEvent } from '#shared/sse/read-sse.ts';
import { createCallIds } from '../call-ids.ts';
import { type Fields, fieldsOf, isFields, listOf, numberOf, parseJson, textOf } from '../fields.ts';
import type { ConversionMemory, StreamReader } from '../provider.ts';
import { readStreamError } from '../read-error.ts';
import { encodeThinkingState } from '../thinking-state.ts';
import { STATE_OWNER } from './messages.ts';

/** A prompt that was evaluated to less than this part of its estimate has been cut. */
const CUT_BELOW = 0.5;

export function createOllamaReader(writer: MessageWriter, memory: ConversionMemory): StreamReader {
  return new OllamaReader(writer, memory);
}

class OllamaReader implements StreamReader {
  readonly #writer: MessageWriter;
  readonly #memory: ConversionMemory;
  readonly #toolId: (given: string, key: number) => string;
  model = '';
  #calls = 0;
  #isThinking = false;
  #hasContent = false;
  #reason: string | null = null;

  constructor(writer: MessageWriter, memory: ConversionMemory) {
    this.#writer = writer;
    this.#memory = memory;
    this.#toolId = createCallIds(memory.idSeed ?? '');
  }

  onEvent({ data }: SseEvent): void {
    if (this.#reason !== null || data.trim() === '' || data.trim() === '[DONE]') return;
    const line = parseJson(data);
    if (!isFields(line)) throw unreadable('a line that is no JSON object');
    if (line.error !== undefined && line.error !== null) throw readStreamError(line);
    this.model ||= textOf(line.model);
    const message = fieldsOf(line.message);
    this.#think(textOf(message.thinking));
    this.#say(textOf(message.content));
    for (const call of listOf(message.tool_calls)) this.#call(fieldsOf(call));
    if (line.done === true) this.#close(line);
  }

  onEnd(): void {
    if (this.#reason === null) {
      throw new GatewayError('api_error', 'the upstream closed the stream before finishing');
    }
    // A model that was only loaded, or is being unloaded, has not answered.
    if (!this.#hasContent && STOP_REASONS[this.#reason] === undefined) throw unreadable('no answer');
    this.#endThinking();
    this.#writer.finish(STOP_REASONS[this.#reason] ?? 'end_turn');
  }

  #think(text: string): void {
    if (text === '' || this.#memory.thinking === 'none') return;
    this.#isThinking = true;
    this.#hasContent = true;
    this.#writer.thinking(text);
  }

  #endThinking(): void {
    if (this.#isThinking) this.#writer.signature(encodeThinkingState(STATE_OWNER, {}));
    this.#isThinking = false;
  }

  #say(text: string): void {
    if (text === '') return;
    this.#endThinking();
    this.#hasContent = true;
    this.#writer.text(text);
  }

  /** A call comes whole; two of them may have one index. */
  #call(call: Fields): void {
    const { name, arguments: input } = fieldsOf(call.function);
    if (textOf(name) === '') throw unreadable('a tool call without a name');
    this.#endThinking();
    this.#hasContent = true;
    const key = this.#calls++;
    this.#writer.toolStart(key, this.#toolId(textOf(call.id), key), textOf(name));
    this.#writer.toolArguments(key, typeof input === 'string' ? input : JSON.stringify(input ?? {}));
    this.#writer.toolEnd(key);
  }

  #close(line: Fields): void {
    this.#reason = textOf(line.done_reason) || 'stop';
    const evaluated = numberOf(line.prompt_eval_count);
    const output = numberOf(line.eval_count);
    if (evaluated !== null && evaluated > 0) this.#writer.usage(inputUsage(evaluated, this.#memory.inputTokens));
    if (output !== null) this.#writer.usage({ output_tokens: output });
  }
}

/**
 * A server that cut the prompt, or counted only what its cache did not hold, tells less than was sent: the estimate
 * stands, so that the client compacts in time, and what was evaluated is beside it.
 */
function inputUsage(evaluated: number, sent: number): Record<string, number> {
  return evaluated < sent * CUT_BELOW ? { prompt_tokens_evaluated: evaluated } : { input_tokens: evaluated };
}

const STOP_REASONS: Readonly<Record<string, StopReason>> = { stop: 'end_turn', length: 'max_tokens' };

function unreadable(what: string): GatewayError {
  return new GatewayError('api_error', `the upstream sent ${what}`, { status: 502 });
}
