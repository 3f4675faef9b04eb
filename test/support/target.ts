// A target as configuration would make it, for tests of what is made of it.
import type { ConversionInput, ConvertedRequest, Provider } from '#shared/providers/provider.ts';
import type { Target } from '#shared/providers/target.ts';
import type { MessagesRequest } from '#shared/wire/anthropic.ts';

export function testTarget(fields: Partial<Target> = {}): Target {
  return {
    name: 'target',
    provider: 'target',
    type: 'openai-chat',
    profile: null,
    vendor: null,
    apiVersion: null,
    deployment: null,
    vision: 'marker',
    baseUrl: 'http://127.0.0.1:8000',
    model: null,
    credential: { kind: 'none' },
    headers: [],
    pipeline: null,
    timeouts: { connectMs: 1000, firstByteMs: 1000, idleMs: 1000, deadlineMs: null },
    maxConcurrent: 1,
    seesImages: null,
    defaults: { temperature: null, top_p: null, max_tokens: null },
    anthropicFeatures: false,
    propagatesTrace: false,
    aliases: [],
    displayName: 'target',
    contextWindow: null,
    maxOutput: null,
    ...fields,
  };
}

export interface ConvertOptions {
  model?: string;
  target?: Partial<Target>;
  input?: Partial<ConversionInput>;
}

export interface ConvertedBody extends ConvertedRequest {
  /** The body's JSON. */
  json: Record<string, unknown>;
}

export function convertWith(provider: Provider, request: unknown, options: ConvertOptions = {}): ConvertedBody {
  const converted = provider.toUpstreamRequest(request as MessagesRequest, {
    target: testTarget({ type: provider.type, ...options.target }),
    model: options.model ?? 'some-model',
    modelAsked: 'claude-x',
    sessionKey: null,
    inputTokens: 42,
    ...options.input,
  });
  return { ...converted, json: JSON.parse(converted.body.toString('utf8')) as Record<string, unknown> };
}
