// How servers that speak the Messages API deviate from it: one record a server, no code. What all of them share is in
// request.ts and stream.ts; docs/decisions says why a native upstream is none of these.
import type { KeyHeader } from '../target.ts';

export interface Profile {
  /** System messages between the turns: sent where they stand, or put into the user's turn beside them. */
  systemTurns: 'kept' | 'folded';
  /** `adaptive` thinking becomes a budget, or is left to the server; it can always be switched off. */
  thinking: 'budget' | 'left';
  /** Signatures come from Anthropic behind the server and must come back as they are, or mean nothing to it. */
  signatures: 'checked' | 'ignored';
  /** Documents that are no text, and tools that the server itself runs. */
  takesDocuments: boolean;
  takesHostedTools: boolean;
  /** Does `input_tokens` count what was read from the cache? */
  countsCachedInput: boolean;
  keyHeader: KeyHeader;
  /** What stands beside the stop reason and is passed on. */
  stopFields: readonly string[];
}

/** A server of which only the protocol is known. */
const CAREFUL: Profile = {
  systemTurns: 'folded',
  thinking: 'left',
  signatures: 'ignored',
  takesDocuments: false,
  takesHostedTools: false,
  countsCachedInput: false,
  keyHeader: 'x-api-key',
  stopFields: ['stop_details'],
};

export const PROFILES: Readonly<Record<string, Profile>> = {
  generic: CAREFUL,
  vllm: { ...CAREFUL, keyHeader: 'authorization' },
  sglang: { ...CAREFUL, thinking: 'budget', countsCachedInput: true, keyHeader: 'authorization' },
  llamacpp: { ...CAREFUL, thinking: 'budget' },
  ollama: { ...CAREFUL, keyHeader: 'authorization' },
  lmstudio: CAREFUL,
  litellm: {
    ...CAREFUL,
    systemTurns: 'kept',
    thinking: 'budget',
    signatures: 'checked',
    takesDocuments: true,
    takesHostedTools: true,
  },
  openrouter: {
    ...CAREFUL,
    thinking: 'budget',
    signatures: 'checked',
    takesDocuments: true,
    takesHostedTools: true,
    keyHeader: 'authorization',
  },
  deepseek: { ...CAREFUL, thinking: 'budget' },
  moonshot: { ...CAREFUL, thinking: 'budget', keyHeader: 'authorization' },
  zai: { ...CAREFUL, thinking: 'budget' },
  minimax: { ...CAREFUL, thinking: 'budget', keyHeader: 'authorization' },
};
