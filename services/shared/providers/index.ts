// Every protocol we speak: an explicit list. `anthropic` without a profile is not converted at all: its bytes pass.

import { faithful } from './anthropic/faithful.ts';
import { PROFILE_PROVIDERS } from './anthropic.ts';
import { azure } from './azure.ts';
import { gemini } from './gemini.ts';
import { ollama } from './ollama.ts';
import { openai, openaiChat } from './openai-chat.ts';
import { openaiResponses } from './openai-responses.ts';
import { openrouter } from './openrouter.ts';
import type { Provider } from './provider.ts';
import type { KeyHeader, Target } from './target.ts';

/** Whose bytes pass, unless a profile repairs them. */
export const NATIVE = 'anthropic';

/** What a provider speaks whose settings do not say. */
export const DEFAULT_PROVIDER_TYPE = openaiChat.type;

export const PROVIDERS: readonly Provider[] = [openaiChat, openai, azure, openrouter, openaiResponses, ollama, gemini];

export function providerTypes(): string[] {
  return [...new Set([NATIVE, ...PROVIDERS.map((provider) => provider.type)])];
}

export function isProviderType(type: string): boolean {
  return providerTypes().includes(type);
}

/** The header in which a protocol takes its key. */
export function keyHeaderOf(type: string, profile: string | null = null): KeyHeader {
  const provider = converterOf(type, profile);
  if (provider?.keyHeader) return provider.keyHeader;
  if (type === NATIVE) return 'x-api-key';
  return 'authorization';
}

/** Names of the ways in which servers of a protocol deviate from it; none = they all speak it alike. */
export function profilesOf(type: string): readonly string[] {
  if (type === NATIVE) return [...PROFILE_PROVIDERS.keys()];
  return PROVIDERS.find((provider) => provider.type === type)?.profiles ?? [];
}

/** Who converts for a target; null when its bytes pass as they are. */
export function findProvider(target: Target): Provider | null {
  return converterOf(target.type, target.profile) ?? (target.pipeline === null ? null : faithful);
}

function converterOf(type: string, profile: string | null): Provider | null {
  if (type === NATIVE) return (profile === null ? null : PROFILE_PROVIDERS.get(profile)) ?? null;
  return PROVIDERS.find((provider) => provider.type === type) ?? null;
}
