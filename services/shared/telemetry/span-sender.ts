// Sends spans that are bytes already: the resource, the scope and what surrounds them are added here, and the library
// carries the messages. No SDK is needed for it.

import type { Attributes } from '@opentelemetry/api';
import { getBooleanFromEnv } from '@opentelemetry/core';
import { ProtobufTraceSerializer } from '@opentelemetry/otlp-transformer';
import {
  detectResources,
  envDetector,
  hostDetector,
  osDetector,
  resourceFromAttributes,
} from '@opentelemetry/resources';
import { free } from '#shared/free.ts';
import { exportMessages } from './export-messages.ts';
import { createOtlpExporter, type MessageForm, type OtlpExporterOptions } from './otlp-exporter.ts';
import { fieldHead, ProtobufOutput } from './protobuf-output.ts';
import type { Unsent } from './span-queue.ts';
import { attributesAsBytes } from './span-writer.ts';
import { splitMessages } from './split-messages.ts';

export interface SpanSenderOptions extends OtlpExporterOptions {
  /** Besides what OTEL_RESOURCE_ATTRIBUTES, host and os give. */
  resource: Record<string, string>;
  serviceName: string;
  scopeVersion: string;
}

/** Spans one after the other, each from a `SpanWriter`. */
export interface SpanBytes {
  readonly bytes: Uint8Array;
  readonly spans: number;
}

export interface SpanSender {
  /** Takes the bytes. Resolves with what the receiver has not accepted; rejects with the reason if that is all, also after `exportTimeoutMs`. */
  send(all: readonly SpanBytes[]): Promise<Unsent>;
  shutdown(): Promise<void>;
}

/** Field numbers with their wire types, from `ExportTraceServiceRequest` down to `ScopeSpans`. */
const TAGS = { resourceSpans: 0x0a, resource: 0x0a, attribute: 0x0a, scopeSpans: 0x12, scope: 0x0a } as const;
const SCOPE = { name: 0x0a, version: 0x12 } as const;
const SCOPE_NAME = 'cc-proxy';

const AS_IT_IS: MessageForm<SpanBytes> = {
  serializer: {
    serializeRequest: ({ bytes }) => bytes,
    deserializeResponse: (bytes) => ProtobufTraceSerializer.deserializeResponse(bytes),
  },
  counter: { name: 'span', countItems: ({ spans }) => spans },
};

/** @throws when OTEL_SDK_DISABLED is set, or a header cannot be sent */
export async function startSpanSender(options: SpanSenderOptions): Promise<SpanSender> {
  if (getBooleanFromEnv('OTEL_SDK_DISABLED')) throw new Error('no spans are sent because OTEL_SDK_DISABLED is set');
  const exporter = await createOtlpExporter(options, AS_IT_IS);
  const resource = await resourceAsBytes(options);
  const scope = scopeAsBytes(options.scopeVersion);
  const toMessage = (parts: readonly SpanBytes[]): SpanBytes => {
    const size = parts.reduce((sum, { bytes }) => sum + bytes.length, scope.length);
    const scopeHead = fieldHead(TAGS.scopeSpans, size);
    const head = fieldHead(TAGS.resourceSpans, resource.length + scopeHead.length + size);
    const bytes = Buffer.concat([head, resource, scopeHead, scope, ...parts.map((part) => part.bytes)]);
    for (const part of parts) free(part.bytes);
    return { bytes, spans: countSpans(parts) };
  };
  const sizeOf = ({ bytes }: SpanBytes): number => bytes.length;
  const surrounding = resource.length + scope.length;

  return {
    send: async (all) => {
      const { messages, tooLarge } = splitMessages(all, sizeOf, surrounding);
      // Receivers of HTTP mostly take more.
      if (options.protocol !== 'grpc') for (const alone of tooLarge.splice(0)) messages.push([alone]);
      const lost = await exportMessages(exporter, messages.map(toMessage), options.exportTimeoutMs);
      return { failed: countSpans(lost), dropped_bytes: countSpans(tooLarge) };
    },
    shutdown: () => exporter.shutdown(),
  };
}

function countSpans(parts: readonly SpanBytes[]): number {
  return parts.reduce((sum, { spans }) => sum + spans, 0);
}

async function resourceAsBytes({ resource, serviceName }: SpanSenderOptions): Promise<Buffer> {
  const all = resourceFromAttributes(resource)
    .merge(detectResources({ detectors: [envDetector, hostDetector, osDetector] }))
    .merge(resourceFromAttributes({ 'service.name': serviceName }));
  await all.waitForAsyncAttributes?.();
  const bytes = attributesAsBytes(TAGS.attribute, texts(all.attributes));
  return Buffer.concat([fieldHead(TAGS.resource, bytes.length), bytes]);
}

/** The detectors tell nothing else. */
function texts(attributes: Attributes): Record<string, string> {
  return Object.fromEntries(Object.entries(attributes).map(([key, value]) => [key, String(value)]));
}

function scopeAsBytes(version: string): Buffer {
  const fields = new ProtobufOutput(Buffer.alloc(0));
  fields.text(SCOPE.name, SCOPE_NAME);
  fields.text(SCOPE.version, version);
  return Buffer.concat([fieldHead(TAGS.scope, fields.bytes().length), fields.bytes()]);
}
