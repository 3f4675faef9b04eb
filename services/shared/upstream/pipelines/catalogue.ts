// Every step there is: an explicit list.
import type { StepKind } from './step.ts';
import { bodyAppend, bodyDelete, bodyMerge, bodySet } from './steps/body-steps.ts';
import { cacheBreakpoints } from './steps/cache-breakpoints.ts';
import { effort } from './steps/effort-step.ts';
import { headerDelete, headerSet } from './steps/header-steps.ts';
import { dropBillingBlock, foldSystemStep, shortenToolDescriptions, stripGitStatus } from './steps/prompt-steps.ts';
import { repairToolJson } from './steps/repair-tool-json.ts';
import { thinkTags } from './steps/think-tags.ts';

export const STEP_KINDS: readonly StepKind[] = [
  ...[headerSet, headerDelete, bodySet, bodyDelete, bodyAppend, bodyMerge, cacheBreakpoints, dropBillingBlock],
  ...[foldSystemStep, stripGitStatus, shortenToolDescriptions, effort, thinkTags, repairToolJson],
];

export interface DescribedStep {
  name: string;
  about: string;
  /** Lists of a pipeline it may stand in. */
  lists: string[];
  /** Values of `at` it takes there; none = `at` is not given. */
  at: string[];
  params: Array<{ name: string; about: string; required: boolean }>;
}

/** For those who write pipelines. */
export function describeSteps(): DescribedStep[] {
  return STEP_KINDS.map(({ name, about, places, params }) => ({
    name,
    about,
    lists: [...new Set(places.map((place) => place.replace(' upstream', '')))],
    at: places.some((place) => place.endsWith(' upstream')) ? ['upstream'] : [],
    params: params.map((param) => ({ name: param.name, about: param.about, required: param.isRequired })),
  }));
}
