// Sends spans that are bytes already: resource and scope are known here, and the library carries the messages. No SDK is
// needed for it.

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
import { exportMessages } from './export-messages.ts';
import { createOtlpExporter, type MessageForm, type OtlpExporterOptions } from './otlp-exporter.ts';
import { fieldHead, ProtobufOutput } from './protobuf-output.ts';
import { createSpanMessageWriter, type SpanMessage, type SpanMessages } from './span-messages.ts';
import type { Unsent } from './span-queue.ts';
import { attributesAsBytes } from './span-writer.ts';
import { MESSAGE_BYTES } from './split-messages.ts';

export interface SpanSenderOptions extends OtlpExporterOptions {
  /** Besides what OTEL_RESOURCE_ATTRIBUTES, host and os give. */
  resource: Record<string, string>;
  serviceName: string;
  scopeVersion: string;
}

/** From a `SpanWriter`, one behind the other. */
export interface SpanBytes {
  readonly bytes: Uint8Array;
  readonly spans: number;
}

export interface SpanSender {
  /** For spans that `send` then takes. */
  begin(): SpanMessages;
  /** Resolves with what the receiver has not accepted; rejects with the reason if that is all, also after `exportTimeoutMs`. */
  send(all: SpanMessages): Promise<Unsent>;
  shutdown(): Promise<void>;
}

/** Field numbers with their wire types, in `ResourceSpans` and `ScopeSpans`. */
const TAGS = { resource: 0x0a, attribute: 0x0a, scope: 0x0a } as const;
const SCOPE = { name: 0x0a, version: 0x12 } as const;
const SCOPE_NAME = 'cc-proxy';
/** Messages that wait until their memory can be used again. */
const MOST_ANSWERED = 16;

const AS_IT_IS: MessageForm<SpanMessage> = {
  serializer: {
    serializeRequest: ({ bytes }) => bytes,
    deserializeResponse: (bytes) => ProtobufTraceSerializer.deserializeResponse(bytes),
  },
  counter: { name: 'span', countItems: ({ spans }) => spans },
};

/** @throws when OTEL_SDK_DISABLED is set, or a header cannot be sent */
export async function startSpanSender(options: SpanSenderOptions): Promise<SpanSender> {
  if (getBooleanFromEnv('OTEL_SDK_DISABLED')) throw new Error('no spans are sent because OTEL_SDK_DISABLED is set');
  const { exporter, isWriting } = await createOtlpExporter(options, AS_IT_IS);
  const answered: SpanMessage[] = [];
  const resource = await resourceAsBytes(options);
  const scope = scopeAsBytes(options.scopeVersion);
  const writer = createSpanMessageWriter(resource, scope, MESSAGE_BYTES[options.protocol]);

  return {
    begin: writer.begin,
    send: async (all) => {
      const { messages, tooLarge } = all.end();
      // Of HTTP most receivers take more.
      if (options.protocol !== 'grpc') messages.push(...tooLarge.splice(0));
      const lost = await exportMessages(exporter, messages, options.exportTimeoutMs);
      // A lost one may still be on its way.
      answered.push(...messages.filter((message) => !lost.includes(message)));
      if (!isWriting()) for (const message of answered.splice(0)) writer.giveBack(message);
      // Left to the collector where a receiver never is at rest.
      answered.splice(0, answered.length - MOST_ANSWERED);
      return { failed: countSpans(lost), dropped_bytes: countSpans(tooLarge) };
    },
    shutdown: () => exporter.shutdown(),
  };
}

function countSpans(parts: readonly SpanMessage[]): number {
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
