// Messages requests as clients may send them and as nobody would: each field mostly well-formed, sometimes anything.
import fc from 'fast-check';
import type { MessagesRequest } from '#shared/wire/anthropic.ts';

const junk = fc.jsonValue({ maxDepth: 2 });

/** Mostly what is right, one time in twelve anything. */
function mostly<T>(right: fc.Arbitrary<T>): fc.Arbitrary<unknown> {
  return fc.oneof({ weight: 11, arbitrary: right as fc.Arbitrary<unknown> }, { weight: 1, arbitrary: junk });
}

function some(fields: Record<string, fc.Arbitrary<unknown>>, requiredKeys: string[]): fc.Arbitrary<unknown> {
  return fc.record(fields, { requiredKeys });
}

const words = fc.oneof(
  fc.constantFrom('Hello', 'line 1\nline 2', '', ' ', '\ud800', '{"a":1}', 'x-anthropic-billing-header: a=b;'),
  fc.string({ maxLength: 12 }),
  fc.string({ unit: 'binary', maxLength: 6 }),
);
const ids = fc.oneof(
  fc.constantFrom(
    'toolu_1',
    'toolu_2',
    'call_0_8f14e45f-ceea-467f-a1d3-9b2c1c2f5a77-and-longer-than-any-server-takes',
    'a b',
  ),
  fc.string({ maxLength: 5 }),
);
const toolNames = fc.oneof(
  fc.constantFrom('Read', 'Bash', 'web_search', `mcp__server__${'x'.repeat(120)}`, 'a.b:c', '1st', 'ünï', '__proto__'),
  fc.string({ maxLength: 5 }),
);
const mark = some({ type: fc.constant('ephemeral'), ttl: fc.constantFrom('5m', '1h') }, ['type']);

const source = fc.oneof(
  fc.record({
    type: fc.constant('base64'),
    media_type: fc.constantFrom('image/png', 'application/pdf', 'text/html'),
    data: fc.base64String({ maxLength: 8 }),
  }),
  fc.record({ type: fc.constant('url'), url: fc.constantFrom('https://example.com/a.png', 'file:///etc/passwd', 'x') }),
  fc.record({ type: fc.constant('file'), file_id: words }),
  fc.record({ type: fc.constantFrom('text', 'content'), data: words, content: fc.array(junk, { maxLength: 2 }) }),
  junk,
);

const text = some({ type: fc.constant('text'), text: mostly(words), cache_control: mark, citations: junk }, [
  'type',
  'text',
]);
const media = some({ type: fc.constantFrom('image', 'document'), source, title: mostly(words), context: words }, [
  'type',
]);
const call = some({ type: fc.constant('tool_use'), id: mostly(ids), name: mostly(toolNames), input: junk }, [
  'type',
  'id',
  'name',
]);
const reference = some({ type: fc.constant('tool_reference'), tool_name: mostly(toolNames) }, ['type']);
const result = some(
  {
    type: fc.constant('tool_result'),
    tool_use_id: mostly(ids),
    content: mostly(fc.oneof(words, fc.array(fc.oneof(text, media, reference, junk), { maxLength: 3 }))),
    is_error: mostly(fc.boolean()),
    cache_control: mark,
  },
  ['type', 'tool_use_id'],
);
/** State of our own making, of the right model or another. */
const state = some(
  {
    model: fc.constantFrom('gpt-5', 'gpt-5.4', 'gemini-3-pro-preview', 'gemini-2.5-flash', 'some-model'),
    id: words,
    encrypted: mostly(words),
    summary: mostly(fc.array(words, { maxLength: 2 })),
    call: mostly(ids),
    signature: mostly(words),
    details: mostly(fc.array(junk, { maxLength: 2 })),
  },
  ['model'],
);
const signatures = fc.oneof(
  fc.constantFrom('', 'EpwDForeign', 'ccproxy1.', 'ccproxy1.gemini.e30', 'ccproxy1.openai-responses.bnVsbA'),
  fc
    .tuple(
      fc.constantFrom('gemini', 'openai-responses', 'openai-chat', 'ollama', 'anthropic', 'x'),
      fc.oneof(junk, state),
    )
    .map(([name, state]) => `ccproxy1.${name}.${Buffer.from(JSON.stringify(state)).toString('base64url')}`),
);
const thought = fc.oneof(
  some({ type: fc.constant('thinking'), thinking: mostly(words), signature: mostly(signatures) }, ['type']),
  some({ type: fc.constant('redacted_thinking'), data: mostly(signatures) }, ['type']),
);
const serverSide = some(
  {
    type: fc.constantFrom('server_tool_use', 'web_search_tool_result', 'search_result', 'mcp_tool_use', 'future_block'),
    id: ids,
    tool_use_id: ids,
    name: toolNames,
    input: junk,
    title: words,
    source: words,
    content: junk,
  },
  ['type'],
);
const block = fc.oneof(
  { weight: 4, arbitrary: text },
  { weight: 3, arbitrary: call },
  { weight: 3, arbitrary: result },
  { weight: 2, arbitrary: thought },
  { weight: 1, arbitrary: media },
  { weight: 1, arbitrary: serverSide },
  { weight: 1, arbitrary: junk },
);
const message = some(
  {
    role: mostly(fc.constantFrom('user', 'assistant', 'system')),
    content: mostly(fc.oneof(words, fc.array(block, { maxLength: 4 }))),
  },
  ['role', 'content'],
);

