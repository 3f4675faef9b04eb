// Token counts of an answer, from the sizes of request and answer, with what the scene says laid over them.
import type { ScenePart } from './scene-parts.ts';
import type { Scene } from './script.ts';
import type { SeenRequest } from './seen.ts';

export interface Counts {
  /** The whole prompt, cached or not. */
  prompt: number;
  cached: number;
  cacheWrite: number;
  /** All that was generated, reasoning included. */
  output: number;
  reasoning: number;
}

const BYTES_PER_TOKEN = 4;
/** Prompts are cached from this size on, in steps of 128. */
const CACHED_FROM = 1_024;
const CACHE_STEP = 128;

export function promptTokens(request: SeenRequest): number {
  return Math.max(1, Math.ceil(request.raw.length / BYTES_PER_TOKEN));
}

export function countTokens(scene: Scene, parts: ScenePart[], request: SeenRequest, isLaterTurn: boolean): Counts {
  const estimate = promptTokens(request);
  const usual = isLaterTurn && estimate >= CACHED_FROM ? Math.floor((estimate * 0.9) / CACHE_STEP) * CACHE_STEP : 0;
  const { usage = {} } = scene;
  const cached = usage.cache_read_input_tokens ?? usual;
  const cacheWrite = usage.cache_creation_input_tokens ?? 0;
  const fresh = usage.input_tokens ?? Math.max(0, estimate - cached);
  const reasoning = tokensOf(parts.map((part) => (part.kind === 'thinking' ? part.text : '')).join(''));
  const output = usage.output_tokens ?? Math.max(1, reasoning + tokensOf(parts.map(spoken).join('')));
  return { prompt: fresh + cached + cacheWrite, cached, cacheWrite, output, reasoning: Math.min(reasoning, output) };
}

function spoken(part: ScenePart): string {
  if (part.kind === 'text') return part.text;
  return part.kind === 'call' ? part.name + part.json : '';
}

function tokensOf(text: string): number {
  return Math.ceil(Buffer.byteLength(text) / BYTES_PER_TOKEN);
}
