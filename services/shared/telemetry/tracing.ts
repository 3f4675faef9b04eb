// The port of tracing. Services describe finished spans as data; the adapter (spans.ts) sends them as
// OpenTelemetry spans with exactly these ids and times. Nothing on a request's way touches the SDK.

import type { ShownMessages } from './shown-messages.ts';

export type SpanName = 'proxy_request' | 'primary_forward' | 'passthrough_forward' | 'compare_request' | 'compare_pair';

export type AttributeValue = string | number | boolean | string[];

/** Takes what is said of something, each key once. Of null and undefined nothing is said. */
export interface AttributeSink {
  add(key: string, value: AttributeValue | null | undefined): void;
}

/** Says it when it is written. Nothing that it says may have changed by then. */
export type SayAttributes = (to: AttributeSink) => void;

export interface SpanEvent {
  name: string;
  /** Unix milliseconds, fractions allowed. */
  atMs: number;
  attributes?: Record<string, AttributeValue>;
}

export interface SpanRecord {
  name: SpanName;
  kind: 'server' | 'client' | 'internal';
  traceId: string;
  spanId: string;
  /** null = root. */
  parentSpanId: string | null;
  /** Whether the trace is sampled (the traceparent flag). Spans of unsampled traces are counted, not exported. */
  sampled: boolean;
  tracestate: string;
  /** Unix milliseconds, fractions allowed. */
  startMs: number;
  endMs: number;
  /** In front of the others: what other spans say as well, as the same objects, which no longer change. No key is in two. */
  repeated?: ReadonlyArray<SpanRecord['attributes']> | undefined;
  /** In this order; small and important keys first, content last. undefined and null values are left out. */
  attributes: Record<string, AttributeValue | null | undefined>;
  /** More of them, behind those: what is written at once needs no object for them. Crosses to no thread. */
  say?: SayAttributes;
  /** Messages and tools, as more attributes behind those; where parts are hidden they are among those. */
  content?: readonly ShownMessages[];
  events: SpanEvent[];
  links: Array<{ traceId: string; spanId: string }>;
  status: 'unset' | 'error';
  statusMessage?: string | undefined;
}

/** Spans still to be made, of something too large to be looked into on the event loop: a thread makes and exports them. */
export interface SpanWork {
  /** Who makes them, by the name that the thread knows. */
  maker: string;
  /** What it is called with; must survive the way to a thread. */
  input: unknown;
  /** Buffers in the input that are given away. */
  transferred: ArrayBuffer[];
  /** How many spans it becomes, and about how many bytes. */
  spans: number;
  bytes: number;
  /** Called once, when nobody reads the input any more. */
  release?(): void;
}

/** What it is given is what `SpanWork.input` was. */
export type MakeSpans = (input: unknown) => Promise<SpanRecord[]>;

export interface Tracing {
  /** True when spans are wanted: an endpoint is set and tracing is switched on. */
  readonly enabled: boolean;
  /** The run-time switch. */
  setEnabled(enabled: boolean): void;
  describe(): { enabled: boolean; endpoint: string | null; protocol: string | null; project: string };
  /** Whether prompt and answer text may be put on spans. */
  readonly content: boolean;
  /** Hands over finished spans. Never throws, never waits; what cannot be queued is counted as dropped. */
  emit(spans: SpanRecord[]): void;
  /** As `emit`, for spans of a sampled trace that are made in the thread. */
  emitLater(work: SpanWork): void;
  /** Exports what is queued. Never throws; resolves within `timeoutMs`. */
  flush(timeoutMs: number): Promise<void>;
  /** Flushes and ends the exporter. */
  shutdown(timeoutMs: number): Promise<void>;
}

export const noTracing: Tracing = {
  enabled: false,
  setEnabled: () => {},
  describe: () => ({ enabled: false, endpoint: null, protocol: null, project: 'default' }),
  content: false,
  emit: () => {},
  emitLater: () => {},
  flush: async () => {},
  shutdown: async () => {},
};
