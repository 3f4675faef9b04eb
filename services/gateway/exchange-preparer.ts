// Prepares exchanges where it costs the streams of clients least: small ones at once, large ones in a thread. What a lost
// thread owed is rejected, and the next question starts another.
import { createAskThread } from '#shared/threads/ask-thread.ts';
import { type ExchangeQuestion, type PreparedExchange, prepareExchange } from './prepare-exchange.ts';
import { createPairIdentifier } from './routing/identify-pair.ts';

export interface ExchangePreparer {
  /** @throws ThreadLostError */
  prepare(question: ExchangeQuestion): Promise<PreparedExchange>;
  /** Ends the thread; what it works on is rejected. */
  close(): Promise<void>;
}

/** Smaller ones hold the event loop for no longer than the way to the thread and back does (docs/decisions). */
const THREAD_FROM_BYTES = 32 * 1024;
/** The largest exchange takes a tenth of a second; behind others that came at the same time, a few. */
const TIMEOUT_MS = 30_000;

export function createExchangePreparer(): ExchangePreparer {
  const thread = createAskThread<ExchangeQuestion, PreparedExchange>({
    url: import.meta.resolve('#services/gateway/exchange-worker.ts'),
    workerData: null,
    timeoutMs: TIMEOUT_MS,
  });
  const identifyPair = createPairIdentifier();
  return {
    prepare: async (question) =>
      question.laidOut.length < THREAD_FROM_BYTES
        ? prepareExchange(question, identifyPair)
        : thread.ask(question, [question.laidOut.buffer]),
    close: () => thread.close(),
  };
}
