// What the bench orders from its generator, and what it gets back.

export interface LoadOrder {
  port: number;
  /** Name of a load. */
  load: string;
  seconds: number;
  /** Number of the first request; the following count on, so that none is sent twice in a run. */
  firstTurn: number;
}

export interface Quantiles {
  p50: number;
  p99: number;
}

export interface ClientView {
  sent: number;
  /** Answers that were complete and right to the byte. */
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
