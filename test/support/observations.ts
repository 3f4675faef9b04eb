// Observations of answers that a test describes, read by the product's own reader.

import type { Observation } from '#shared/exchange/observation.ts';
import { observe } from '#shared/exchange/read-exchange.ts';
import { type AnswerSpec, answerEvents, recordedAnswer, sseBytes } from './answer-bytes.ts';

export function observed(spec: AnswerSpec): Promise<Observation> {
  return observe(recordedAnswer([{ atMs: 10, bytes: sseBytes(answerEvents(spec)) }]));
}
