// The thread's side of exporting: spans are made, written as protobuf and sent here. The SDK is loaded here and, without
// automatic instrumentations, nowhere else.
import type { MessagePort } from 'node:worker_threads';
import { answerQuestions } from '#shared/threads/answer-questions.ts';
import { isExportable } from './is-exportable.ts';
import { type SpanExporterOptions, startSpanExporter } from './span-exporter.ts';
import type { Unsent } from './span-queue.ts';
import type { MakeSpans, SpanRecord } from './tracing.ts';

const ALL_SENT: Unsent = { failed: 0, dropped_bytes: 0 };

export type SpanThreadOptions = Omit<SpanExporterOptions, 'instrumentations' | 'onForeignSpan'>;

export type SpanQuestion =
  | { do: 'start' }
  | { do: 'export'; batch: Array<SpanRecord | MadeLater> }
  | { do: 'shutdown' };

/** A `SpanWork` as it crosses. */
export interface MadeLater {
  maker: string;
  input: unknown;
  spans: number;
}

/** `makers` by the names that `SpanWork` gives them. Answers with what was not sent. */
export function serveSpans(
  port: MessagePort,
  options: SpanThreadOptions,
  makers: Readonly<Record<string, MakeSpans>>,
): void {
  const starting = startSpanExporter({ ...options, instrumentations: [], onForeignSpan: () => {} });
  starting.catch(() => {}); // told to whoever asks
  const toRecords = async (entry: SpanRecord | MadeLater): Promise<{ records: SpanRecord[]; unmade: number }> => {
    if (!('maker' in entry)) return { records: [entry], unmade: 0 };
    try {
      const made = (await makers[entry.maker]?.(entry.input)) ?? [];
      const records = made.filter(isExportable);
      return { records, unmade: entry.spans - records.length };
    } catch {
      return { records: [], unmade: entry.spans }; // counted as failed
    }
  };
  answerQuestions<SpanQuestion, Unsent>(port, async (question) => {
    const exporter = await starting;
    if (question.do === 'shutdown') await exporter.shutdown();
    if (question.do !== 'export') return { answer: ALL_SENT };
    const made = await Promise.all(question.batch.map(toRecords));
    const spans = made.flatMap(({ records }) => records);
    const unsent = spans.length > 0 ? await exporter.export(spans) : ALL_SENT;
    return { answer: { ...unsent, failed: made.reduce((sum, { unmade }) => sum + unmade, unsent.failed) } };
  });
}
