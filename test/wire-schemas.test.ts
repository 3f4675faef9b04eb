// The third oracle of what is sent: every request the fixtures expect fits the contract its vendor publishes. What clients
// ask at random is held against it in test/support/properties/requests.ts.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { createWireSchemas, readContract } from './support/wire-schemas.ts';

type Body = Record<string, unknown>;

const FIXTURES = join(import.meta.dirname, 'fixtures');
const schemas = createWireSchemas();

function expectations(type: string): Array<{ name: string; body: unknown }> {
  const folder = join(FIXTURES, type, 'requests');
  return readdirSync(folder).flatMap((file) => {
    const groups = JSON.parse(readFileSync(join(folder, file), 'utf8')) as Array<{ for: string[]; body?: unknown }>;
    return groups.flatMap(({ for: servers, body }) =>
      body === undefined ? [] : [{ name: `${file} (${servers.join(', ')})`, body }],
    );
  });
}

const CHAT: Body = { model: 'm', messages: [{ role: 'user', content: 'Hi' }], stream: true };
const RESPONSES: Body = { model: 'm', input: [{ role: 'user', content: 'Hi' }], store: false, stream: true };
const GEMINI: Body = { contents: [{ role: 'user', parts: [{ text: 'Hi' }] }] };
const output = (id: string): Body => ({ type: 'function_call_output', call_id: id, output: 'ok' });
const image = { type: 'image_url', image_url: { url: 'https://example.com/a.png' } };
const answered = (content: unknown): Body[] => [
  {
    role: 'assistant',
    content: null,
    tool_calls: [{ id: 'a', type: 'function', function: { name: 'Read', arguments: '{}' } }],
  },
  { role: 'tool', tool_call_id: 'a', content },
];

/** Type, what is wrong, and a body in which nothing else is. */
const WRONG: Array<[string, string, Body]> = [
  ['openai', 'a word of another protocol', { ...CHAT, stop_sequences: ['a'] }],
  ['openai', 'a role nobody has', { ...CHAT, messages: [{ role: 'human', content: 'Hi' }] }],
  ['openai', 'five stop strings', { ...CHAT, stop: ['1', '2', '3', '4', '5'] }],
  ['openai', 'an image in a tool message', { ...CHAT, messages: answered([image]) }],
  [
    'openai',
    'thinking that goes back',
    { ...CHAT, messages: [{ role: 'assistant', content: 'a', reasoning_content: 'b' }] },
  ],
  ['azure', 'a tool without its function', { ...CHAT, tools: [{ type: 'function', name: 'Read' }] }],
  ['azure', 'an effort nobody knows', { ...CHAT, reasoning_effort: 'utmost' }],
  [
    'openrouter',
    'a mark on a tool',
    { ...CHAT, tools: [{ type: 'function', function: { name: 'a' }, cache_control: {} }] },
  ],
  ['openai-responses', 'a call id over 64', { ...RESPONSES, input: [output('a'.repeat(65))] }],
  ['openai-responses', 'an output limit under 16', { ...RESPONSES, max_output_tokens: 15 }],
  ['openai-responses', 'a stop sequence', { ...RESPONSES, stop: ['a'] }],
  [
    'openai-responses',
    'a part of another protocol',
    { ...RESPONSES, input: [{ role: 'user', content: [{ type: 'text', text: 'a' }] }] },
  ],
  ['gemini', 'a part nobody knows', { contents: [{ role: 'user', parts: [{ inlineText: 'a' }] }] }],
  ['gemini', 'a mode nobody knows', { ...GEMINI, toolConfig: { functionCallingConfig: { mode: 'required' } } }],
  [
    'gemini',
    'a level in small letters',
    { ...GEMINI, generationConfig: { thinkingConfig: { thinkingLevel: 'high' } } },
  ],
  [
    'gemini',
    'a schema with words it does not know',
    { ...GEMINI, tools: [{ functionDeclarations: [{ name: 'a', parameters: { $ref: '#' } }] }] },
  ],
];

/** What must fit, so that nothing is refused for its neighbour. */
const RIGHT: Array<[string, Body]> = [
  ['openai', { ...CHAT, stop: ['1', '2', '3', '4'], reasoning_effort: 'high' }],
  ['openai', { ...CHAT, messages: [...(CHAT.messages as Body[]), ...answered([{ type: 'text', text: 'ok' }])] }],
  ['openrouter', { ...CHAT, top_k: 3, messages: [{ role: 'assistant', content: 'a', reasoning_content: 'b' }] }],
  ['openai-responses', { ...RESPONSES, max_output_tokens: 16, input: [output('a'.repeat(64))] }],
  ['gemini', { ...GEMINI, toolConfig: { functionCallingConfig: { mode: 'ANY' } } }],
  ['gemini', { ...GEMINI, generationConfig: { thinkingConfig: { thinkingLevel: 'HIGH' } } }],
];

describe('the contracts that vendors publish', () => {
  for (const type of schemas.types) {
    it(`are kept by every request that the fixtures expect of ${type}`, () => {
      const list = expectations(type);
      expect(list.length).to.be.above(20);
      for (const { name, body } of list) expect(schemas.breaches(type, body).join('\n'), name).to.equal('');
    });
  }

  for (const [type, what, body] of WRONG) {
    it(`do not allow ${what} (${type})`, () => {
      expect(schemas.breaches(type, body)).to.have.length.above(0);
    });
  }

  it('allow what is right', () => {
    for (const [type, body] of RIGHT) expect(schemas.breaches(type, body).join('\n'), type).to.equal('');
  });

  it('say where they come from, and under which licence', () => {
    const files = readdirSync(join(FIXTURES, 'schemas')).filter((file) => file.endsWith('.json'));
    expect(files).to.have.length(3);
    for (const file of files) {
      expect(readContract(file.slice(0, -'.json'.length)).$comment, file).to.match(
        /version .+, licence (MIT|Apache-2\.0);/,
      );
    }
    expect(existsSync(join(import.meta.dirname, '../scripts/write-wire-schemas.ts'))).to.equal(true);
  });
});
