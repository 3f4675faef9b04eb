// What a model thought, in the fields of a dozen servers → thinking, and the state they want back, in its signature.
import type { MessageWriter } from '#shared/messages/message-writer.ts';
import { type Fields, fieldsOf, isFields, listOf, numberOf, textOf } from '../fields.ts';
import type { FoundPage } from '../search-blocks.ts';
import { encodeThinkingState } from '../thinking-state.ts';
import type { ChatMemory } from './chat-memory.ts';

/** Owner of the states that Chat Completions servers give. */
export const STATE_OWNER = 'openai-chat';

export class Reasoning {
  readonly #writer: MessageWriter;
  readonly #memory: ChatMemory;
  #isOpen = false;
  #details: Fields[] = [];

  constructor(writer: MessageWriter, memory: ChatMemory) {
    this.#writer = writer;
    this.#memory = memory;
  }

  /** One delta or message; the same text in two fields counts once. Returns how many characters it thought. */
  push(delta: Fields): number {
    const details = listOf(delta.reasoning_details).filter(isFields);
    if (this.#memory.traits.reasoningReplay === 'reasoning_details') for (const detail of details) this.#keep(detail);
    const text =
      textOf(delta.reasoning_content) ||
      textOf(delta.reasoning) ||
      details.map((detail) => textOf(detail.text) || textOf(detail.summary)).join('');
    this.think(text);
    return text.length;
  }

  think(text: string): void {
    if (text === '' || this.#memory.thinking === 'none') return;
    this.#isOpen = true;
    this.#writer.thinking(text);
  }

  /** Nothing is left to be said of it when something else begins. */
  get isClosed(): boolean {
    return !this.#isOpen && this.#details.length === 0;
  }

  /** Something else begins, or the answer ends. State without a visible thought gets a block of its own. */
  close(): void {
    if (this.isClosed) return;
    const state = encodeThinkingState(STATE_OWNER, this.#details.length > 0 ? { details: this.#details } : {});
    if (this.#isOpen) this.#writer.signature(state);
    else this.#writer.block({ type: 'redacted_thinking', data: state });
    this.#isOpen = false;
    this.#details = [];
  }

  /** Pieces of one detail come one after the other. */
  #keep(detail: Fields): void {
    const last = this.#details.at(-1);
    const isMore = last && last.type === detail.type && last.index === detail.index && !isEncrypted(detail);
    if (!isMore) {
      this.#details.push({ ...detail });
      return;
    }
    for (const [key, value] of Object.entries(detail)) {
      const isText = (key === 'text' || key === 'summary') && typeof last[key] === 'string';
      if (isText) last[key] = textOf(last[key]) + textOf(value);
      else if (value !== null && value !== undefined && key !== 'type') last[key] = value;
    }
  }
}

function isEncrypted(detail: Fields): boolean {
  return detail.type === 'reasoning.encrypted';
}

export type ContentPiece = { kind: 'text' | 'thinking'; text: string };

/** `content` as a text or as a list of parts. */
export function contentPieces(content: unknown): ContentPiece[] {
  if (typeof content === 'string') return [{ kind: 'text', text: content }];
  return listOf(content).map((part) => {
    const fields = fieldsOf(part);
    if (fields.type !== 'thinking') return { kind: 'text', text: textOf(fields.text) };
    const thoughts = listOf(fields.thinking).map((thought) => textOf(fieldsOf(thought).text));
    return { kind: 'thinking', text: textOf(fields.thinking) || thoughts.join('') };
  });
}

/** Pages the answer refers to, wherever they stand. */
export function citedPages(root: Fields, delta: Fields): FoundPage[] {
  const annotations = listOf(delta.annotations).map((annotation) => fieldsOf(fieldsOf(annotation).url_citation));
  const found = listOf(root.search_results).map(fieldsOf);
  const plain = listOf(root.citations).map((url) => (typeof url === 'string' ? { url } : fieldsOf(url)));
  return [...annotations, ...found, ...plain]
    .map((page: Fields) => ({ url: textOf(page.url), title: textOf(page.title), age: textOf(page.date) || null }))
    .filter(({ url }) => url !== '');
}

export function answerIndex(choice: Fields): number {
  return numberOf(choice.index) ?? 0;
}
