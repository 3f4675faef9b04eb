import { createRequire } from 'node:module';
import { expect } from 'chai';
import fc from 'fast-check';
import { schemaBudget, toGeminiSchema } from '#shared/providers/gemini-schema.ts';
import { cpuMs } from '../../support/patience.ts';

const { Ajv2020 } = createRequire(import.meta.url)('ajv/dist/2020.js') as typeof import('ajv/dist/2020.js');

type Fields = Record<string, unknown>;

const KNOWN = new Set([
  ...[
    'type',
    'format',
    'title',
    'description',
    'nullable',
    'enum',
    'items',
    'minItems',
    'maxItems',
    'properties',
    'required',
  ],
  ...[
    'minProperties',
    'maxProperties',
    'minLength',
    'maxLength',
    'pattern',
    'example',
    'anyOf',
    'propertyOrdering',
    'default',
  ],
  ...['minimum', 'maximum'],
]);

/** Keywords of a schema and of all schemas in it; names of properties are none. */
function keywordsOf(schema: Fields): string[] {
  const inner = [...Object.values((schema.properties ?? {}) as Fields), ...((schema.anyOf ?? []) as unknown[])];
  if (schema.items !== undefined) inner.push(schema.items);
  return [...Object.keys(schema), ...inner.flatMap((one) => keywordsOf(one as Fields))];
}

function expectSound(schema: unknown): Fields {
  const result = toGeminiSchema(schema);
  expect(keywordsOf(result).filter((key) => !KNOWN.has(key))).to.deep.equal([]);
  expect(toGeminiSchema(result)).to.deep.equal(result);
  return result;
}

