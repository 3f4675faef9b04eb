// What crosses between the comparator and the thread that does its heavy steps. Bytes travel as buffers that are given away.
import type { ExchangeEntry, RecordedAnswer } from '#shared/exchange/exchange.ts';
import type { Observation } from '#shared/exchange/observation.ts';
import type { Attributes } from '#shared/telemetry/attribute-values.ts';
import { ownBytes, toBuffer } from '#shared/threads/answer-questions.ts';
import type { CallFacts, PreparedCall } from './prepare-call.ts';
import type { RewriteTarget } from './rewrite-request.ts';

export type StepQuestion =
  | { step: 'prepare'; entry: ExchangeEntry; body: Uint8Array; target: RewriteTarget }
  | { step: 'observe'; answer: PackedAnswer }
  | { step: 'describe'; body: Uint8Array; facts: CallFacts };

export type StepAnswer = PreparedCall | Observation | Attributes;

/** A recorded answer with its chunks in one buffer. */
export interface PackedAnswer extends Omit<RecordedAnswer, 'chunks'> {
  bytes: Uint8Array<ArrayBuffer>;
  chunks: Array<{ atMs: number; length: number }>;
}

export function packAnswer({ chunks, ...rest }: RecordedAnswer): PackedAnswer {
  return {
    ...rest,
    bytes: ownBytes(Buffer.concat(chunks.map(({ bytes }) => bytes))),
    chunks: chunks.map(({ atMs, bytes }) => ({ atMs, length: bytes.length })),
  };
}

export function unpackAnswer({ bytes, chunks, ...rest }: PackedAnswer): RecordedAnswer {
  const whole = toBuffer(bytes);
  let from = 0;
  return {
    ...rest,
    chunks: chunks.map(({ atMs, length }) => {
      const start = from;
      from += length;
      return { atMs, bytes: whole.subarray(start, from) };
    }),
  };
}
