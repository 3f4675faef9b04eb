// The few words in which the limits of protocols are written down, as JSON Schema.
export type Schema = Record<string, unknown>;

export const text: Schema = { type: 'string' };
export const filled: Schema = { type: 'string', minLength: 1 };
export const count: Schema = { type: 'integer', minimum: 1 };
export const anything: Schema = {};
export const objectSchema: Schema = { type: 'object', required: ['type'], properties: { type: { const: 'object' } } };

export function only(...values: unknown[]): Schema {
  return { enum: values };
}

export function listOf(items: Schema, rest: Schema = {}): Schema {
  return { type: 'array', items, minItems: 1, ...rest };
}

/** No other keys. A name that ends in `?` may be missing. */
export function object(fields: Record<string, Schema>, rest: Schema = {}): Schema {
  const names = Object.keys(fields);
  return {
    type: 'object',
    properties: Object.fromEntries(Object.entries(fields).map(([name, schema]) => [name.replace(/\?$/, ''), schema])),
    required: names.filter((name) => !name.endsWith('?')),
    additionalProperties: false,
    ...rest,
  };
}

export function either(...schemas: Schema[]): Schema {
  return { anyOf: schemas };
}
