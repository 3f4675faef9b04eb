// [pipelines] → what is done around a conversion. Everything that can be wrong with a step is found here, at the start.
import type { StepSetting } from '#shared/config/schema.ts';
import { ConfigError, createProblems } from '#shared/errors.ts';
import type { Fields } from '#shared/providers/fields.ts';
import type { Pipeline } from '#shared/providers/pipeline.ts';
import { STEP_KINDS } from './catalogue.ts';
import { type PlacedStep, runSteps } from './run-steps.ts';
import type { Param, Place, StepKind } from './step.ts';

export interface PipelineSettings {
  readonly pipelines: Readonly<Record<string, { request: readonly StepSetting[]; response: readonly StepSetting[] }>>;
  /** How messages call the place of a setting. */
  placeOf(path: string): string;
}

/** By name. @throws ConfigError with all that is wrong: file, step, value, and what to write instead */
export function createPipelines({ pipelines, placeOf }: PipelineSettings): ReadonlyMap<string, Pipeline> {
  const problems = createProblems();
  const read = (name: string, list: List, steps: readonly StepSetting[]): PlacedStep[] => {
    const path = `pipelines.${name}.${list}`;
    return steps.flatMap((step, index) => {
      const where = { place: placeOf(path), path: `${path}[${index}]` };
      return problems.attempt(() => readStep(step, list, where)) ?? [];
    });
  };
  const made = Object.entries(pipelines).map(([name, { request, response }]) => {
    const steps = [...read(name, 'request', request), ...read(name, 'response', response)];
    return [name, runSteps(name, steps)] as const;
  });
  problems.raiseAny();
  return new Map(made);
}

type List = 'request' | 'response';

interface Where {
  place: string;
  path: string;
}

function readStep(setting: StepSetting, list: List, where: Where): PlacedStep {
  const { use, at, ...params } = typeof setting === 'string' ? { use: setting, at: undefined } : (setting as Fields);
  const kind = STEP_KINDS.find(({ name }) => name === use);
  if (!kind) {
    const known = STEP_KINDS.map(({ name }) => name).join(', ');
    throw new ConfigError(`${where.place}: ${where.path} = "${String(use)}" is no step; there are ${known}`);
  }
  const place = placeOfStep(kind, list, at, where);
  checkParams(kind, params, where);
  return { name: kind.name, place, work: kind.create(params) };
}

function placeOfStep({ name, places }: StepKind, list: List, at: unknown, where: Where): Place {
  const complain = (what: string): never => {
    throw new ConfigError(`${where.place}: ${where.path}: ${name} ${what}`);
  };
  if (at !== undefined && at !== 'upstream')
    complain(`has at = ${JSON.stringify(at)}: write at = "upstream", or leave it out`);
  const upstream: Place = `${list} upstream`;
  const wanted: Place = at === 'upstream' ? upstream : list;
  if (places.includes(wanted)) return wanted;
  if (!places.some((place) => place.startsWith(list))) {
    return complain(`is a step of ${list === 'request' ? 'response' : 'request'}: move it there`);
  }
  if (at === 'upstream') return complain('has no at = "upstream": leave it out');
  // Headers are the upstream's alone: there is nothing else that could be meant.
  if (list === 'request') return upstream;
  return complain('changes an answer only as the upstream sent it: add at = "upstream"');
}

function checkParams({ name, params: known, complaint }: StepKind, given: Fields, where: Where): void {
  for (const key of Object.keys(given)) {
    if (known.some((param) => param.name === key)) continue;
    const hint = known.length === 0 ? 'it takes none' : `it takes ${known.map((param) => param.name).join(', ')}`;
    throw new ConfigError(`${where.place}: ${where.path}: ${name} has no parameter ${key}; ${hint}`);
  }
  const wrong = known.map((param) => complaintOf(param, given)).find((what) => what !== undefined);
  const what = wrong ?? complaint?.(given);
  if (what !== undefined) throw new ConfigError(`${where.place}: ${where.path}: ${name} ${what}`);
}

function complaintOf({ name, isRequired, isSecret, check }: Param, given: Fields): string | undefined {
  const complaint = check(given[name]);
  if (!Object.hasOwn(given, name)) return isRequired ? `needs ${name}, which ${complaint}` : undefined;
  const shown = isSecret ? '(hidden)' : JSON.stringify(given[name]);
  return complaint === undefined ? undefined : `has ${name} = ${shown}, which ${complaint}`;
}
