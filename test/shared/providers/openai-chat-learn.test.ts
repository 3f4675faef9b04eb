import { expect } from 'chai';
import fc from 'fast-check';
import { type LearnableTraits, learnTraits } from '#shared/providers/openai-chat/learn.ts';
import { openaiChat } from '#shared/providers/openai-chat.ts';
import { convertBody } from '../../support/convert-body.ts';

function learn(body: unknown, status = 400): LearnableTraits | null {
  return learnTraits({ status, rawHeaders: [], body: Buffer.from(JSON.stringify(body)) });
}

const said = (message: string, rest: Record<string, unknown> = {}): unknown => ({ error: { message, ...rest } });
const NO_CHOICE = { takesRequiredChoice: false, takesNamedChoice: false };

const LESSONS: Array<[string, unknown, LearnableTraits]> = [
  [
    'OpenAI of max_tokens',
    said("Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens' instead.", {
      param: 'max_tokens',
      code: 'unsupported_parameter',
    }),
    { maxTokensField: 'max_completion_tokens' },
  ],
  [
    'an old server of the new name',
    said('Unrecognized request argument supplied: max_completion_tokens'),
    { maxTokensField: 'max_tokens' },
  ],
  [
    'Mistral of stream_options',
    { detail: [{ type: 'extra_forbidden', loc: ['body', 'stream_options'], msg: 'Extra inputs are not permitted' }] },
    { asksForUsage: false },
  ],
  [
    'OpenAI of a temperature',
    said(
      "Unsupported value: 'temperature' does not support 0.2 with this model. Only the default (1) value is supported.",
      {
        param: 'temperature',
        code: 'unsupported_value',
      },
    ),
    { sampling: 'none' },
  ],
  [
    'OpenAI of stop',
    said("Unsupported parameter: 'stop' is not supported with this model.", { param: 'stop' }),
    { maxStops: 0 },
  ],
  ['a choice', said("tool_choice: only 'auto' and 'none' are supported"), NO_CHOICE],
  ['vLLM of a choice', said('tool_choice is not supported for this model'), NO_CHOICE],
  ['the flag for one call', said('Unknown parameter: `parallel_tool_calls`'), { takesParallelFlag: false }],
  [
    'Groq of a field',
    said("property 'safety_identifier' is unsupported: unknown field `safety_identifier`"),
    { takesUserHash: false },
  ],
  ['a key for the cache', said('Unrecognized request argument supplied: prompt_cache_key'), { takesCacheKey: false }],
  ['a tier', said('Unknown parameter: service_tier'), { takesServiceTier: false }],
  [
    'an effort',
    said("Unsupported parameter: 'reasoning_effort' is not supported with this model."),
    { reasoningIn: 'none' },
  ],
  [
    'a schema',
    said("'response_format' of type 'json_schema' is not supported with this model"),
    { jsonAnswers: 'object' },
  ],
  [
    'the role developer',
    said("developer is not one of ['system', 'assistant', 'user', 'tool', 'function'] - 'messages.[0].role'"),
    { systemRole: 'system' },
  ],
  ['a system message behind the first', said('System message must be at the beginning.'), { isSystemFirstOnly: true }],
  [
    'OpenAI of too much output',
    said(
      'max_tokens is too large: 32000. This model supports at most 16384 completion tokens, whereas you provided 32000.',
      {
        param: 'max_tokens',
        code: 'invalid_value',
      },
    ),
    { maxOutput: 16_384 },
  ],
  [
    'DeepSeek of too much output',
    said('Invalid max_tokens value, the valid range of max_tokens is [1, 8192]'),
    { maxOutput: 8192 },
  ],
  [
    'Groq of too much output',
    said('`max_tokens` must be less than or equal to `8192`, the maximum value for `max_tokens`'),
    { maxOutput: 8192 },
  ],
];

const NOTHING: Array<[string, unknown]> = [
  [
    'a prompt that is too long',
    said(
      "This model's maximum context length is 8192 tokens. However, you requested 9240 tokens (8000 in the messages, 1240 in the completion). 'max_tokens' is not supported.",
      { code: 'context_length_exceeded' },
    ),
  ],
  [
    'an output beside which the prompt does not fit',
    said(
      "'max_tokens' or 'max_completion_tokens' is too large: 32000. This model's maximum context length is 40960 tokens and your request has 20000 input tokens.",
    ),
  ],
  [
    'a value out of range',
    said("Invalid 'temperature': decimal above maximum value. Expected a value <= 2, but got 3 instead.", {
      param: 'temperature',
    }),
  ],
  [
    'an effort of another name',
    said(
      "Unsupported value: 'reasoning_effort' does not support 'none' with this model. Supported values are: 'low', 'medium', and 'high'.",
      { param: 'reasoning_effort' },
    ),
  ],
  ['a tool that is not there', said("Tool choice 'Read' not found in tools")],
  ['a model', said('The model `gpt-9` does not exist')],
  ['an image', said('Image input is not supported by this model', { param: 'messages' })],
  ['no words', {}],
  ['a page', '<html>stop is not supported</html>'],
];

describe('conv M-02 conv U-06 what a refusal teaches', () => {
  for (const [who, body, traits] of LESSONS) {
    it(`learns from ${who}`, () => {
      expect(learn(body)).to.deep.equal(traits);
    });
  }

  for (const [what, body] of NOTHING) {
    it(`learns nothing from a refusal of ${what}`, () => {
      expect(learn(body)).to.equal(null);
    });
  }

  it('learns or does not from whatever bytes, and never throws', () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.uint8Array(),
          fc.json().map((text) => Buffer.from(text)),
        ),
        (bytes) => {
          learnTraits({ status: 400, rawHeaders: [], body: Buffer.from(bytes) });
        },
      ),
    );
  });

  it('converts as it has learned', () => {
    const fields = { temperature: 0.5, stop_sequences: ['a'], max_tokens: 32_000 };
    const learned = {
      maxTokensField: 'max_completion_tokens',
      sampling: 'none',
      maxStops: 0,
      maxOutput: 8192,
      asksForUsage: false,
    };
    const { json, notes, memory } = convertBody(openaiChat, fields, { learned });
    expect(json).to.have.property('max_completion_tokens', 8192);
    expect(json).not.to.have.any.keys('max_tokens', 'temperature', 'stop', 'stream_options');
    expect(notes).to.have.members(['max_tokens:8192', 'omitted:temperature']);
    // What the server does not stop at, the gateway does.
    expect(memory.stopSequences).to.deep.equal(['a']);
  });
});
