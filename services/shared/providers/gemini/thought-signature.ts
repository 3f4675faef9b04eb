// Thought signatures between two turns: each travels with the client inside our own signature, named after the call it
// belongs to; and the ids of calls, which Gemini gives or does not.
import { createHash } from 'node:crypto';
import { fieldsOf, textOf } from '../fields.ts';
import { decodeThinkingState, encodeThinkingState } from '../thinking-state.ts';

export const TYPE = 'gemini';

/** Tells the upstream to accept a call that it cannot have signed: https://ai.google.dev/gemini-api/docs/thought-signatures */
export const UNSIGNED = 'skip_thought_signature_validator';

export interface SignedCall {
  /** As the client knows it. */
  call: string;
  signature: string;
}

/** Without a call it only says whose thinking it is. */
export function encodeSignature(model: string, signed: SignedCall | null): string {
  return encodeThinkingState(TYPE, { model, ...signed });
}

/** Null when it is foreign or another model's. `call` is '' when there is no state. */
export function decodeSignature(signature: unknown, model: string): SignedCall | null {
  const state = decodeThinkingState(TYPE, signature);
  const fields = fieldsOf(state);
  if (state === undefined || fields.model !== model) return null;
  return { call: textOf(fields.call), signature: textOf(fields.signature) };
}

const GIVEN = 'gem_';
const ENCODED = 'gemx_';

/** The id a client gets: the upstream's own, marked as such, or one made from the request. */
export function toClientId(id: string, seed: string, index: number): string {
  if (id === '') return `toolu_${createHash('sha256').update(`${seed}:${index}`).digest('hex').slice(0, 24)}`;
  return /^[\w-]+$/.test(id) ? GIVEN + id : ENCODED + Buffer.from(id.toWellFormed()).toString('base64url');
}

/** The upstream's own id; undefined when it gave none. */
export function toUpstreamId(id: string): string | undefined {
  if (id.startsWith(ENCODED)) return Buffer.from(id.slice(ENCODED.length), 'base64url').toString('utf8');
  return id.startsWith(GIVEN) ? id.slice(GIVEN.length) : undefined;
}
