// The part of a call to a model that spans describe. Structural on purpose: a request as it travels and the observation of
// an answer fit, and telemetry depends on neither. Nothing about a request's shape is believed.

/** USD; the first three add up to `prompt`. */
export interface ModelCost {
  readonly input: number;
  readonly cacheRead: number;
  readonly cacheWrite: number;
  readonly prompt: number;
  readonly completion: number;
  readonly total: number;
}

export type ModelRequest = Readonly<Record<string, unknown>>;

export interface ModelObservation {
  readonly message: { readonly id: unknown; readonly content: unknown } | null;
  /** As the upstream calls it; null = none answered. */
  readonly model: string | null;
  readonly stopReason: string | null;
  readonly usage: Readonly<Record<string, unknown>> | null;
  readonly toolCalls: ReadonlyArray<{ name: string; input: unknown; rawInput: string }>;
  /** All text blocks, joined. */
  readonly text: string;
  readonly timing: {
    readonly ttftMs: number | null;
    readonly ttfvtMs: number | null;
    readonly lastDeltaMs: number | null;
    readonly durationMs: number;
  };
  readonly requestId: string | null;
}
