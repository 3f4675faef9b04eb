// Makes the effects of a pair once, although an exchange may be delivered more than once: the row's unique id decides
// who counts. Spans leave only after their result is stored, under ids that a repetition shares.
import type { PairRow } from '#shared/store/store.ts';
import type { SpanNote } from '#shared/telemetry/phoenix-notes.ts';
import type { ComparatorContext } from '../context.ts';
import { pairNotes } from './pair-notes.ts';
import { type PairTrace, traceOf } from './pair-row.ts';
import { type PairSpanParts, pairSpans } from './pair-spans.ts';

export interface Recorded {
  row: PairRow;
  /** The rest of what spans are made of. */
  spans: Omit<PairSpanParts, 'row' | 'content'>;
  /** Whether the secondary was called for it. */
  wasCalled: boolean;
}

type Context = Pick<ComparatorContext, 'store' | 'tracing' | 'notes' | 'events' | 'clock'>;

/** @throws when the store cannot be reached: nothing of the pair is settled then. */
export async function record({ row, spans, wasCalled }: Recorded, context: Context): Promise<'new' | 'known'> {
  const isNew = await context.store.insertPair(row);
  if (isNew) context.events.pairStored(row, spans);
  else context.events.pairKnown(row, wasCalled);
  if (isNew) await exportPair(row, spans, context);
  else await exportStored(row.pair_id, spans, context);
  return isNew ? 'new' : 'known';
}

/** The spans' ids are those of the stored row: they tell of that answer, not of the one that came too late. */
async function exportStored(pairId: string, spans: Recorded['spans'], context: Context): Promise<void> {
  const stored = await context.store.pair(pairId);
  if (stored === null || stored.exported_at !== null) return;
  await exportPair(stored, { ...spans, llm: {}, secondary: null }, context);
}

/** Also for a row that was stored by a process that then died. */
export async function exportPair(row: PairRow, spans: Recorded['spans'], context: Context): Promise<void> {
  const { content } = context.tracing;
  context.tracing.emit(pairSpans({ ...spans, row, content }));
  if (context.tracing.enabled) context.notes?.add(spanNotes(row, traceOf(spans.entry)));
  await context.store.markExported(row.pair_id, new Date(context.clock.nowMs()).toISOString());
}

/** All on the span of the answer that is judged; the verdict on the request's own as well, where lists of traces show it. */
function spanNotes(row: PairRow, { parentSpanId, sampled }: PairTrace): SpanNote[] {
  if (!sampled) return [];
  const judged = row.secondary?.span_id ?? null;
  return pairNotes(row).flatMap((note) => {
    const spans = note.name === 'verdict' ? [parentSpanId, judged] : [judged];
    return spans.flatMap((spanId) => (spanId === null ? [] : [{ ...note, spanId, identifier: row.pair_id }]));
  });
}
