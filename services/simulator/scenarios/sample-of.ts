// The smallest value that follows a JSON schema, as far as tool inputs and title formats use schemas.
import { isFields } from '../read-ask.ts';

const DEEPEST = 8;

/** `words` stands wherever a free string is asked for. */
export function sampleOf(schema: unknown, words = 'simulated', depth = 0): unknown {
  if (!isFields(schema) || depth > DEEPEST) return {};
  if ('const' in schema) return schema.const;
  if (Array.isArray(schema.enum)) return schema.enum[0];
  const variants = schema.anyOf ?? schema.oneOf;
  if (Array.isArray(variants)) return sampleOf(variants[0], words, depth + 1);
  switch (Array.isArray(schema.type) ? schema.type[0] : schema.type) {
    case 'string':
      return words;
    case 'integer':
    case 'number':
      return typeof schema.minimum === 'number' ? schema.minimum : 1;
    case 'boolean':
      return true;
    case 'null':
      return null;
    case 'array': {
      const count = typeof schema.minItems === 'number' ? schema.minItems : 0;
      return Array.from({ length: count }, () => sampleOf(schema.items, words, depth + 1));
    }
    default:
      return sampleObject(schema, words, depth);
  }
}

function sampleObject(schema: Record<string, unknown>, words: string, depth: number): Record<string, unknown> {
  const properties = isFields(schema.properties) ? schema.properties : {};
  const required = Array.isArray(schema.required) ? schema.required.map(String) : [];
  const names = required.filter((name) => name in properties);
  return Object.fromEntries(names.map((name) => [name, sampleOf(properties[name], words, depth + 1)]));
}
