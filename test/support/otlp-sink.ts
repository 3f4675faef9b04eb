// A trace receiver for tests: takes OTLP over HTTP, decodes the protobuf by its own small schema, and can fail in every
// way a real receiver does.
import {
  createServer,
  type IncomingHttpHeaders,
  type IncomingMessage,
  type Server,
  type ServerResponse,
} from 'node:http';
import type { AddressInfo } from 'node:net';
import { gunzipSync } from 'node:zlib';
import protobuf from 'protobufjs';
import { afterPatience, PATIENCE_MS } from './patience.ts';

export type SinkAttribute = string | number | boolean | null | SinkAttribute[];

export interface SinkSpan {
  name: string;
  kind: 'unspecified' | 'internal' | 'server' | 'client' | 'producer' | 'consumer';
  traceId: string;
  spanId: string;
  /** null = root. */
  parentSpanId: string | null;
  tracestate: string;
  startNs: bigint;
  endNs: bigint;
  attributes: Record<string, SinkAttribute>;
  /** Keys in the order of the wire. */
  attributeKeys: string[];
  droppedAttributes: number;
  events: Array<{ name: string; atNs: bigint; attributes: Record<string, SinkAttribute> }>;
  links: Array<{ traceId: string; spanId: string }>;
  status: 'unset' | 'ok' | 'error';
  statusMessage: string;
  resource: Record<string, SinkAttribute>;
  scope: { name: string; version: string };
}

/** `refuse` = nothing listens on the port; `hang` = requests are read and never answered. */
export type SinkMode = 'ok' | 503 | 415 | 'hang' | 'refuse';

export interface OtlpSink {
  /** Without a path: `http://127.0.0.1:<port>`. */
  readonly url: string;
  /** All spans accepted so far. */
  spans(): SinkSpan[];
  /** Resolves with the spans as soon as the predicate holds; rejects after the time. */
  waitFor(predicate: (spans: SinkSpan[]) => boolean, timeoutMs?: number): Promise<SinkSpan[]>;
  mode(mode: SinkMode): Promise<void>;
  /** Decoded bodies of all requests, answered well or not, for searching. */
  raw(): Buffer;
  /** Path, headers and size of all requests. */
  requests(): Array<{ path: string; headers: IncomingHttpHeaders; bytes: number }>;
  /** Spans in each accepted request. */
  batches(): number[];
  /** Resolves when `count` requests have arrived in all, whatever became of them. */
  waitForRequests(count: number, timeoutMs?: number): Promise<void>;
  close(): Promise<void>;
}

export async function startOtlpSink(): Promise<OtlpSink> {
  const decode = createDecoder();
  const accepted: SinkSpan[] = [];
  const batches: number[] = [];
  const bodies: Buffer[] = [];
  const requests: ReturnType<OtlpSink['requests']> = [];
  const checks = new Set<() => void>();
  let current: SinkMode = 'ok';
  let server = createServer(onRequest);
  await listen(server, 0);
  const { port } = server.address() as AddressInfo;

  function onRequest(request: IncomingMessage, response: ServerResponse): void {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const sent = Buffer.concat(chunks);
      const body = request.headers['content-encoding'] === 'gzip' ? gunzipSync(sent) : sent;
      requests.push({ path: request.url ?? '', headers: request.headers, bytes: body.length });
      bodies.push(body);
      answer(request, response, body);
      for (const check of checks) check();
    });
  }

  function answer(request: IncomingMessage, response: ServerResponse, body: Buffer): void {
    if (current === 'hang') return;
    if (typeof current === 'number') {
      response.writeHead(current, { 'content-type': 'text/plain' }).end('not now');
      return;
    }
    if (request.method !== 'POST' || !request.url?.endsWith('/v1/traces')) {
      response.writeHead(404).end();
      return;
    }
    if (request.headers['content-type'] !== 'application/x-protobuf') {
      response.writeHead(415).end();
      return;
    }
    const spans = decode(body);
    accepted.push(...spans);
    batches.push(spans.length);
    response.writeHead(200, { 'content-type': 'application/x-protobuf' }).end();
  }

  function waitUntil(isDone: () => boolean, timeoutMs: number, describe: () => string): Promise<void> {
    return new Promise((resolve, reject) => {
      const patience = afterPatience(timeoutMs, () => {
        checks.delete(check);
        reject(new Error(`not within ${timeoutMs} ms; ${describe()}`));
      });
      function check(): void {
        if (!isDone()) return;
        patience.stop();
        checks.delete(check);
        resolve();
      }
      checks.add(check);
      check();
    });
  }

  return {
    url: `http://127.0.0.1:${port}`,
    spans: () => [...accepted],
    waitFor: async (predicate, timeoutMs = PATIENCE_MS) => {
      const describe = (): string => `the sink has [${accepted.map((span) => span.name).join(', ')}]`;
      await waitUntil(() => predicate([...accepted]), timeoutMs, describe);
      return [...accepted];
    },
    mode: async (mode) => {
      if (mode === 'refuse' && current !== 'refuse') await close(server);
      if (mode !== 'refuse' && current === 'refuse') {
        server = createServer(onRequest);
        await listen(server, port);
      }
      current = mode;
    },
    raw: () => Buffer.concat(bodies),
    requests: () => [...requests],
    batches: () => [...batches],
    waitForRequests: (count, timeoutMs = PATIENCE_MS) =>
      waitUntil(
        () => requests.length >= count,
        timeoutMs,
        () => `the sink got ${requests.length} requests`,
      ),
    close: () => close(server),
  };
}

