// Exchanges → rows, with the texts as JSON. Large ones are read, redacted and written in a thread, so that the streams of
// clients in the same process do not wait for it.
import type { ExchangeEntry } from '#shared/exchange/exchange.ts';
import { type ExchangeDetail, JsonText } from '#shared/store/store.ts';
import { ownBytes } from '#shared/threads/answer-questions.ts';
import { createAskThread } from '#shared/threads/ask-thread.ts';
import { createRowMaker, type RowQuestion, type RowSettings, type TextRow } from './make-row.ts';

export interface ExchangeReader {
  /** @throws what `isSchemaError` knows when it can never be read; anything else may be tried again */
  toRow(entry: ExchangeEntry, body: Buffer): Promise<ExchangeDetail>;
  /** Ends the thread; what it works on is rejected. */
  close(): Promise<void>;
}

/** Smaller ones take a few milliseconds, less than a thread's start is worth. */
const THREAD_FROM_BYTES = 32 * 1024;
/** The longest exchange takes about two seconds. */
const TIMEOUT_MS = 30_000;

export function createExchangeReader(settings: RowSettings): ExchangeReader {
  const makeRow = createRowMaker(settings);
  const thread = createAskThread<RowQuestion, TextRow>({
    url: import.meta.resolve('#services/console/history/exchange-worker.ts'),
    workerData: settings,
    timeoutMs: TIMEOUT_MS,
  });
  const inThread = (entry: ExchangeEntry, body: Buffer): Promise<TextRow> => {
    const bytes = ownBytes(body);
    return thread.ask({ entry, body: bytes }, [bytes.buffer]);
  };
  return {
    toRow: async (entry, body) => {
      const isLarge = entry.requestBytes + entry.responseBytes >= THREAD_FROM_BYTES;
      const { request, response, ...row } = await (isLarge ? inThread(entry, body) : makeRow(entry, body));
      return { ...row, request: toJsonText(request), response: toJsonText(response) };
    },
    close: () => thread.close(),
  };
}

function toJsonText(text: string | null): JsonText | null {
  return text === null ? null : new JsonText(text);
}
