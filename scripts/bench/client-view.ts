// What the bench orders from its generator, and what it gets back.
import type { AnswerKind } from './bodies.ts';

/** Where requests go, and what comes back right. */
export interface Address {
  readonly port: number;
  /** Headers that only this peer wants. */
  readonly headers: Readonly<Record<string, string>>;
  /** `bytes`: answers are relayed as they are; `text`: the peer writes them anew. */
  readonly answers: 'bytes' | 'text';
}

/** Requests as a load has them. */
export interface LoadOrder {
  readonly order: 'load';
  readonly to: Address;
  /** Name of a load. */
  readonly load: string;
  readonly seconds: number;
  /** Number of the first request; the following count on, so that none is sent twice in a run. */
  readonly firstTurn: number;
}

/** So many streams at once; the answer comes when each has begun. */
export interface HoldOrder {
  readonly order: 'hold';
  readonly to: Address;
  readonly streams: number;
  readonly answer: AnswerKind;
  readonly requestBodyBytes: number;
  readonly firstTurn: number;
}

/** Waits for the end of the streams that are held. */
export interface FinishOrder {
  readonly order: 'finish';
}

export type GeneratorOrder = LoadOrder | HoldOrder | FinishOrder;

export interface Quantiles {
  p50: number;
  p99: number;
}

export interface ClientView {
  sent: number;
  /** Answers that were complete and right. */
  finished: number;
  /** What became of the others, by kind. */
  problems: Record<string, number>;
  seconds: number;
  /** From the last byte of the request to the first byte of the answer's body. */
  firstByteMs: Quantiles;
  wholeMs: Quantiles;
  /** From an event's making in the upstream to its arrival; null where events carry no time. */
  delayMs: Quantiles | null;
  /** CPU of the generator; 1 = a whole core. */
  generatorCpuShare: number;
}