function listen(server: Server, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, '127.0.0.1', resolve);
  });
}

function close(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
    server.closeAllConnections();
  });
}

// The part of OTLP's schema that spans use; field numbers as in
// https://github.com/open-telemetry/opentelemetry-proto/blob/main/opentelemetry/proto/trace/v1/trace.proto
const SCHEMA = `
syntax = "proto3";
message ExportRequest { repeated ResourceSpans resource_spans = 1; }
message ResourceSpans { Resource resource = 1; repeated ScopeSpans scope_spans = 2; }
message Resource { repeated KeyValue attributes = 1; }
message ScopeSpans { Scope scope = 1; repeated Span spans = 2; }
message Scope { string name = 1; string version = 2; }
message Span {
  bytes trace_id = 1;
  bytes span_id = 2;
  string trace_state = 3;
  bytes parent_span_id = 4;
  string name = 5;
  int32 kind = 6;
  fixed64 start_time_unix_nano = 7;
  fixed64 end_time_unix_nano = 8;
  repeated KeyValue attributes = 9;
  uint32 dropped_attributes_count = 10;
  repeated Event events = 11;
  repeated Link links = 13;
  Status status = 15;
}
message Event { fixed64 time_unix_nano = 1; string name = 2; repeated KeyValue attributes = 3; }
message Link { bytes trace_id = 1; bytes span_id = 2; }
message Status { string message = 2; int32 code = 3; }
message KeyValue { string key = 1; AnyValue value = 2; }
message AnyValue {
  oneof value {
    string string_value = 1;
    bool bool_value = 2;
    int64 int_value = 3;
    double double_value = 4;
    ArrayValue array_value = 5;
    bytes bytes_value = 7;
  }
}
message ArrayValue { repeated AnyValue values = 1; }
`;

interface WireValue {
  value?: 'stringValue' | 'boolValue' | 'intValue' | 'doubleValue' | 'arrayValue' | 'bytesValue';
  stringValue?: string;
  boolValue?: boolean;
  intValue?: string;
  doubleValue?: number;
  arrayValue?: { values: WireValue[] };
  bytesValue?: string;
}

type WireAttributes = Array<{ key: string; value: WireValue | null }>;

interface WireSpan {
  traceId: Buffer;
  spanId: Buffer;
  traceState: string;
  parentSpanId: Buffer;
  name: string;
  kind: number;
  startTimeUnixNano: string;
  endTimeUnixNano: string;
  attributes: WireAttributes;
  droppedAttributesCount: number;
  events: Array<{ timeUnixNano: string; name: string; attributes: WireAttributes }>;
  links: Array<{ traceId: Buffer; spanId: Buffer }>;
  status: { message: string; code: number } | null;
}

interface WireRequest {
  resourceSpans: Array<{
    resource: { attributes: WireAttributes } | null;
    scopeSpans: Array<{ scope: { name: string; version: string } | null; spans: WireSpan[] }>;
  }>;
}

const KINDS = ['unspecified', 'internal', 'server', 'client', 'producer', 'consumer'] as const;
const STATUSES = ['unset', 'ok', 'error'] as const;

export function createDecoder(): (body: Buffer) => SinkSpan[] {
  const type = protobuf.parse(SCHEMA).root.lookupType('ExportRequest');
  return (body) => {
    const request = type.toObject(type.decode(body), {
      longs: String,
      defaults: true,
      arrays: true,
      oneofs: true,
    }) as WireRequest;
    return request.resourceSpans.flatMap(({ resource, scopeSpans }) =>
      scopeSpans.flatMap(({ scope, spans }) =>
        spans.map((span) => toSinkSpan(span, toRecord(resource?.attributes ?? []), scope ?? { name: '', version: '' })),
      ),
    );
  };
}

function toSinkSpan(span: WireSpan, resource: Record<string, SinkAttribute>, scope: SinkSpan['scope']): SinkSpan {
  return {
    name: span.name,
    kind: KINDS[span.kind] ?? 'unspecified',
    traceId: hex(span.traceId),
    spanId: hex(span.spanId),
    parentSpanId: span.parentSpanId.length === 0 ? null : hex(span.parentSpanId),
    tracestate: span.traceState,
    startNs: BigInt(span.startTimeUnixNano),
    endNs: BigInt(span.endTimeUnixNano),
    attributes: toRecord(span.attributes),
    attributeKeys: span.attributes.map(({ key }) => key),
    droppedAttributes: span.droppedAttributesCount,
    events: span.events.map((event) => ({
      name: event.name,
      atNs: BigInt(event.timeUnixNano),
      attributes: toRecord(event.attributes),
    })),
    links: span.links.map((link) => ({ traceId: hex(link.traceId), spanId: hex(link.spanId) })),
    status: STATUSES[span.status?.code ?? 0] ?? 'unset',
    statusMessage: span.status?.message ?? '',
    resource,
    scope: { name: scope.name, version: scope.version },
  };
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex');
}

function toRecord(attributes: WireAttributes): Record<string, SinkAttribute> {
  return Object.fromEntries(attributes.map(({ key, value }) => [key, toValue(value)]));
}

function toValue(value: WireValue | null): SinkAttribute {
  switch (value?.value) {
    case 'stringValue':
      return value.stringValue ?? '';
    case 'boolValue':
      return value.boolValue ?? false;
    case 'intValue':
      return Number(value.intValue);
    case 'doubleValue':
      return value.doubleValue ?? 0;
    case 'arrayValue':
      return (value.arrayValue?.values ?? []).map(toValue);
    default:
      return null;
  }
}
