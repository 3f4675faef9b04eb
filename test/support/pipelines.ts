// One pipeline as settings would make it.
import type { StepSetting } from '#shared/config/schema.ts';
import type { Pipeline } from '#shared/providers/pipeline.ts';
import { createPipelines } from '#shared/upstream/pipelines/create-pipelines.ts';

export function pipelineOf(request: StepSetting[], response: StepSetting[] = []): Pipeline {
  const made = createPipelines({ pipelines: { tidy: { request, response } }, placeOf: () => 'cc-proxy.toml' });
  const pipeline = made.get('tidy');
  if (!pipeline) throw new Error('it was not made');
  return pipeline;
}
