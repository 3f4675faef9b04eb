// [pipelines.<name>]: steps that change what is asked and what is answered, for the providers and models that name it.
import { steps } from '../schema.ts';

export const pipeline = {
  request: steps('Steps on a request, in this order (docs/pipelines.md).'),
  response: steps('Steps on its answer, in this order.'),
};
