// The servers that clients are tried with: how each is configured, at a base URL shaped like its vendor's, and in what
// its answers leave the plain shape of its protocol.
import type { Quirks } from '#services/simulator/quirks.ts';
import { createRandom } from '#services/simulator/random.ts';
import type { Ask } from '#services/simulator/read-ask.ts';
import { SCENARIOS } from '#services/simulator/scenarios/index.ts';
import type { Scene } from '#services/simulator/script.ts';
import { profilesOf, providerTypes } from '#shared/providers/index.ts';

export interface Upstream {
  /** `type` or `type:profile`, as `--provider` takes it. */
  name: string;
  /** Section [target] of the gateway, without the prefix. */
  settings(simulatorUrl: string): Record<string, unknown>;
  /** How it tells any scene. */
  manner(ask: Ask): Pick<Scene, 'quirks' | 'pings'>;
}

interface Shape {
  /** What follows the host in the vendor's base URL. */
  path: string;
  model: string;
  settings?: Record<string, unknown>;
  quirks?: Quirks;
}

const SHAPES: Readonly<Record<string, Shape>> = {
  anthropic: { path: '', model: 'claude-opus-5-5', settings: { anthropic_features: true } },
  'openai-chat': { path: '/v1', model: 'zai-org/GLM-5-FP8', quirks: { chat: { reasoning: 'reasoning_content' } } },
  openai: { path: '/v1', model: 'gpt-5.2', quirks: { chat: { reasoning: 'none' } } },
  azure: {
    path: '',
    model: 'gpt-5.2',
    settings: { deployment: 'coder', api_version: '2024-10-21' },
    quirks: { chat: { reasoning: 'none', firstChunk: 'azure' } },
  },
  openrouter: {
    path: '/api/v1',
    model: 'z-ai/glm-5',
    quirks: {
      chat: {
        reasoning: 'reasoning_details',
        comments: 'openrouter',
        streamError: 'openrouter',
        errorBody: 'openrouter',
      },
    },
  },
  'openai-responses': { path: '/v1', model: 'gpt-5.2' },
  gemini: { path: '/v1beta', model: 'gemini-3-pro-preview' },
  ollama: { path: '', model: 'qwen3-coder:30b' },
};

/** Of a server with a profile; the others have the model of the plain ones. */
const MODELS: Readonly<Record<string, string>> = {
  'anthropic:vllm': 'Qwen/Qwen3-Coder-30B-A3B-Instruct',
  'anthropic:sglang': 'zai-org/GLM-5-FP8',
  'anthropic:llamacpp': 'gpt-oss-120b',
  'anthropic:ollama': 'qwen3-coder:30b',
  'anthropic:lmstudio': 'qwen/qwen3-coder-30b',
};

/** Tried unless others are asked for. */
export function usualUpstreams(): string[] {
  const profiles = ['vllm', 'sglang', 'llamacpp', 'ollama', 'lmstudio', 'litellm'];
  const known = profilesOf('anthropic');
  return [
    ...providerTypes().filter((type) => type in SHAPES),
    ...profiles.filter((profile) => known.includes(profile)).map((profile) => `anthropic:${profile}`),
  ];
}

/** @throws when there is no such type or profile */
export function findUpstream(name: string): Upstream {
  const [type = '', profile] = name.split(':', 2);
  const shape = SHAPES[type];
  if (!shape || !providerTypes().includes(type)) {
    throw new Error(`no provider type ${JSON.stringify(type)}; there are ${providerTypes().join(', ')}`);
  }
  if (profile !== undefined && !profilesOf(type).includes(profile)) {
    throw new Error(
      `${type} has no profile ${JSON.stringify(profile)}; it has ${profilesOf(type).join(', ') || 'none'}`,
    );
  }
  return {
    name,
    settings: (simulatorUrl) => ({
      type,
      url: `${simulatorUrl}${shape.path}`,
      model: MODELS[name] ?? shape.model,
      api_key: 'key-of-the-gateway',
      ...(profile === undefined ? shape.settings : { profile }),
    }),
    manner: (ask) => (profile === undefined ? { quirks: shape.quirks ?? {} } : mannerOf(profile, ask)),
  };
}

/** The simulator knows how some servers deviate from Anthropic's protocol; of the others it knows that they send no pings. */
function mannerOf(profile: string, ask: Ask): Pick<Scene, 'quirks' | 'pings'> {
  const scene = SCENARIOS.get(`dialect-${profile}`)?.(ask, { random: createRandom(profile), seed: 1 });
  if (scene === undefined) return { pings: 'none' };
  return { quirks: scene.quirks ?? {}, ...(scene.pings === undefined ? {} : { pings: scene.pings }) };
}
