// [models] entries whose names are patterns, and the names of pipelines that models and providers give. Pure.
import { ConfigError } from '#shared/errors.ts';
import type { Values } from './schema.ts';
import type { pipeline } from './sections/pipelines.ts';
import type { model, provider } from './sections/upstreams.ts';
import { own, type Tree } from './tree.ts';

/** What holds for every model whose name it matches, where the model says nothing itself. */
export interface ModelPattern {
  /** `*` stands for any characters. */
  readonly pattern: string;
  readonly pipeline: string | null;
  readonly max_output: number | null;
}

type Models = Readonly<Record<string, Values<typeof model>>>;

/** A pattern is no model: it has no provider, and nobody can ask for it. @throws ConfigError */
export function splitPatterns(
  models: Models,
  merged: Tree,
  placeOf: (path: string) => string,
): { models: Models; model_patterns: ModelPattern[] } {
  const entries = Object.entries(models);
  const isPattern = (name: string): boolean => name.includes('*');
  const written = (own(merged, 'models') ?? {}) as Record<string, Tree>;
  const patterns = entries.filter(([name]) => isPattern(name));
  for (const [name] of patterns) {
    const odd = Object.keys(written[name] ?? {}).find((key) => key !== 'pipeline' && key !== 'max_output');
    if (odd === undefined) continue;
    throw new ConfigError(
      `${placeOf(`models.${name}`)}: models."${name}".${odd}: a pattern gives pipeline and max_output alone; write an entry with the whole name of a model for the rest`,
    );
  }
  return {
    models: Object.fromEntries(entries.filter(([name]) => !isPattern(name))),
    model_patterns: patterns.map(([pattern, { pipeline, max_output }]) => ({ pattern, pipeline, max_output })),
  };
}

export interface PipelineSettings {
  readonly pipelines: Readonly<Record<string, Values<typeof pipeline>>>;
  readonly providers: Readonly<Record<string, Values<typeof provider>>>;
  readonly models: Models;
  readonly model_patterns: readonly ModelPattern[];
}

/** @throws ConfigError for a name that is no entry of [pipelines] */
export function checkPipelines(settings: PipelineSettings, placeOf: (path: string) => string): void {
  const known = Object.keys(settings.pipelines);
  const odd = known.find((name) => !/^[\w.-]{1,64}$/.test(name));
  if (odd !== undefined) {
    const place = placeOf(`pipelines.${odd}`);
    throw new ConfigError(`${place}: pipelines."${odd}": a name must be 1 to 64 letters, digits, ".", "_" or "-"`);
  }
  const problems: string[] = [];
  const check = (path: string, named: string | null): void => {
    if (named === null || known.includes(named)) return;
    const hint = known.length === 0 ? 'there is none' : `there are ${known.join(', ')}`;
    problems.push(`${placeOf(path)}: ${path} = "${named}" is no entry of [pipelines]; ${hint}`);
  };
  for (const [name, { pipeline }] of Object.entries(settings.providers)) check(`providers.${name}.pipeline`, pipeline);
  for (const [name, { pipeline }] of Object.entries(settings.models)) check(`models.${name}.pipeline`, pipeline);
  for (const { pattern, pipeline } of settings.model_patterns) check(`models.${pattern}.pipeline`, pipeline);
  if (problems.length > 0) throw new ConfigError(problems);
}
