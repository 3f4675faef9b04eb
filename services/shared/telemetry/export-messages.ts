// Hands messages to the library's exporter and says what became of them.
import { context } from '@opentelemetry/api';
import { type ExportResult, ExportResultCode, suppressTracing } from '@opentelemetry/core';
import type { OTLPExporterBase } from '@opentelemetry/otlp-exporter-base';
import { errorMessage } from '#shared/errors.ts';

/** How much later than the exporter's own deadline an export without an answer is given up. */
const GRACE_MS = 500;

/**
 * Resolves with the messages that were lost on the way.
 * @throws the first reason when none arrived
 */
export async function exportMessages<Message>(
  exporter: OTLPExporterBase<Message>,
  messages: readonly Message[],
  exportTimeoutMs: number,
): Promise<Message[]> {
  const timeoutMs = exportTimeoutMs + GRACE_MS;
  const ends = await Promise.allSettled(messages.map((message) => exportOnce(exporter, message, timeoutMs)));
  const reasons = ends.flatMap((end) => (end.status === 'rejected' ? [end.reason] : []));
  if (reasons.length > 0 && reasons.length === messages.length) throw reasons[0];
  return messages.filter((_, index) => ends[index]?.status === 'rejected');
}

function exportOnce<Message>(exporter: OTLPExporterBase<Message>, message: Message, timeoutMs: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`no answer within ${timeoutMs} ms`)), timeoutMs);
    timer.unref();
    const onResult = (result: ExportResult): void => {
      clearTimeout(timer);
      if (result.code === ExportResultCode.SUCCESS) resolve();
      else
        reject(new Error(`export failed: ${errorMessage(result.error ?? 'no reason given')}`, { cause: result.error }));
    };
    // An instrumentation of http must not see the export, or each one would make the next.
    context.with(suppressTracing(context.active()), () => exporter.export(message, onResult));
  });
}
