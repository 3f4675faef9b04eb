// The exporter as its queue sees it: records and work go to the thread, spans of automatic instrumentations, which only
// exist here, to an SDK here. A lost thread costs what it was sending; the next batch starts another.
import type { ReadableSpan } from '@opentelemetry/sdk-trace';
import { createAskThread } from '#shared/threads/ask-thread.ts';
import type { MadeLater, SpanQuestion, SpanThreadOptions } from './serve-spans.ts';
import type { SpanExporter } from './span-exporter.ts';
import type { SpanRecord, SpanWork } from './tracing.ts';

export interface ForeignSpan {
  foreign: ReadableSpan;
}

export interface ThreadedExporter {
  /** Resolves when all were accepted, with how many could not be made. @throws with the reason */
  export(batch: Array<SpanRecord | SpanWork | ForeignSpan>): Promise<number>;
  shutdown(): Promise<void>;
}

/** Beside the export itself: the thread's start, and the making of a batch. */
const MAKING_MS = 30_000;

/**
 * `url` is the thread's file, see serve-spans.ts. `local` makes an exporter in this thread, for foreign spans.
 * @throws when the SDK makes no spans
 */
export async function startThreadedExporter(
  url: string,
  options: SpanThreadOptions,
  local: (() => Promise<SpanExporter>) | null,
): Promise<ThreadedExporter> {
  const thread = createAskThread<SpanQuestion, number>({
    url,
    workerData: options,
    timeoutMs: options.exportTimeoutMs + MAKING_MS,
  });
  const [here] = await Promise.all([local?.() ?? null, thread.ask({ do: 'start' })]);
  return {
    export: async (batch) => {
      const foreign = batch.flatMap((entry) => ('foreign' in entry ? [entry.foreign] : []));
      const others = batch.flatMap((entry) => ('foreign' in entry ? [] : [entry]));
      const given = others.flatMap((entry) => ('maker' in entry ? entry.transferred : []));
      const question = { do: 'export', batch: others.map(toCross) } as const;
      const [unmade] = await Promise.all([
        others.length === 0 ? 0 : thread.ask(question, given),
        foreign.length === 0 ? undefined : here?.export(foreign),
      ]);
      return unmade;
    },
    shutdown: async () => {
      try {
        await Promise.all([thread.ask({ do: 'shutdown' }), here?.shutdown()]);
      } finally {
        await thread.close();
      }
    },
  };
}

function toCross(entry: SpanRecord | SpanWork): SpanRecord | MadeLater {
  if (!('maker' in entry)) return entry;
  const { maker, input, spans } = entry;
  return { maker, input, spans };
}
