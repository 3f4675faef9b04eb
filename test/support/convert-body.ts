// What a provider makes of a request of which only the interesting fields are given.
import type { ConversionInput, Provider } from '#shared/providers/provider.ts';
import type { Target } from '#shared/providers/target.ts';
import { type ConvertedBody, convertWith } from './target.ts';

export function convertBody(
  provider: Provider,
  fields: Record<string, unknown>,
  options: Partial<Omit<ConversionInput, 'target'>> & { target?: Partial<Target> } = {},
): ConvertedBody {
  const { target, model = 'upstream-model', ...input } = options;
  const request = { model: 'claude-x', max_tokens: 1000, messages: [{ role: 'user', content: 'Hi' }], ...fields };
  const place = { baseUrl: 'http://127.0.0.1:9/v1', ...target };
  return convertWith(provider, request, { model, target: place, input });
}
