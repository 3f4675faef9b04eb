// `/api/transforms`: the steps that pipelines may be made of.
import { describeSteps } from '#shared/upstream/pipelines/catalogue.ts';

export async function getTransforms(): Promise<unknown> {
  return { data: describeSteps(), next_cursor: null };
}
