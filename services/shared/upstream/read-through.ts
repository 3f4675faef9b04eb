// A provider whose answers are read through the steps of a pipeline: before its reader what the upstream sent, behind it
// what is said to the client's writer.
import type { Pipeline } from '#shared/providers/pipeline.ts';
import type { Provider } from '#shared/providers/provider.ts';

/** The provider itself where there are no such steps. */
export function readThrough(provider: Provider, pipeline: Pipeline | null): Provider {
  if (pipeline === null || !pipeline.readsAnswers) return provider;
  return {
    ...provider,
    createReader: (writer, memory) => {
      const reader = provider.createReader(pipeline.wrapWriter(writer, memory.thinking ?? 'shown'), memory);
      return {
        onEvent: (event) => reader.onEvent({ ...event, data: pipeline.changeEvent(event.data) }),
        onEnd: () => reader.onEnd(),
      };
    },
  };
}
