// Thinking that a model writes as text, in tags in front of its answer → thinking.
import type { MessageWriter, StopReason } from '#shared/messages/message-writer.ts';
import type { ContentPiece } from '#shared/providers/openai-chat/reasoning.ts';
import { createThinkTags } from '#shared/providers/openai-chat/think-tags.ts';
import type { ThinkingShown } from '#shared/providers/pipeline.ts';
import { encodeThinkingState } from '#shared/providers/thinking-state.ts';
import type { ContentBlock } from '#shared/wire/anthropic.ts';
import type { StepKind } from '../step.ts';
import { WriterLayer } from './writer-layer.ts';

export const thinkTags: StepKind = {
  name: 'think-tags',
  about: 'Turns <think>…</think> at the start of the answer into thinking.',
  places: ['response'],
  params: [],
  create: () => ({ on: 'writer', wrap: (writer, thinking) => new TagReader(writer, thinking) }),
};

class TagReader extends WriterLayer {
  readonly #tags = createThinkTags();
  readonly #thinking: ThinkingShown;
  #isThinking = false;

  constructor(inner: MessageWriter, thinking: ThinkingShown) {
    super(inner);
    this.#thinking = thinking;
  }

  override text(delta: string): void {
    this.#say(this.#tags.push(delta));
  }

  override thinking(delta: string): void {
    this.#settle();
    this.inner.thinking(delta);
  }

  override signature(value: string): void {
    this.#settle();
    this.inner.signature(value);
  }

  override citation(value: unknown): void {
    this.#settle();
    this.inner.citation(value);
  }

  override block(content: ContentBlock): void {
    this.#settle();
    this.inner.block(content);
  }

  override toolStart(key: string | number, id: string, name: string): void {
    this.#settle();
    this.inner.toolStart(key, id, name);
  }

  override toolArguments(key: string | number, json: string): void {
    this.#settle();
    this.inner.toolArguments(key, json);
  }

  override finish(stopReason: StopReason, stopSequence?: string | null, fields?: Record<string, unknown>): void {
    this.#settle();
    this.inner.finish(stopReason, stopSequence, fields);
  }

  #say(pieces: readonly ContentPiece[]): void {
    for (const { kind, text } of pieces) {
      if (kind === 'text') {
        this.#endThinking();
        this.inner.text(text);
      } else if (this.#thinking !== 'none') {
        this.#isThinking = true;
        if (this.#thinking === 'shown') this.inner.thinking(text);
      }
    }
  }

  /** Something else comes: what may have been the beginning of a tag was none. */
  #settle(): void {
    this.#say(this.#tags.flush());
    this.#endThinking();
  }

  #endThinking(): void {
    if (!this.#isThinking) return;
    this.#isThinking = false;
    this.inner.signature(encodeThinkingState('pipeline', {}));
  }
}
