// The oracle of what servers refuse must itself refuse what they do.
import { expect } from 'chai';
import { createWireLimits } from '../support/wire-limits/index.ts';

type Body = Record<string, unknown>;

const limits = createWireLimits();
const functionTool = (name: string): Body => ({ type: 'function', function: { name, parameters: { type: 'object' } } });
const flatTool = (name: string): Body => ({ type: 'function', name, parameters: { type: 'object' }, strict: false });
const many = <T>(count: number, item: (index: number) => T): T[] =>
  Array.from({ length: count }, (_, index) => item(index));

const CHAT: Body = { model: 'm', messages: [{ role: 'user', content: 'Hi' }], stream: true };
const RESPONSES: Body = {
  model: 'm',
  input: [{ type: 'message', role: 'user', content: 'Hi' }],
  store: false,
  stream: true,
};
const GEMINI: Body = { contents: [{ role: 'user', parts: [{ text: 'Hi' }] }] };
const OLLAMA: Body = { model: 'm', messages: [{ role: 'user', content: 'Hi' }], stream: true };
const MESSAGES: Body = { model: 'm', messages: [{ role: 'user', content: 'Hi' }], stream: true };

const toolCall = (id: string): Body => ({ id, type: 'function', function: { name: 'Read', arguments: '{}' } });
const calls = (...ids: string[]): Body => ({ role: 'assistant', content: null, tool_calls: ids.map(toolCall) });
const result = (id: string, content: unknown = 'ok'): Body => ({ role: 'tool', tool_call_id: id, content });
const functionCall = (id: string): Body => ({ type: 'function_call', call_id: id, name: 'Read', arguments: '{}' });
const output = (id: string): Body => ({ type: 'function_call_output', call_id: id, output: 'ok' });
const modelCalls = (...names: string[]): Body => ({
  role: 'model',
  parts: names.map((name) => ({ functionCall: { name, args: {} } })),
});
const responds = (...names: string[]): Body => ({
  role: 'user',
  parts: names.map((name) => ({ functionResponse: { name, response: { output: 'ok' } } })),
});
const image = { type: 'image_url', image_url: { url: 'https://example.com/a.png' } };

