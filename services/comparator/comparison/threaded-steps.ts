// The heavy steps of a comparison: those of large conversations in a thread, so that nobody else in the process waits for
// them, small ones at once.
import type { Observation } from '#shared/exchange/observation.ts';
import { createRedactor, type RedactorOptions } from '#shared/redact/redact.ts';
import type { Attributes } from '#shared/telemetry/attribute-values.ts';
import { ownBytes } from '#shared/threads/answer-questions.ts';
import { createAskThread } from '#shared/threads/ask-thread.ts';
import { type ComparisonSteps, createSteps, type PreparedCall } from './prepare-call.ts';
import { packAnswer, type StepAnswer, type StepQuestion } from './step-messages.ts';

export interface ThreadedSteps extends ComparisonSteps {
  /** Ends the thread; what it works on is rejected. */
  close(): Promise<void>;
}

/** Smaller ones take a few milliseconds, less than a thread's start is worth. */
const THREAD_FROM_BYTES = 32 * 1024;
/** Behind others that are asked at the same time, too. */
const TIMEOUT_MS = 60_000;

export function createThreadedSteps(redaction: RedactorOptions): ThreadedSteps {
  const here = createSteps(createRedactor(redaction).redactText);
  const thread = createAskThread<StepQuestion, StepAnswer>({
    url: import.meta.resolve('#services/comparator/comparison/comparison-worker.ts'),
    workerData: redaction,
    timeoutMs: TIMEOUT_MS,
  });
  return {
    async prepareCall(entry, body, target) {
      if (entry.requestBytes + entry.responseBytes < THREAD_FROM_BYTES) return here.prepareCall(entry, body, target);
      const { model, anthropicFeatures } = target;
      const own = ownBytes(body);
      const question = { step: 'prepare', entry, body: own, target: { model, anthropicFeatures } } as const;
      return (await thread.ask(question, [own.buffer])) as PreparedCall;
    },
    async observe(answer) {
      const size = answer.chunks.reduce((sum, { bytes }) => sum + bytes.length, 0);
      if (size < THREAD_FROM_BYTES) return here.observe(answer);
      const packed = packAnswer(answer);
      return (await thread.ask({ step: 'observe', answer: packed }, [packed.bytes.buffer])) as Observation;
    },
    async describeCall(body, facts) {
      if (body.length < THREAD_FROM_BYTES) return here.describeCall(body, facts);
      const own = ownBytes(body);
      return (await thread.ask({ step: 'describe', body: own, facts }, [own.buffer])) as Attributes;
    },
    close: () => thread.close(),
  };
}
