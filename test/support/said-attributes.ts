// All that a span says as attributes, as a receiver has them: what others say as well, and its own.
import type { AttributeValue, SpanRecord } from '#shared/telemetry/tracing.ts';

/** @throws when the same is said twice, which no receiver would know what to do with */
export function saidAttributes(
  span: Pick<SpanRecord, 'repeated' | 'attributes' | 'say'>,
): Record<string, AttributeValue> {
  const said: Record<string, AttributeValue> = {};
  const add = (key: string, value: AttributeValue | null | undefined): void => {
    if (value === null || value === undefined) return;
    if (key in said) throw new Error(`${key} is said twice`);
    said[key] = value;
  };
  for (const attributes of [...(span.repeated ?? []), span.attributes]) {
    for (const [key, value] of Object.entries(attributes)) add(key, value);
  }
  span.say?.({ add });
  return said;
}