/** Protocol, what breaks it, and a body that does. */
const BREACHES: Array<[string, string, Body]> = [
  ['openai-chat', 'five stop strings', { ...CHAT, stop: ['1', '2', '3', '4', '5'] }],
  ['openai-chat', 'an image in a tool message', { ...CHAT, messages: [calls('a'), result('a', [image])] }],
  ['openai-chat', 'a call id over 40', { ...CHAT, messages: [calls('a'.repeat(41)), result('a'.repeat(41))] }],
  ['openai-chat', 'a tool name over 64', { ...CHAT, tools: [functionTool('a'.repeat(65))] }],
  ['openai-chat', 'a dot in a tool name', { ...CHAT, tools: [functionTool('a.b')] }],
  ['openai-chat', '129 tools', { ...CHAT, tools: many(129, (index) => functionTool(`t${index}`)) }],
  ['openai-chat', 'no tools at all in the list', { ...CHAT, tools: [] }],
  ['openai-chat', 'a choice without tools', { ...CHAT, tool_choice: 'auto' }],
  [
    'openai-chat',
    'a choice of no tool',
    { ...CHAT, tools: [functionTool('a')], tool_choice: { type: 'function', function: { name: 'b' } } },
  ],
  ['openai-chat', 'two tools of one name', { ...CHAT, tools: [functionTool('a'), functionTool('a')] }],
  ['openai-chat', 'a call without its result', { ...CHAT, messages: [calls('a', 'b'), result('a')] }],
  ['openai-chat', 'results out of order', { ...CHAT, messages: [calls('a', 'b'), result('b'), result('a')] }],
  ['openai-chat', 'a result of no call', { ...CHAT, messages: [result('a')] }],
  ['openai-chat', 'a message of nothing', { ...CHAT, messages: [{ role: 'assistant', content: null }] }],
  ['openai-chat', 'both names for the limit', { ...CHAT, max_tokens: 1, max_completion_tokens: 1 }],
  ['openai-chat', 'a word of another protocol', { ...CHAT, stop_sequences: ['a'] }],
  ['openai-chat', 'no stream', { ...CHAT, stream: false }],
  ['azure', 'an empty conversation', { ...CHAT, messages: [] }],
  ['openrouter', 'a fraction of a token', { ...CHAT, max_tokens: 1.5 }],
  [
    'openai',
    'a mark within a name',
    { ...CHAT, messages: [{ role: 'user', content: [{ type: 'text', text: 'a', citations: {} }] }] },
  ],
  ['openai-responses', 'an output limit under 16', { ...RESPONSES, max_output_tokens: 15 }],
  [
    'openai-responses',
    'a call id over 64',
    { ...RESPONSES, input: [functionCall('a'.repeat(65)), output('a'.repeat(65))] },
  ],
  ['openai-responses', 'a tool name over 128', { ...RESPONSES, tools: [flatTool('a'.repeat(129))] }],
  ['openai-responses', 'a stop sequence', { ...RESPONSES, stop: ['a'] }],
  ['openai-responses', 'storing', { ...RESPONSES, store: true }],
  ['openai-responses', 'a tool that may be strict', { ...RESPONSES, tools: [{ ...flatTool('a'), strict: undefined }] }],
  ['openai-responses', 'a call without its output', { ...RESPONSES, input: [functionCall('a')] }],
  ['openai-responses', 'an output without its call', { ...RESPONSES, input: [output('a')] }],
  [
    'openai-responses',
    'one id for two calls',
    { ...RESPONSES, input: [functionCall('a'), functionCall('a'), output('a')] },
  ],
  [
    'openai-responses',
    'reasoning that led to nothing',
    { ...RESPONSES, input: [{ type: 'reasoning', summary: [], encrypted_content: 'x' }] },
  ],
  ['gemini', 'six stop sequences', { ...GEMINI, generationConfig: { stopSequences: ['1', '2', '3', '4', '5', '6'] } }],
  ['gemini', 'a name that begins with a digit', { ...GEMINI, tools: [{ functionDeclarations: [{ name: '1st' }] }] }],
  ['gemini', 'an empty part', { contents: [{ role: 'user', parts: [{}] }] }],
  ['gemini', 'an empty text', { contents: [{ role: 'user', parts: [{ text: '' }] }] }],
  ['gemini', 'a model that begins', { contents: [{ role: 'model', parts: [{ text: 'Hi' }] }] }],
  ['gemini', 'two turns of one role', { contents: [...(GEMINI.contents as Body[]), ...(GEMINI.contents as Body[])] }],
  [
    'gemini',
    'fewer responses than calls',
    { contents: [...(GEMINI.contents as Body[]), modelCalls('a', 'b'), responds('a')] },
  ],
  ['gemini', 'calls at the end', { contents: [...(GEMINI.contents as Body[]), modelCalls('a')] }],
  [
    'ollama',
    'arguments as text',
    {
      ...OLLAMA,
      messages: [{ role: 'assistant', content: '', tool_calls: [{ function: { name: 'a', arguments: '{}' } }] }],
    },
  ],
  ['ollama', 'a list as content', { ...OLLAMA, messages: [{ role: 'user', content: [{ type: 'text', text: 'a' }] }] }],
  ['anthropic', "what only Anthropic's own knows", { ...MESSAGES, context_management: {} }],
  [
    'anthropic',
    'an empty text block',
    { ...MESSAGES, messages: [{ role: 'user', content: [{ type: 'text', text: '' }] }] },
  ],
];

/** What must pass, so that no breach is one of its neighbours. */
const FITS: Array<[string, Body]> = [
  ['openai-chat', { ...CHAT, stop: ['1', '2', '3', '4'], tools: many(128, (index) => functionTool(`t${index}`)) }],
  ['openai-chat', { ...CHAT, messages: [calls('a'.repeat(40), 'b'), result('a'.repeat(40)), result('b')] }],
  ['openai-responses', { ...RESPONSES, max_output_tokens: 16, tools: [flatTool('a'.repeat(128))] }],
  ['openai-responses', { ...RESPONSES, input: [functionCall('a'), functionCall('b'), output('b'), output('a')] }],
  ['gemini', { contents: [...(GEMINI.contents as Body[]), modelCalls('a', 'b'), responds('a', 'b')] }],
  ['ollama', OLLAMA],
  ['anthropic', MESSAGES],
];

describe('the oracle of what servers refuse', () => {
  for (const [type, what, body] of BREACHES) {
    it(`refuses ${what} (${type})`, () => {
      expect(limits.breaches(type, JSON.parse(JSON.stringify(body)))).to.have.length.above(0);
    });
  }

  it('takes what is just within the limits', () => {
    for (const [type, body] of FITS) expect(limits.breaches(type, body), type).to.deep.equal([]);
  });

  it('knows no protocol that has no limits', () => {
    expect(() => limits.breaches('another', {})).to.throw('no limits are written down for another');
  });
});
