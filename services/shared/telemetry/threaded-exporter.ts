// The exporter as its queue sees it: spans as bytes and work go to the thread, spans of automatic instrumentations, which
// only exist here, to an SDK here. A lost thread costs what it was sending; the next batch starts another.
import type { ReadableSpan } from '@opentelemetry/sdk-trace';
import { createAskThread } from '#shared/threads/ask-thread.ts';
import type { ForeignExporter } from './foreign-exporter.ts';
import type { SpanQuestion, SpanThreadOptions } from './serve-spans.ts';
import type { WaitingSpans } from './span-pages.ts';
import type { Unsent } from './span-queue.ts';
import type { SpanWork } from './tracing.ts';

export interface ForeignSpan {
  foreign: ReadableSpan;
}

export type Exportable = WaitingSpans | SpanWork | ForeignSpan;

export interface ThreadedExporter {
  /** Resolves with what was not sent. @throws with the reason when that is all */
  export(batch: readonly Exportable[]): Promise<Unsent>;
  /** Ends in order if there is time, and then in any case. */
  shutdown(timeoutMs: number): Promise<void>;
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
  local: (() => Promise<ForeignExporter>) | null,
): Promise<ThreadedExporter> {
  const thread = createAskThread<SpanQuestion, Unsent>({
    url,
    workerData: options,
    timeoutMs: options.exportTimeoutMs + MAKING_MS,
  });
  const [here] = await Promise.all([local?.() ?? null, thread.ask({ do: 'start' })]).catch(async (error: unknown) => {
    await thread.close();
    throw error;
  });
  return {
    export: async (batch) => {
      const { foreign, later, made } = sortOut(batch);
      const question = {
        do: 'export' as const,
        // As objects of no class, which would not cross.
        made: made.map(({ bytes, spans }) => ({ bytes, spans })),
        later: later.map(({ maker, input, spans }) => ({ maker, input, spans })),
      };
      const given = [...made, ...later].flatMap(({ transferred }) => transferred);
      const asked = made.length + later.length === 0 ? undefined : thread.ask(question, given);
      const ends = await Promise.all([
        asked?.finally(() => {
          for (const lent of [...made, ...later]) lent.release?.();
        }),
        foreign.length === 0 ? undefined : here?.export(foreign),
      ]);
      return {
        failed: ends.reduce((sum, end) => sum + (end?.failed ?? 0), 0),
        dropped_bytes: ends.reduce((sum, end) => sum + (end?.dropped_bytes ?? 0), 0),
      };
    },
    shutdown: async (timeoutMs) => {
      try {
        await within(timeoutMs, Promise.all([thread.ask({ do: 'shutdown' }), here?.shutdown()]));
      } finally {
        // What a silent receiver still owes would keep the process.
        await thread.close();
      }
    },
  };
}

async function within(timeoutMs: number, work: Promise<unknown>): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const limit = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, Math.max(0, timeoutMs));
  });
  try {
    await Promise.race([work, limit]);
  } finally {
    clearTimeout(timer);
  }
}

interface Sorted {
  foreign: ReadableSpan[];
  later: SpanWork[];
  made: WaitingSpans[];
}

function sortOut(batch: readonly Exportable[]): Sorted {
  const sorted: Sorted = { foreign: [], later: [], made: [] };
  for (const entry of batch) {
    if ('foreign' in entry) sorted.foreign.push(entry.foreign);
    else if ('maker' in entry) sorted.later.push(entry);
    else sorted.made.push(entry);
  }
  return sorted;
}