const leaf = fc.oneof(
  some(
    { type: fc.constantFrom('string', 'integer', 'array', 'null'), pattern: words, format: words, default: junk },
    [],
  ),
  fc.record({ enum: fc.array(junk, { maxLength: 3 }) }),
  fc.record({ $ref: fc.constantFrom('#/$defs/a', '#', '#/$defs/missing', 'https://example.com/s') }),
  fc.record({ const: junk }),
  junk,
);
const property = fc.oneof(leaf, fc.record({ anyOf: fc.array(leaf, { maxLength: 2 }) }), fc.record({ items: leaf }));
const schema = some(
  {
    $schema: fc.constant('http://json-schema.org/draft-07/schema#'),
    type: mostly(fc.constantFrom('object', 'array')),
    properties: mostly(
      fc.dictionary(
        fc.constantFrom('type', 'pattern', '-A', 'properties', 'required', '$ref', '__proto__', 'a'),
        property,
        {
          maxKeys: 3,
        },
      ),
    ),
    required: mostly(fc.array(fc.constantFrom('type', 'a', 'b'), { maxLength: 2 })),
    additionalProperties: mostly(fc.boolean()),
    anyOf: mostly(fc.array(leaf, { maxLength: 2 })),
    allOf: mostly(fc.array(leaf, { maxLength: 2 })),
    $defs: mostly(fc.record({ a: fc.oneof(leaf, fc.record({ $ref: fc.constant('#/$defs/a') })) })),
  },
  [],
);
const tool = fc.oneof(
  some(
    {
      name: mostly(toolNames),
      description: mostly(words),
      input_schema: mostly(schema),
      defer_loading: mostly(fc.boolean()),
      strict: mostly(fc.boolean()),
      cache_control: mark,
      type: fc.constantFrom('custom', undefined),
    },
    ['name', 'input_schema'],
  ),
  some(
    {
      type: fc.constantFrom(
        ...['web_search_20250305', 'web_fetch_20250910', 'code_execution_20250825', 'bash_20250124', 'future_1'],
        ...['text_editor_20250728', 'computer_20250124'],
      ),
      name: toolNames,
      allowed_domains: mostly(fc.array(words, { maxLength: 2 })),
      user_location: junk,
    },
    ['type', 'name'],
  ),
  junk,
);

const request = fc.record(
  {
    model: fc.constantFrom('claude-x', 'gpt-5', ''),
    messages: fc.oneof({ weight: 30, arbitrary: fc.array(message, { maxLength: 5 }) }, { weight: 1, arbitrary: junk }),
    max_tokens: mostly(fc.oneof(fc.constantFrom(0, 1, 4096, 1e9), fc.double())),
    system: mostly(fc.oneof(words, fc.array(text, { maxLength: 3 }))),
    tools: mostly(fc.array(tool, { maxLength: 4 })),
    tool_choice: mostly(
      some(
        {
          type: fc.constantFrom('auto', 'any', 'tool', 'none'),
          name: toolNames,
          disable_parallel_tool_use: mostly(fc.boolean()),
        },
        ['type'],
      ),
    ),
    thinking: mostly(
      some(
        {
          type: fc.constantFrom('enabled', 'adaptive', 'disabled', 'between_tools'),
          budget_tokens: mostly(fc.integer({ min: -1, max: 200_000 })),
          display: fc.constantFrom('omitted', 'summarized'),
        },
        ['type'],
      ),
    ),
    output_config: mostly(
      some(
        {
          effort: mostly(fc.constantFrom('low', 'medium', 'high', 'max')),
          format: mostly(fc.record({ type: fc.constant('json_schema'), schema: mostly(schema) })),
        },
        [],
      ),
    ),
    stop_sequences: mostly(fc.array(words, { maxLength: 7 })),
    temperature: mostly(fc.double({ min: 0, max: 1 })),
    top_p: mostly(fc.double({ min: 0, max: 1 })),
    top_k: mostly(fc.integer()),
    metadata: mostly(fc.record({ user_id: mostly(words) })),
    service_tier: mostly(fc.constantFrom('auto', 'standard_only')),
    mcp_servers: mostly(fc.constant([])),
    context_management: junk,
    stream: mostly(fc.boolean()),
  },
  { requiredKeys: ['model', 'messages'] },
);

/** As it is after it was read from JSON. */
export const anyRequest: fc.Arbitrary<MessagesRequest> = request.map(
  (value) => JSON.parse(JSON.stringify(value)) as MessagesRequest,
);