describe('gemini: schemas', () => {
  it('C-18 conv D-04 takes out keywords Gemini does not know, and never what a tool calls its own properties', () => {
    const result = expectSound({
      $schema: 'http://json-schema.org/draft-07/schema#',
      $id: 'x',
      type: 'object',
      properties: {
        pattern: { type: 'string', description: 'A regular expression.' },
        '-A': { type: 'number', exclusiveMinimum: 0 },
        '-i': { type: 'boolean', default: false },
        $schema: { type: 'string' },
        additionalProperties: { type: 'object', additionalProperties: { type: 'string' }, patternProperties: {} },
        format: { const: 'json' },
        title: { type: 'string', format: 'uri' },
        not: { type: 'string', not: { const: 'x' } },
      },
      required: ['pattern', 'format', 'gone'],
      additionalProperties: false,
    });
    expect(result).to.deep.equal({
      type: 'object',
      properties: {
        pattern: { type: 'string', description: 'A regular expression.' },
        '-A': { type: 'number', description: 'Must be more than 0.' },
        '-i': { type: 'boolean', default: false },
        $schema: { type: 'string' },
        additionalProperties: { type: 'object' },
        format: { type: 'string', enum: ['json'] },
        title: { type: 'string', description: 'Format: uri.' },
        not: { type: 'string' },
      },
      required: ['pattern', 'format'],
    });
  });

  it('conv D-05 keeps properties that are named like keywords', () => {
    const names = [
      'type',
      'items',
      'enum',
      'anyOf',
      'required',
      'properties',
      'description',
      'default',
      '$ref',
      '$defs',
    ];
    const properties = Object.fromEntries(names.map((name) => [name, { type: 'string' }]));
    const result = expectSound({ type: 'object', properties, required: names });
    expect(result.properties).to.deep.equal(properties);
    expect(result.required).to.deep.equal(names);
  });

  it('conv D-04 puts references in their places, and ends those that lead into themselves', () => {
    const result = expectSound({
      type: 'object',
      properties: { tree: { $ref: '#/$defs/node' }, gone: { $ref: '#/$defs/gone', description: 'Whatever.' } },
      $defs: {
        node: {
          type: 'object',
          properties: { name: { type: 'string' }, children: { type: 'array', items: { $ref: '#/$defs/node' } } },
        },
      },
    });
    expect((result.properties as Fields).tree).to.deep.equal({
      type: 'object',
      properties: { name: { type: 'string' }, children: { type: 'array', items: { type: 'object' } } },
    });
    expect(toGeminiSchema({ $ref: '#' })).to.deep.equal({ type: 'object' });
  });

  it('conv D-04 turns lists of types, oneOf, null and numbers to choose from into what Gemini has for them', () => {
    expect(expectSound({ type: ['string', 'null'], enum: ['a', 'b', null] })).to.deep.equal({
      type: 'string',
      enum: ['a', 'b'],
      nullable: true,
    });
    expect(expectSound({ type: ['string', 'integer'], description: 'Either.' })).to.deep.equal({
      anyOf: [
        { type: 'string', description: 'Either.' },
        { type: 'integer', description: 'Either.' },
      ],
    });
    expect(expectSound({ oneOf: [{ type: 'string' }, { type: 'null' }], description: 'May be none.' })).to.deep.equal({
      type: 'string',
      description: 'May be none.',
      nullable: true,
    });
    expect(expectSound({ type: 'integer', enum: [1, 2] })).to.deep.equal({
      type: 'integer',
      description: 'One of: 1, 2.',
    });
    expect(expectSound({ type: 'array' })).to.have.nested.property('items.anyOf');
  });

  it('conv D-07 merges what an object must be besides', () => {
    const a = { type: 'object', properties: { a: { type: 'string' } }, required: ['a'] };
    const b = { properties: { b: { type: 'number' } }, required: ['b'] };
    expect(expectSound({ allOf: [a, b] })).to.deep.equal({
      type: 'object',
      properties: { a: { type: 'string' }, b: { type: 'number' } },
      required: ['a', 'b'],
    });
    expect(expectSound({ type: 'object', properties: { c: { type: 'string' } }, anyOf: [a, b] })).to.deep.equal({
      type: 'object',
      properties: { a: { type: 'string' }, b: { type: 'number' }, c: { type: 'string' } },
    });
  });

  it('keeps a schema that doubles itself with every reference within bounds', () => {
    const $defs: Fields = { d0: { type: 'string' } };
    for (let depth = 1; depth < 40; depth++) {
      const half = { $ref: `#/$defs/d${depth - 1}` };
      $defs[`d${depth}`] = { type: 'object', properties: { left: half, right: half } };
    }
    const result = toGeminiSchema({ $ref: '#/$defs/d39', $defs });
    expect(JSON.stringify(result).length).to.be.below(1_000_000);
  });

  it('ends with a schema that must be itself twice, or doubles what it must be with every reference', () => {
    const self = { $ref: '#' };
    const itself = { type: 'object', properties: { a: { type: 'string' } }, allOf: [self, self] };
    const $defs: Fields = { d0: { properties: { b: { type: 'string' } } } };
    for (let depth = 1; depth < 32; depth++) {
      const half = { $ref: `#/$defs/d${depth - 1}` };
      $defs[`d${depth}`] = { allOf: [half, half] };
    }
    const doubled = { type: 'object', allOf: [{ $ref: '#/$defs/d31' }, { $ref: '#/$defs/d31' }], $defs };
    const branched = { type: 'object', anyOf: [{ $ref: '#/$defs/d31' }, { $ref: '#/$defs/d31' }], $defs };
    expect(expectSound(itself)).to.deep.equal({ type: 'object', properties: { a: { type: 'string' } } });
    for (const schema of [doubled, branched]) expect(expectSound(schema)).to.have.property('type', 'object');
  });

  it('bounds what all schemas of a request take together', () => {
    const self = { $ref: '#' };
    const budget = schemaBudget(1000);
    const endless = { type: 'object', properties: { a: { anyOf: [{ type: 'object', allOf: [self, self] }] } } };
    const results = Array.from({ length: 1000 }, () => toGeminiSchema(endless, budget));
    expect(budget.merged).to.be.at.most(0);
    expect(budget.merged).to.be.above(-1000);
    expect(results[999]).to.have.property('type', 'object');
  });

  it('takes time in proportion to what a schema with many parts says, and loses none of a usual one', () => {
    const wide = Object.fromEntries(Array.from({ length: 5000 }, (_, index) => [`p${index}`, { type: 'string' }]));
    const many = { type: 'object', allOf: Array.from({ length: 5000 }, () => ({ $ref: '#/$defs/wide' })) };
    const cost = cpuMs(() => void toGeminiSchema({ ...many, $defs: { wide: { properties: wide } } }));
    expect(cost).to.be.below(2000);
    const parts = Array.from({ length: 40 }, (_, index) => ({ properties: { [`p${index}`]: { type: 'string' } } }));
    expect(expectSound({ allOf: parts }))
      .to.have.property('properties')
      .with.all.keys(parts.flatMap(({ properties }) => Object.keys(properties)));
  });

  const leaf = fc.oneof(
    fc.record(
      { type: fc.constant('string'), minLength: fc.nat(2), format: fc.constantFrom('uri', 'date-time', 'enum') },
      { requiredKeys: ['type'] },
    ),
    fc.record(
      {
        type: fc.constantFrom('integer', 'number'),
        exclusiveMinimum: fc.nat(3),
        enum: fc.array(fc.nat(4), { minLength: 1 }),
      },
      { requiredKeys: ['type'] },
    ),
    fc.record({ type: fc.constantFrom(['string', 'null'], ['boolean', 'integer'], 'boolean', 'null') }),
    fc.record({ enum: fc.array(fc.constantFrom('a', 'b', '', null, 1), { minLength: 1 }) }),
    fc.record({ const: fc.constantFrom('a', 1, null, true) }),
    fc.constantFrom({}, true, { $ref: '#/$defs/shared' }, { $ref: '#' }, { $ref: '#/$defs/none' }),
  );
  const { schema } = fc.letrec((tie) => ({
    schema: fc.oneof(
      { maxDepth: 4 },
      leaf,
      fc.record(
        {
          type: fc.constant('object'),
          properties: fc.dictionary(fc.constantFrom('type', 'a', 'b', 'pattern', '$ref'), tie('schema'), {
            maxKeys: 3,
          }),
          required: fc.subarray(['type', 'a', 'b']),
          additionalProperties: fc.constantFrom(true, {}),
        },
        { requiredKeys: ['type', 'properties'] },
      ),
      fc.record({ type: fc.constant('array'), items: tie('schema') }, { requiredKeys: ['type'] }),
      fc.record({ anyOf: fc.array(tie('schema'), { minLength: 1, maxLength: 3 }) }),
      fc.record({ oneOf: fc.array(tie('schema'), { minLength: 1, maxLength: 2 }) }),
    ),
  }));

  it('arbitrary schemas become ones of known keywords alone, which stay as they are', () => {
    fc.assert(
      fc.property(fc.oneof(schema, fc.jsonValue()), (value) => void expectSound(value)),
      { numRuns: 500 },
    );
  });

  it('what a schema allows is still allowed', () => {
    const ajv = new Ajv2020({ strict: false, logger: false, validateFormats: false });
    const value = fc.oneof(
      fc.constantFrom('a', 'b', '', 'long text', 0, 1, 2.5, true, null),
      fc.dictionary(fc.constantFrom('type', 'a', 'b', 'pattern'), fc.constantFrom('a', 1, null, true, {})),
      fc.array(fc.constantFrom('a', 1, null, true, {}), { maxLength: 2 }),
    );
    let allowed = 0;
    fc.assert(
      fc.property(schema, value, (inner, instance) => {
        const root = { type: 'object', properties: { it: inner }, $defs: { shared: { type: 'string' } } };
        if (JSON.stringify(inner).includes('"#') && JSON.stringify(inner).includes('none')) return;
        const isAllowed = ajv.compile(root)({ it: instance });
        if (!isAllowed) return;
        allowed++;
        const result = toGeminiSchema(root);
        expect(ajv.compile(withNull(result))({ it: instance }), JSON.stringify(result)).to.equal(true);
      }),
      { numRuns: 500 },
    );
    expect(allowed).to.be.above(60);
  });
});

/** OpenAPI's `nullable` said in JSON Schema. */
function withNull(value: unknown): Fields {
  const { nullable, ...schema } = value as Fields;
  const inner: Fields = { ...schema };
  if (schema.properties) {
    const entries = Object.entries(schema.properties as Fields).map(([name, one]) => [name, withNull(one)]);
    inner.properties = Object.fromEntries(entries);
  }
  if (schema.items) inner.items = withNull(schema.items);
  if (schema.anyOf) inner.anyOf = (schema.anyOf as unknown[]).map(withNull);
  return nullable === true ? { anyOf: [inner, { type: 'null' }] } : inner;
}
