// Every protocol we speak: an explicit list. `anthropic` without a profile is not converted at all: its bytes pass.
import { openaiResponses } from './openai-responses/openai-responses.ts';
import type { Provider } from './provider.ts';
import type { KeyHeader, Target } from './target.ts';

/** Whose bytes pass, unless a profile repairs them. */
export const NATIVE = 'anthropic';

/** What a provider speaks whose settings do not say. */
export const DEFAULT_PROVIDER_TYPE = NATIVE;

export const PROVIDERS: readonly Provider[] = [openaiResponses];

export function providerTypes(): string[] {
  return [...new Set([NATIVE, ...PROVIDERS.map((provider) => provider.type)])];
}

export function isProviderType(type: string): boolean {
  return providerTypes().includes(type);
}

/** The header in which a protocol takes its key. */
export function keyHeaderOf(type: string): KeyHeader {
  const provider = PROVIDERS.find((one) => one.type === type);
  return provider?.keyHeader ?? (type === NATIVE ? 'x-api-key' : 'authorization');
}

/** Who converts for a target; null when its bytes pass as they are. */
export function findProvider(target: Target): Provider | null {
  if (target.type === NATIVE && target.profile === null) return null;
  return PROVIDERS.find((provider) => provider.type === target.type) ?? null;
}
