// A Gemini stream → writer verbs. Each chunk is a whole answer of its own: parts in order, totals so far, and perhaps the
// reason why no more will come.
import { GatewayError } from '#shared/errors.ts';
import type { MessageWriter } from '#shared/messages/message-writer.ts';
import type { SseEvent } from '#shared/sse/read-sse.ts';
import { type AnswerText, createAnswerText } from '../answer-text.ts';
import { type Fields, fieldsOf, isFields, listOf, numberOf, parseJson, textOf } from '../fields.ts';
import type { ConversionMemory, StreamReader } from '../provider.ts';
import { writeJson } from '../write-json.ts';
import { type Counts, mergeCounts, reasonOf, toUsage } from './ending.ts';
import { readStreamFailure } from './error.ts';
import { createGrounding, type Grounding } from './grounding.ts';
import { createPartialArguments, type PartialArguments } from './partial-arguments.ts';
import { encodeSignature, toClientId } from './thought-signature.ts';

export function createGeminiReader(writer: MessageWriter, memory: ConversionMemory): StreamReader {
  return new GeminiReader(writer, memory);
}

class GeminiReader implements StreamReader {
  readonly #writer: MessageWriter;
  readonly #memory: ConversionMemory;
  readonly #answer: AnswerText;
  readonly #grounding: Grounding = createGrounding();
  model = '';
  #counts: Counts = {};
  /** The reason and what was said of it. */
  #finish: { reason: string; message: string } | null = null;
  #blocked: string | null = null;
  /** The call whose arguments come in pieces. */
  #partial: { key: number; values: PartialArguments } | null = null;
  #calls = 0;
  readonly #callIds = new Set<string>();
  #isThinking = false;

  constructor(writer: MessageWriter, memory: ConversionMemory) {
    this.#writer = writer;
    this.#memory = memory;
    this.#answer = createAnswerText(writer, memory.stopSequences, () => toUsage(this.#counts));
  }

  onEvent({ data }: SseEvent): void {
    if (data.trim() === '' || data.trim() === '[DONE]') return;
    const body = parseJson(data);
    // Without server-sent events all chunks come in one list.
    const chunks = Array.isArray(body) ? body : [body];
    for (const chunk of chunks) {
      if (this.#writer.hasEnded) return;
      if (!isFields(chunk)) throw new GatewayError('api_error', 'the upstream sent an event that is no JSON object');
      this.#chunk(chunk);
    }
  }

  onEnd(): void {
    if (this.#writer.hasEnded) return;
    // A broken turn stays as it is: nothing in it is brought to an end.
    if (this.#finish === null && this.#blocked === null) {
      throw new GatewayError('api_error', 'the upstream closed the stream before finishing');
    }
    this.#endPartial();
    this.#answer.flush();
    this.#endThinking(null);
    this.#writer.usage({ ...toUsage(this.#counts), ...this.#grounding.usage() });
    if (this.#finish === null) this.#refuse(this.#blocked ?? '');
    else this.#end(this.#finish.reason, this.#finish.message);
  }

  #end(finish: string, message: string): void {
    const reason = reasonOf(finish);
    const hasContent = !this.#answer.isEmpty || this.#calls > 0;
    if (reason === 'refusal') {
      this.#refuse(message || finish);
      return;
    }
    if (reason === null && !hasContent) {
      throw new GatewayError(
        'api_error',
        `the upstream ended its answer with ${finish.slice(0, 60)}: ${message || 'no content'}`,
      );
    }
    for (const block of this.#grounding.blocks(toClientId('', this.#memory.idSeed ?? '', -1)))
      this.#writer.block(block);
    this.#writer.finish(reason ?? 'end_turn');
  }

  #refuse(explanation: string): void {
    this.#writer.finish('refusal', null, { stop_details: { type: 'refusal', explanation } });
  }

  #chunk(chunk: Fields): void {
    if (chunk.error !== undefined && chunk.error !== null) throw readStreamFailure(chunk);
    this.model ||= textOf(chunk.modelVersion);
    this.#counts = mergeCounts(this.#counts, fieldsOf(chunk.usageMetadata));
    const { blockReason, blockReasonMessage } = fieldsOf(chunk.promptFeedback);
    if (textOf(blockReason) !== '') this.#blocked = textOf(blockReasonMessage) || textOf(blockReason);
    const candidate = listOf(chunk.candidates)
      .map(fieldsOf)
      .find(({ index }) => (numberOf(index) ?? 0) === 0);
    if (!candidate) return;
    for (const part of listOf(fieldsOf(candidate.content).parts)) {
      if (this.#writer.hasEnded) return;
      this.#part(fieldsOf(part));
    }
    this.#grounding.add(fieldsOf(candidate.groundingMetadata));
    const reason = textOf(candidate.finishReason);
    if (reason !== '') this.#finish = { reason, message: textOf(candidate.finishMessage) };
  }

  #part(part: Fields): void {
    if (isFields(part.functionCall)) this.#call(part.functionCall, textOf(part.thoughtSignature));
    else if (part.thought === true) this.#think(textOf(part.text));
    else this.#text(textOf(part.text));
  }

  #think(text: string): void {
    if (text === '' || (this.#memory.thinking ?? 'shown') !== 'shown') return;
    this.#answer.flush();
    this.#isThinking = true;
    this.#writer.thinking(text);
  }

  #text(delta: string): void {
    if (delta === '') return;
    this.#endThinking(null);
    this.#answer.push(delta);
  }

  /** Thinking is marked as ours, and carries the signature of the call that follows it at once. */
  #endThinking(signed: { call: string; signature: string } | null): void {
    const state = encodeSignature(this.#memory.model, signed);
    if (this.#isThinking) this.#writer.signature(state);
    else if (signed) this.#writer.block({ type: 'redacted_thinking', data: state });
    this.#isThinking = false;
  }

  #call(call: Fields, signature: string): void {
    const name = textOf(call.name);
    const pieces = listOf(call.partialArgs).map(fieldsOf);
    if (name !== '') this.#startCall(call, name, signature, pieces.length > 0 || call.willContinue === true);
    else if (!this.#partial && isFields(call.args) && Object.keys(call.args).length > 0) {
      throw new GatewayError('api_error', 'the upstream called a tool without naming it');
    }
    for (const piece of pieces) this.#partial?.values.add(piece);
    if (name === '' && call.willContinue !== true) this.#endPartial();
  }

  /** Of two calls with one id clients would drop the second. */
  #callId(given: string, key: number): string {
    const seed = this.#memory.idSeed ?? '';
    const own = toClientId(given, seed, key);
    const id = this.#callIds.has(own) ? toClientId('', seed, key) : own;
    this.#callIds.add(id);
    return id;
  }

  #startCall(call: Fields, name: string, signature: string, isPartial: boolean): void {
    this.#endPartial();
    this.#answer.flush();
    const key = this.#calls++;
    const id = this.#callId(textOf(call.id), key);
    this.#endThinking(signature === '' ? null : { call: id, signature });
    this.#writer.toolStart(key, id, this.#memory.toolNames.get(name) ?? name);
    if (isPartial) {
      this.#partial = { key, values: createPartialArguments() };
      return;
    }
    this.#writer.toolArguments(key, writeJson(isFields(call.args) ? call.args : {}));
    this.#writer.toolEnd(key);
  }

  #endPartial(): void {
    if (!this.#partial) return;
    const { key, values } = this.#partial;
    this.#partial = null;
    this.#writer.toolArguments(key, writeJson(values.value));
    this.#writer.toolEnd(key);
  }
}
