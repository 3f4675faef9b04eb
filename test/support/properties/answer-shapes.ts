// Pieces of answers as no server should send them, by protocol: each field of its own kind or anything at all. None says
// that the answer is whole; `endings` do.
import fc from 'fast-check';

export interface AnswerShape {
  piece: fc.Arbitrary<unknown>;
  /** The last piece of an answer that is whole. */
  endings: readonly unknown[];
}

const junk = fc.jsonValue({ maxDepth: 3 });
const text = fc.oneof(fc.string({ maxLength: 6 }), junk);
const json = fc.constantFrom('{', '}', '{}', '"', '{"a":', '1}', '', 'x', null, 5);
const names = fc.oneof(fc.constantFrom('Bash', 'Read', '', null), junk);
const ids = fc.oneof(fc.constantFrom('a', 'b', '', null), junk);

function maybe(fields: Record<string, fc.Arbitrary<unknown>>, required: string[] = []): fc.Arbitrary<unknown> {
  return fc.record(fields, { requiredKeys: required });
}

function few(item: fc.Arbitrary<unknown>): fc.Arbitrary<unknown[]> {
  return fc.array(fc.oneof({ weight: 5, arbitrary: item }, { weight: 1, arbitrary: junk }), { maxLength: 3 });
}

const chatCall = maybe({
  index: fc.oneof(fc.nat(2), junk),
  id: ids,
  function: maybe({ name: names, arguments: json }),
});
const chatDelta = maybe({
  content: fc.oneof(text, fc.constant(null)),
  reasoning_content: text,
  reasoning: text,
  reasoning_details: few(maybe({ type: fc.constantFrom('reasoning.text', 'reasoning.encrypted'), text, data: text })),
  tool_calls: few(chatCall),
  function_call: junk,
  refusal: fc.oneof(fc.string(), fc.constant(null)),
  annotations: junk,
});
const chat: AnswerShape = {
  piece: maybe({ choices: few(maybe({ index: fc.constantFrom(0, 0, 1), delta: chatDelta })), usage: junk }),
  endings: ['stop', 'length', 'tool_calls', 'content_filter', 'odd'].map((finish_reason) => ({
    choices: [{ index: 0, delta: {}, finish_reason }],
  })),
};

const responsesItem = maybe({
  type: fc.constantFrom('message', 'reasoning', 'function_call', 'web_search_call', 'x'),
  id: text,
  call_id: ids,
  name: names,
  arguments: json,
  content: few(maybe({ type: fc.constantFrom('output_text', 'refusal', 'x'), text, refusal: text, annotations: junk })),
  summary: few(maybe({ type: fc.constant('summary_text'), text })),
  action: junk,
  encrypted_content: text,
});
const RESPONSES_EVENTS = [
  ...['output_item.added', 'output_item.done', 'output_text.delta', 'output_text.done', 'refusal.delta', 'created'],
  ...['reasoning_summary_text.delta', 'reasoning_text.delta', 'reasoning_text.done', 'reasoning_summary_text.done'],
  ...['function_call_arguments.delta', 'function_call_arguments.done', 'output_text.annotation.added', 'unknown'],
];
const responses: AnswerShape = {
  piece: maybe(
    {
      type: fc.constantFrom(...RESPONSES_EVENTS.map((name) => `response.${name}`)),
      output_index: fc.oneof(fc.nat(3), junk),
      content_index: junk,
      summary_index: fc.oneof(fc.nat(2), junk),
      item_id: ids,
      delta: fc.oneof(text, json),
      text,
      name: names,
      arguments: json,
      annotation: junk,
      item: fc.oneof(responsesItem, junk),
    },
    ['type'],
  ),
  endings: ['completed', 'incomplete'].flatMap((status) =>
    [[], [{ type: 'function_call', call_id: 'a', name: 'Bash', arguments: '{}' }]].map((output) => ({
      type: `response.${status}`,
      response: { object: 'response', status, output, usage: { input_tokens: 3, output_tokens: 5 } },
    })),
  ),
};

const geminiCall = maybe({
  name: names,
  id: ids,
  args: junk,
  willContinue: fc.oneof(fc.boolean(), junk),
  partialArgs: few(
    maybe({
      jsonPath: fc.oneof(
        fc.constantFrom('$.a', '$.a[0].b', '$[0]', "$['x']", '$.__proto__.x', '$.constructor.prototype.x'),
        fc.string({ maxLength: 6 }),
      ),
      stringValue: text,
      numberValue: junk,
      willContinue: fc.boolean(),
    }),
  ),
});
const gemini: AnswerShape = {
  piece: maybe({
    candidates: few(
      maybe({
        content: fc.oneof(
          maybe({ parts: few(maybe({ text, thought: junk, thoughtSignature: text, functionCall: geminiCall })) }),
          junk,
        ),
        groundingMetadata: junk,
      }),
    ),
    usageMetadata: junk,
  }),
  endings: ['STOP', 'MAX_TOKENS', 'SAFETY', 'OTHER', 'MALFORMED_FUNCTION_CALL', 'ODD'].map((finishReason) => ({
    candidates: [{ finishReason }],
  })),
};

const messages: AnswerShape = {
  piece: maybe(
    {
      type: fc.constantFrom(
        ...['content_block_start', 'content_block_start', 'content_block_delta', 'content_block_delta'],
        ...['content_block_stop', 'message_start', 'ping', 'odd'],
      ),
      index: fc.oneof(fc.nat(3), junk),
      content_block: maybe({
        type: fc.constantFrom('text', 'thinking', 'tool_use', 'redacted_thinking', 'server_tool_use', 'odd', null),
        text,
        thinking: text,
        id: ids,
        name: names,
        input: junk,
        data: text,
        citations: junk,
      }),
      delta: maybe({
        type: fc.constantFrom(
          ...['text_delta', 'thinking_delta', 'signature_delta', 'input_json_delta', 'citations_delta', 'odd'],
        ),
        text,
        thinking: text,
        signature: text,
        partial_json: json,
        citation: junk,
      }),
      message: maybe({ usage: junk, content: junk }),
    },
    ['type'],
  ),
  endings: ['end_turn', 'max_tokens', 'tool_use', 'odd'].map((stop_reason) => ({
    type: 'message_delta',
    delta: { stop_reason },
    usage: { output_tokens: 5 },
  })),
};

const ollama: AnswerShape = {
  piece: maybe({
    message: fc.oneof(
      junk,
      maybe({
        content: text,
        thinking: text,
        tool_calls: few(maybe({ id: ids, function: maybe({ name: names, arguments: fc.oneof(json, junk) }) })),
      }),
    ),
    done: fc.constantFrom(false, null, 'true', 1),
  }),
  endings: ['stop', 'length', 'load', null].map((done_reason) => ({ done: true, done_reason, eval_count: 5 })),
};

/** By the type of the provider. */
export const ANSWER_SHAPES: Readonly<Record<string, AnswerShape>> = {
  'openai-chat': chat,
  openai: chat,
  azure: chat,
  openrouter: chat,
  'openai-responses': responses,
  gemini,
  anthropic: messages,
  ollama,
};
