// A provider's request side: a Messages request → the body it would send.
import type { ConversionInput, ConvertedRequest, Provider } from '#shared/providers/provider.ts';
import type { Target } from '#shared/providers/target.ts';
import type { MessagesRequest } from '#shared/wire/anthropic.ts';

export interface ConvertedBody extends ConvertedRequest {
  json: Record<string, unknown>;
}

export function testTarget(target: Partial<Target>): Target {
  return {
    name: 'test',
    provider: 'test',
    type: 'test',
    profile: null,
    vendor: null,
    apiVersion: null,
    deployment: null,
    vision: 'marker',
    baseUrl: 'http://127.0.0.1:9/v1',
    model: null,
    credential: { kind: 'none' },
    timeouts: { connectMs: 1, firstByteMs: 1, idleMs: 1, deadlineMs: null },
    maxConcurrent: 1,
    anthropicFeatures: false,
    aliases: [],
    displayName: 'test',
    contextWindow: null,
    maxOutput: null,
    ...target,
  };
}

/** `request` lacks what every request has. */
export function convertBody(
  provider: Provider,
  request: Record<string, unknown>,
  input: Partial<Omit<ConversionInput, 'target'>> & { target?: Partial<Target> } = {},
): ConvertedBody {
  const { target, ...rest } = input;
  const whole = { model: 'claude-x', max_tokens: 1000, messages: [{ role: 'user', content: 'Hi' }], ...request };
  const converted = provider.toUpstreamRequest(whole as unknown as MessagesRequest, {
    model: 'upstream-model',
    modelAsked: 'claude-x',
    sessionKey: null,
    inputTokens: 10,
    ...rest,
    target: testTarget({ type: provider.type, ...target }),
  });
  return { ...converted, json: JSON.parse(converted.body.toString('utf8')) as Record<string, unknown> };
}
