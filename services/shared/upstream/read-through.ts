// A provider whose answers are read through the steps of a pipeline: before its reader what the upstream sent, behind it
// what is said to the client's writer.
import type { Pipeline } from '#shared/providers/pipeline.ts';
import type { Provider, StreamReader } from '#shared/providers/provider.ts';
import type { SseEvent } from '#shared/sse/read-sse.ts';

/** The provider itself where there are no such steps. */
export function readThrough(provider: Provider, pipeline: Pipeline | null): Provider {
  if (pipeline === null || !pipeline.readsAnswers) return provider;
  return {
    ...provider,
    createReader: (writer, memory) => {
      const reader = provider.createReader(pipeline.wrapWriter(writer, memory.thinking ?? 'shown'), memory);
      return new ChangedReader(reader, pipeline);
    },
  };
}

class ChangedReader implements StreamReader {
  readonly #reader: StreamReader;
  readonly #pipeline: Pipeline;

  constructor(reader: StreamReader, pipeline: Pipeline) {
    this.#reader = reader;
    this.#pipeline = pipeline;
  }

  get model(): string {
    return this.#reader.model ?? '';
  }

  onEvent(event: SseEvent): void {
    this.#reader.onEvent({ ...event, data: this.#pipeline.changeEvent(event.data) });
  }

  onEnd(): void {
    this.#reader.onEnd();
  }
}
