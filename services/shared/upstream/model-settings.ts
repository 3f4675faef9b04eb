// What a model has of settings that stand elsewhere too: with patterns of names, and with its provider.
import type { Config, ModelConfig, ProviderConfig } from '#shared/config/load.ts';
import { ConfigError } from '#shared/errors.ts';
import { createGlob } from '#shared/models/match-glob.ts';
import type { Pipeline } from '#shared/providers/pipeline.ts';
import type { Credential } from '#shared/providers/target.ts';
import { headerComplaint } from './constant-headers.ts';
import { ownHeader } from './credentials.ts';

export type PatternedSettings = Pick<ModelConfig, 'pipeline' | 'max_output'>;

/** The model's own, else those of the first pattern that matches one of its names and says something of it. */
export function withPatterns(
  names: ReadonlyArray<string | null>,
  set: PatternedSettings,
  patterns: Config['model_patterns'],
): PatternedSettings {
  const matching = patterns.filter(({ pattern }) => {
    const matches = createGlob(pattern);
    return names.some((name) => name !== null && matches(name));
  });
  return {
    pipeline: set.pipeline ?? matching.find(({ pipeline }) => pipeline !== null)?.pipeline ?? null,
    max_output: set.max_output ?? matching.find(({ max_output }) => max_output !== null)?.max_output ?? null,
  };
}

export interface PipelineOwner {
  /** As in `providers.<name>`; `target` for that of the flags. */
  path: string;
  credential: Credential;
  placeOf: Config['placeOf'];
}

/** null = it has none. @throws ConfigError when a step of it sets the header that carries this key */
export function choosePipeline(
  name: string | null,
  pipelines: ReadonlyMap<string, Pipeline>,
  { path, credential, placeOf }: PipelineOwner,
): Pipeline | null {
  const pipeline = name === null ? undefined : pipelines.get(name);
  const own = ownHeader(credential);
  if (pipeline?.setHeaders.some((header, index) => index % 2 === 0 && header.toLowerCase() === own)) {
    throw new ConfigError(
      `${placeOf(`pipelines.${name}`)}: pipelines.${name}: header-set sets "${own}", which carries the key of ${path}: leave it out`,
    );
  }
  return pipeline ?? null;
}

/** Flat. @throws ConfigError for a header that is not the provider's to have */
export function constantHeaders(
  provider: string,
  { headers }: Pick<ProviderConfig, 'headers'>,
  credential: Credential,
  placeOf: Config['placeOf'],
): string[] {
  const path = `providers.${provider}.headers`;
  const seen = new Set<string>();
  for (const name of Object.keys(headers)) {
    const lower = name.toLowerCase();
    const complaint = lower === ownHeader(credential) ? 'is the one that carries the key' : headerComplaint(name);
    const what = seen.has(lower) ? 'is there twice, in other letters' : complaint;
    if (what !== undefined) throw new ConfigError(`${placeOf(path)}: ${path}: "${name}" ${what}`);
    seen.add(lower);
  }
  return Object.entries(headers).flat();
}
