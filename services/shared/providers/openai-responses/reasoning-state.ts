// Encrypted reasoning between two turns: it travels with the client, inside our own signature, since nothing is stored.
import { fieldsOf, listOf, textOf } from '../fields.ts';
import { decodeThinkingState, encodeThinkingState } from '../thinking-state.ts';

export const TYPE = 'openai-responses';

export interface Reasoning {
  id: string;
  /** '' = there is no state, the thinking was only shown. */
  encrypted: string;
  summary: readonly string[];
  /** Another model cannot read it. */
  model: string;
}

export function encodeReasoning({ id, encrypted, summary, model }: Reasoning): string {
  return encodeThinkingState(TYPE, encrypted === '' ? { model } : { id, encrypted, summary, model });
}

/** Null when it is foreign or broken. */
export function decodeReasoning(signature: unknown): Reasoning | null {
  const state = decodeThinkingState(TYPE, signature);
  if (state === undefined) return null;
  const { id, encrypted, summary, model } = fieldsOf(state);
  return { id: textOf(id), encrypted: textOf(encrypted), summary: listOf(summary).map(textOf), model: textOf(model) };
}
