// An answer of Chat Completions, event by event or as one document, → what happened, said to the writer.
import { GatewayError } from '#shared/errors.ts';
import type { MessageWriter } from '#shared/messages/message-writer.ts';
import { listPieces, type Pieces } from '#shared/simd/copy-pieces.ts';
import type { SseEvent } from '#shared/sse/read-sse.ts';
import type { Usage } from '#shared/wire/anthropic.ts';
import { type Fields, fieldsOf, isFields, listOf, parseJson, textOf } from '../fields.ts';
import type { StreamReader } from '../provider.ts';
import { readStreamError } from '../read-error.ts';
import { type FoundPage, searchBlocks } from '../search-blocks.ts';
import { createStopWatch } from '../stop.ts';
import type { ChatMemory } from './chat-memory.ts';
import { type Ending, readEnding } from './ending.ts';
import { answerIndex, type ContentPiece, citedPages, contentPieces, Reasoning } from './reasoning.ts';
import { createRepeatedChunk } from './repeated-chunk.ts';
import { createThinkTags } from './think-tags.ts';
import { ToolCalls } from './tool-calls.ts';
import { toUsage } from './usage.ts';

/** The name under which an answer comes that is one document. */
const WHOLE = 'whole';

export class ChatReader implements StreamReader {
  readonly #writer: MessageWriter;
  readonly #memory: ChatMemory;
  readonly #tools: ToolCalls;
  readonly #reasoning: Reasoning;
  readonly #stops;
  readonly #tags = createThinkTags();
  readonly #repeated = createRepeatedChunk();
  readonly #pages: FoundPage[] = [];
  model = '';
  #answerId = '';
  #finishReason: string | null = null;
  #stopString: string | null = null;
  #usage: Usage | null = null;
  #length = 0;
  #isRefusal = false;
  #isWhole = false;
  #isDone = false;

  constructor(writer: MessageWriter, memory: ChatMemory) {
    this.#writer = writer;
    this.#memory = memory;
    this.#tools = new ToolCalls(writer, memory);
    this.#reasoning = new Reasoning(writer, memory);
    this.#stops = memory.stopSequences.length > 0 ? createStopWatch(memory.stopSequences) : null;
  }

