// All that a span says as attributes, as a receiver has them: what others say as well, and its own.
import type { AttributeValue, SpanRecord } from '#shared/telemetry/tracing.ts';

/** @throws when two of its parts say the same, which no receiver would know what to do with */
export function saidAttributes(span: Pick<SpanRecord, 'repeated' | 'attributes'>): Record<string, AttributeValue> {
  const said: Record<string, AttributeValue> = {};
  for (const attributes of [...(span.repeated ?? []), span.attributes]) {
    for (const [key, value] of Object.entries(attributes)) {
      if (value === null || value === undefined) continue;
      if (key in said) throw new Error(`${key} is said twice`);
      said[key] = value;
    }
  }
  return said;
}