  onEvent({ event, data }: SseEvent): void {
    if (this.#writer.hasEnded || this.#isDone) return;
    const repeated = event === undefined ? this.#repeated.read(data) : null;
    if (repeated !== null) {
      this.#sayAgain(repeated);
      return;
    }
    const said = data.trim();
    if (said === '') return;
    if (said === '[DONE]') {
      this.#isDone = true;
      return;
    }
    const root = parseJson(data);
    if (event === 'error') throw readStreamError(root ?? { message: data });
    if (!isFields(root))
      throw new GatewayError('api_error', 'the upstream sent an event that is no JSON object', { status: 502 });
    this.#isWhole ||= event === WHOLE;
    refuseError(root, this.#isWhole);
    this.#answerId ||= textOf(root.id);
    this.model ||= textOf(root.model);
    const choice = listOf(root.choices)
      .map(fieldsOf)
      .find((one) => answerIndex(one) === 0);
    this.#usage = toUsage(root.usage) ?? toUsage(choice?.usage) ?? toUsage(fieldsOf(root.x_groq).usage) ?? this.#usage;
    if (choice) this.#readChoice(root, choice);
    if (event === undefined) this.#repeated.keep(data, root);
  }

  readAhead(bytes: Buffer, from: number): number {
    const { frame } = this.#repeated;
    if (frame === null || this.#writer.hasEnded || this.#isDone) return from;
    const pieces = { frame, bytes, from };
    const end = this.#copy(pieces) ?? this.#sayEach(pieces);
    if (end > from) this.#repeated.confirm();
    return end;
  }

  #copy(pieces: Pieces): number | null {
    const { kind } = this.#repeated;
    if (kind === null || (kind === 'text' && !this.#isPlainText())) return null;
    const copied = this.#writer.copy?.(kind, pieces) ?? null;
    this.#length += copied?.length ?? 0;
    return copied?.end ?? null;
  }

  #sayEach(pieces: Pieces): number {
    const { end, texts } = listPieces(pieces);
    for (const text of texts) if (!this.#writer.hasEnded) this.#sayAgain(this.#repeated.toDelta(text));
    return end;
  }

  /** Nothing has to be found in it, and nothing said before it. */
  #isPlainText(): boolean {
    return !this.#stops && !this.#memory.traits.hasThinkTags && this.#reasoning.isClosed;
  }

  #sayAgain(delta: Fields): void {
    if (typeof delta.content === 'string') this.#sayText([{ kind: 'text', text: delta.content }]);
    else this.#readChoice({}, { delta });
  }

  onEnd(): void {
    if (this.#writer.hasEnded) return;
    if (this.#finishReason === null && !this.#mayEndUnsaid()) {
      throw new GatewayError('api_error', 'the upstream closed the stream before finishing');
    }
    const ending = readEnding(this.#finishReason, this.#stopString, this.#length > 0 || !this.#tools.isEmpty);
    if (this.#memory.traits.hasThinkTags) this.#say(this.#tags.flush());
    this.#show(this.#stops?.flush() ?? '');
    if (this.#writer.hasEnded) return;
    this.#reasoning.close();
    this.#tools.finish(ending.isCut, this.#answerId);
    this.#finish(this.#isRefusal ? { reason: 'refusal', stopSequence: null, isCut: true } : ending);
  }

  /** One document says all it has to say. A stream that stops without a word has only the end of data as its mark. */
  #mayEndUnsaid(): boolean {
    return this.#isWhole || (this.#memory.traits.isFinishless && this.#isDone);
  }

  #readChoice(root: Fields, choice: Fields): void {
    const delta = isFields(choice.delta) ? choice.delta : fieldsOf(choice.message);
    if (isFields(choice.error)) throw readStreamError({ error: choice.error });
    this.#length += this.#reasoning.push(delta);
    const pieces = contentPieces(delta.content);
    this.#sayText(pieces);
    const refusal = textOf(delta.refusal);
    if (refusal !== '') this.#isRefusal = true;
    this.#say([{ kind: 'text', text: refusal }]);
    if (this.#writer.hasEnded) return;
    for (const entry of listOf(delta.tool_calls).filter(isFields)) this.#call(entry);
    if (isFields(delta.function_call)) this.#call({ index: 0, function: delta.function_call });
    this.#pages.push(...citedPages(root, delta));
    this.#finishReason ??= textOf(choice.finish_reason) || null;
    this.#stopString ??= textOf(choice.stop_reason) || textOf(choice.matched_stop) || null;
  }

  #sayText(pieces: readonly ContentPiece[]): void {
    this.#say(this.#memory.traits.hasThinkTags ? this.#splitTags(pieces) : pieces);
  }

  #splitTags(pieces: readonly ContentPiece[]): ContentPiece[] {
    return pieces.flatMap((piece) => (piece.kind === 'text' ? this.#tags.push(piece.text) : [piece]));
  }

  #say(pieces: readonly ContentPiece[]): void {
    for (const { kind, text } of pieces) {
      this.#length += text.length;
      if (text === '') continue;
      if (kind === 'thinking') this.#reasoning.think(text);
      else this.#watch(text);
    }
  }

  #watch(text: string): void {
    if (!this.#stops) {
      this.#show(text);
      return;
    }
    if (this.#writer.hasEnded) return;
    const shown = this.#stops.push(text);
    this.#show(shown.text);
    if (shown.matched !== null) this.#finish({ reason: 'stop_sequence', stopSequence: shown.matched, isCut: true });
  }

  #show(text: string): void {
    if (text === '') return;
    this.#reasoning.close();
    this.#writer.text(text);
  }

  #call(entry: Fields): void {
    this.#show(this.#stops?.flush() ?? '');
    this.#reasoning.close();
    this.#tools.push(entry);
  }

  #finish({ reason, stopSequence }: Ending): void {
    if (this.#memory.wantsSearch && this.#pages.length > 0) {
      for (const block of searchBlocks(this.#answerId, '', this.#pages)) this.#writer.block(block);
      this.#writer.usage({ server_tool_use: { web_search_requests: 1 } });
    }
    if (this.#usage) this.#writer.usage(this.#usage);
    const details = { stop_details: { type: 'refusal', category: null, explanation: null } };
    this.#writer.finish(reason, stopSequence, reason === 'refusal' ? details : {});
  }
}

/** @throws GatewayError when the upstream says that it failed, although it had begun well */
function refuseError(root: Fields, isWhole: boolean): void {
  const hasError = isFields(root.error) || (typeof root.error === 'string' && root.error !== '');
  const isNoAnswer = isWhole && !Array.isArray(root.choices);
  if (hasError || root.object === 'error' || root.type === 'error' || isNoAnswer) throw readStreamError(root);
}
