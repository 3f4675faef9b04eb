import type { Content, FunctionDeclaration, GenerateContentConfig, Part } from '@google/genai';
import { expect } from 'chai';
import fc from 'fast-check';
import { GatewayError } from '#shared/errors.ts';
import { keepMade } from '#shared/made-once.ts';
import { encodeSignature, toClientId, toUpstreamId, UNSIGNED } from '#shared/providers/gemini/thought-signature.ts';
import { gemini } from '#shared/providers/gemini.ts';
import { ANTHROPIC_ONLY, agentRequest } from '../../support/agent-request.ts';
import { convertBody } from '../../support/convert-body.ts';
import { loadRecordings } from '../../support/recordings.ts';

type Fields = Record<string, unknown>;

/** The SDK's types as they travel: its enums are their texts, its classes their fields. */
type Wire<T> = T extends string
  ? `${T}`
  : T extends (infer U)[]
    ? Wire<U>[]
    : T extends object
      ? { [K in keyof T]: Wire<T[K]> }
      : T;
interface Body {
  systemInstruction?: Wire<Content>;
  contents: Wire<Content>[];
  tools?: Array<{ functionDeclarations?: Wire<FunctionDeclaration>[]; googleSearch?: object }>;
  toolConfig?: { functionCallingConfig?: { mode?: string; allowedFunctionNames?: string[] } };
  generationConfig?: Wire<Pick<GenerateContentConfig, 'maxOutputTokens' | 'thinkingConfig' | 'stopSequences'>>;
}

const THREE = 'gemini-3-pro-preview';
const TWO = 'gemini-2.5-flash';

function convert(request: Fields, model = THREE, target: Fields = {}) {
  return convertBody(gemini, request, { model, target });
}

function contentsOf(messages: unknown[], model = THREE): Array<{ role: string; parts: Wire<Part>[] }> {
  return convert({ messages }, model).json.contents as Array<{ role: string; parts: Wire<Part>[] }>;
}

function configOf(request: Fields, model = THREE): Fields {
  return (convert(request, model).json.generationConfig ?? {}) as Fields;
}

function refusal(request: Fields): GatewayError {
  try {
    convert(request);
  } catch (error) {
    expect(error).to.be.instanceOf(GatewayError);
    return error as GatewayError;
  }
  throw new Error('nothing was refused');
}

const CALL = { type: 'tool_use', id: 'call_1', name: 'Read', input: { file_path: '/a' } };
const RESULT = { type: 'tool_result', tool_use_id: 'call_1', content: 'text of a' };
const IMAGE = { type: 'image', source: { type: 'base64', media_type: 'image/png', data: 'AAAA' } };

function step(...blocks: unknown[]): unknown[] {
  return [
    { role: 'user', content: 'Hi' },
    { role: 'assistant', content: blocks },
    { role: 'user', content: [RESULT] },
  ];
}

describe('gemini: requests', () => {
  it('conv Q-06 carries a whole agent request, in order, with nothing left that only Anthropic knows', () => {
    const golden = {
      systemInstruction: { parts: [{ text: 'You are an agent.' }, { text: 'Be brief.' }] },
      tools: [
        {
          functionDeclarations: [
            {
              name: 'Read',
              description: 'Reads a file.',
              parametersJsonSchema: {
                type: 'object',
                properties: { file_path: { type: 'string' }, pattern: { type: 'string' } },
                required: ['file_path'],
                $schema: 'http://json-schema.org/draft-07/schema#',
                additionalProperties: false,
              },
            },
            { name: 'Bash', parametersJsonSchema: { type: 'object', properties: { command: { type: 'string' } } } },
          ],
        },
      ],
      contents: [
        {
          role: 'user',
          parts: [
            { text: 'Look at both files.' },
            { text: 'And be quick.' },
            { text: '<system-reminder>\nWorking in /repo.\n</system-reminder>' },
          ],
        },
        {
          role: 'model',
          parts: [
            { text: 'Reading.' },
            { functionCall: { name: 'Read', args: { file_path: '/a' } }, thoughtSignature: UNSIGNED },
            { functionCall: { name: 'Bash', args: { command: 'cat /b' } } },
          ],
        },
        {
          role: 'user',
          parts: [
            { functionResponse: { name: 'Read', response: { output: 'line 1' } } },
            { functionResponse: { name: 'Bash', response: { error: 'no such file' } } },
            { text: 'Go on.' },
          ],
        },
      ],
      generationConfig: { maxOutputTokens: 32_000, thinkingConfig: { thinkingLevel: 'LOW', includeThoughts: true } },
    } satisfies Body;
    const { json, path, body } = convert(agentRequest());
    expect(json).to.deep.equal(golden);
    expect(path).to.equal('/models/gemini-3-pro-preview:streamGenerateContent?alt=sse');
    for (const key of ANTHROPIC_ONLY) expect(body.toString()).not.to.contain(key);
  });

  it('conv Q-06 converts every recorded request of every client, for both generations', () => {
    let count = 0;
    for (const { url, body } of loadRecordings()) {
      if (!/^\/v1\/messages(\?|$)/.test(url)) continue;
      const request = JSON.parse(body.toString('utf8')) as Fields;
      if (request.thread !== undefined) continue;
      for (const model of [THREE, TWO, 'gemini-2.0-flash']) {
        const { json, body: sent } = convert(request, model);
        const contents = json.contents as Array<{ role: string }>;
        expect(contents[0]?.role).to.equal('user');
        for (const key of ['cache_control', 'x-anthropic-billing-header', 'device_id']) {
          expect(sent.toString(), url).not.to.contain(`"${key}`);
        }
      }
      count++;
    }
    expect(count).to.be.above(40);
  });

  it('conv G-01 lets user and model take turns, the user first, and makes no empty part', () => {
    const contents = contentsOf([
      { role: 'assistant', content: 'I begin.' },
      { role: 'user', content: [{ type: 'text', text: '' }] },
      { role: 'user', content: 'one' },
      { role: 'user', content: 'two' },
      { role: 'assistant', content: 'a' },
      { role: 'assistant', content: 'b' },
      { role: 'system', content: 'late' },
    ]);
    expect(contents.map(({ role, parts }) => [role, parts.length])).to.deep.equal([
      ['user', 1],
      ['model', 1],
      ['user', 2],
      ['model', 2],
      ['user', 1],
    ]);
  });

  it('conv G-02 names the function a result belongs to, and gives an id back only where Gemini gave one', () => {
    const id = toClientId('fn-77', 'seed', 0);
    const [, call, response] = contentsOf([
      { role: 'user', content: 'Hi' },
      { role: 'assistant', content: [{ ...CALL, id }] },
      { role: 'user', content: [{ ...RESULT, tool_use_id: id }] },
    ]);
    expect(call?.parts[0]?.functionCall).to.include({ id: 'fn-77', name: 'Read' });
    expect(response?.parts[0]?.functionResponse).to.include({ id: 'fn-77', name: 'Read' });
    expect(contentsOf(step(CALL))[1]?.parts[0]?.functionCall).not.to.have.property('id');
    fc.assert(
      fc.property(fc.string({ minLength: 1, unit: 'grapheme' }), (given) => {
        const known = toClientId(given, 'seed', 1);
        expect(known).to.match(/^[a-zA-Z0-9_-]+$/);
        expect(toUpstreamId(known)).to.equal(given);
      }),
    );
    expect(toUpstreamId(toClientId('', 'seed', 1))).to.equal(undefined);
  });

  it('conv G-03 conv X-02 answers parallel calls in one content in their order, other words apart before Gemini 3', () => {
    const messages = [
      { role: 'user', content: 'Hi' },
      { role: 'assistant', content: [CALL, { ...CALL, id: 'call_2', name: 'Bash' }] },
      {
        role: 'user',
        content: [{ ...RESULT, tool_use_id: 'call_2' }, RESULT, { type: 'text', text: 'Go on.' }],
      },
    ];
    const namesOf = (parts: Wire<Part>[] = []) =>
      parts.map(({ functionResponse, text }) => functionResponse?.name ?? text);
    expect(namesOf(contentsOf(messages)[2]?.parts)).to.deep.equal(['Read', 'Bash', 'Go on.']);
    const older = contentsOf(messages, TWO);
    expect(older.slice(2).map(({ parts }) => namesOf(parts))).to.deep.equal([['Read', 'Bash'], ['Go on.']]);
  });

  it('conv G-04 C-19 puts a signature back on the call it came with, and marks first calls that have none', () => {
    const signed = { call: 'call_1', signature: 'c2ln' };
    const ways = [
      { type: 'thinking', thinking: 'hm', signature: encodeSignature(THREE, signed) },
      { type: 'redacted_thinking', data: encodeSignature(THREE, signed) },
    ];
    for (const block of ways) {
      expect(contentsOf(step(block, CALL))[1]?.parts).to.deep.equal([
        { functionCall: { name: 'Read', args: { file_path: '/a' } }, thoughtSignature: 'c2ln' },
      ]);
    }
    const second = { ...CALL, id: 'call_2' };
    const parts = contentsOf(step(CALL, second))[1]?.parts ?? [];
    expect(parts.map(({ thoughtSignature }) => thoughtSignature)).to.deep.equal([UNSIGNED, undefined]);
    expect(contentsOf(step(CALL), TWO)[1]?.parts[0]).not.to.have.property('thoughtSignature');
  });

  it('conv T-03 C-04 takes nothing of a turn in which thinking is foreign or of another model, and forges no signature', () => {
    const own = { type: 'redacted_thinking', data: encodeSignature(THREE, { call: 'call_1', signature: 'c2ln' }) };
    const foreign = [
      { type: 'thinking', thinking: 'b', signature: 'EpwDAnthropicsOwn' },
      { type: 'redacted_thinking', data: 'EpwDAnthropicsOwn' },
      { type: 'thinking', thinking: 'b', signature: encodeSignature('gemini-3-flash', null) },
    ];
    for (const block of foreign) {
      const { body } = convert({ messages: step(block, own, CALL) });
      expect(body.toString()).to.contain(`"thoughtSignature":"${UNSIGNED}"`);
      expect(body.toString()).not.to.contain('c2ln').and.not.to.contain('EpwD');
    }
    expect(convert({ messages: step(foreign[0], own, CALL) }, TWO).body.toString()).not.to.contain('thoughtSignature');
  });

  it('conv X-03 conv X-04 tells errors as such, and puts images where the generation takes them', () => {
    const results = (result: Fields, model = THREE) =>
      contentsOf(
        [
          { role: 'user', content: 'Hi' },
          { role: 'assistant', content: [CALL] },
          { role: 'user', content: [{ ...RESULT, ...result }] },
        ],
        model,
      ).slice(2);
    expect(results({ is_error: true })[0]?.parts[0]?.functionResponse?.response).to.deep.equal({ error: 'text of a' });
    expect(results({ is_error: true, content: '' })[0]?.parts[0]?.functionResponse?.response).to.deep.equal({
      error: 'Tool execution failed',
    });
    expect(results({ content: '{"a":1}' })[0]?.parts[0]?.functionResponse?.response).to.deep.equal({
      output: '{"a":1}',
    });
    const content = [{ type: 'text', text: 'see' }, IMAGE];
    const inline = { inlineData: { mimeType: 'image/png', data: 'AAAA' } };
    expect(results({ content })[0]?.parts).to.deep.equal([
      { functionResponse: { name: 'Read', response: { output: 'see' }, parts: [inline] } },
    ]);
    expect(results({ content }, TWO).map(({ parts }) => parts)).to.deep.equal([
      [{ functionResponse: { name: 'Read', response: { output: 'see\n[image 1 below]' } } }],
      [inline],
    ]);
  });

  it('conv Q-08 conv Q-09 carries images and documents, and names what it cannot', () => {
    const content = [
      IMAGE,
      { type: 'image', source: { type: 'url', url: 'https://x.example/a.webp?x' } },
      { type: 'document', source: { type: 'base64', media_type: 'application/pdf', data: 'JVBE' } },
      { type: 'document', title: 'Notes', source: { type: 'text', media_type: 'text/plain', data: 'abc' } },
    ];
    expect(contentsOf([{ role: 'user', content }])[0]?.parts).to.deep.equal([
      { inlineData: { mimeType: 'image/png', data: 'AAAA' } },
      { fileData: { mimeType: 'image/webp', fileUri: 'https://x.example/a.webp?x' } },
      { inlineData: { mimeType: 'application/pdf', data: 'JVBE' } },
      { text: 'Document: Notes\nabc' },
    ]);
    const file = { type: 'image', source: { type: 'file', file_id: 'file_1' } };
    expect(refusal({ messages: [{ role: 'user', content: [file] }] }).message).to.contain('messages[0].content[0]');
  });

  it('conv D-04 sends JSON Schema where it is taken, the OpenAPI subset elsewhere', () => {
    const input_schema = {
      type: 'object',
      properties: { a: { type: 'string', const: 'x' } },
      additionalProperties: false,
    };
    const tools = [
      { name: 'T', input_schema },
      { name: 'Empty', input_schema: {} },
    ];
    const declarations = (model: string, target: Fields = {}) => {
      const [tool] = convert({ tools }, model, target).json.tools as Array<{ functionDeclarations: Fields[] }>;
      return tool?.functionDeclarations;
    };
    expect(declarations(TWO)?.[0]).to.have.nested.property('parametersJsonSchema.additionalProperties', false);
    const classic = [
      { name: 'T', parameters: { type: 'object', properties: { a: { type: 'string', enum: ['x'] } } } },
      { name: 'Empty' },
    ];
    expect(declarations('gemini-2.0-flash')).to.deep.equal(classic);
    expect(declarations(THREE, { profile: 'openapi-schema' })).to.deep.equal(classic);
  });

  it('writes schemas as each model takes them, also of tools that were written for another before', () => {
    const tools = keepMade([{ name: 'T', input_schema: { type: 'object', properties: { a: { const: 'x' } } } }]);
    const write = (given: unknown, model: string) => convert({ tools: given }, model).body.toString('utf8');
    for (const model of [TWO, 'gemini-2.0-flash', THREE, 'gemini-2.0-flash', TWO])
      expect(write(tools, model)).to.equal(write([...tools], model));
  });

  it('conv D-02 sends names Gemini takes', () => {
    const { json, memory } = convert({
      tools: [
        { name: '1 tool!', input_schema: {} },
        { name: 'a.b:c-d', input_schema: {} },
      ],
    });
    const [tool] = json.tools as Array<{ functionDeclarations: Array<{ name: string }> }>;
    const [first, second] = (tool?.functionDeclarations ?? []).map(({ name }) => name);
    expect(first).to.match(/^[A-Za-z_][A-Za-z0-9_.:-]*$/);
    expect(memory.toolNames.get(first ?? '')).to.equal('1 tool!');
    expect(second).to.equal('a.b:c-d');
  });

  it('conv K-01 conv K-02 conv K-03 says which functions may be called', () => {
    const tools = [{ name: 'Read', input_schema: {} }];
    const choiceOf = (tool_choice: unknown) =>
      (convert({ tools, tool_choice }).json.toolConfig as Fields | undefined)?.functionCallingConfig;
    expect(choiceOf({ type: 'auto' })).to.deep.equal({ mode: 'AUTO' });
    expect(choiceOf({ type: 'none' })).to.deep.equal({ mode: 'NONE' });
    expect(choiceOf({ type: 'any' })).to.deep.equal({ mode: 'ANY' });
    expect(choiceOf({ type: 'tool', name: 'Read' })).to.deep.equal({ mode: 'ANY', allowedFunctionNames: ['Read'] });
    expect(choiceOf(undefined)).to.equal(undefined);
    expect(refusal({ tools, tool_choice: { type: 'tool', name: 'Gone' } }).message).to.contain('Gone');
  });

  it('conv T-01 conv T-11 conv T-14 thinks as much as was asked for, in the measure of the generation', () => {
    const thinkingOf = (request: Fields, model: string): unknown => configOf(request, model).thinkingConfig;
    const enabled = (budget_tokens: number) => ({ thinking: { type: 'enabled', budget_tokens } });
    const adaptive = { thinking: { type: 'adaptive', display: 'omitted' } };
    expect(thinkingOf(enabled(100_000), 'gemini-2.5-pro')).to.deep.equal({
      thinkingBudget: 32_768,
      includeThoughts: true,
    });
    expect(thinkingOf({ thinking: { type: 'disabled' } }, 'gemini-2.5-pro')).to.deep.equal({ thinkingBudget: 128 });
    expect(thinkingOf({ thinking: { type: 'disabled' } }, TWO)).to.deep.equal({ thinkingBudget: 0 });
    expect(thinkingOf(enabled(100), 'gemini-2.5-flash-lite')).to.include({ thinkingBudget: 512 });
    expect(thinkingOf({ ...adaptive, output_config: { effort: 'medium' } }, TWO)).to.deep.equal({
      thinkingBudget: 8192,
    });
    expect(thinkingOf({ thinking: { type: 'disabled' } }, THREE)).to.deep.equal({ thinkingLevel: 'LOW' });
    expect(thinkingOf({ thinking: { type: 'disabled' } }, 'gemini-3-flash')).to.deep.equal({
      thinkingLevel: 'MINIMAL',
    });
    expect(thinkingOf(enabled(31_999), THREE)).to.deep.equal({ thinkingLevel: 'HIGH', includeThoughts: true });
    expect(thinkingOf({ ...adaptive, output_config: { effort: 'max' } }, 'gemini-3.1-pro')).to.deep.equal({
      thinkingLevel: 'HIGH',
    });
    expect(thinkingOf(adaptive, THREE)).to.equal(undefined);
    expect(thinkingOf({ thinking: { type: 'adaptive' } }, THREE)).to.deep.equal({ includeThoughts: true });
    expect(thinkingOf(enabled(5000), 'gemini-2.0-flash')).to.equal(undefined);
  });

  it('conv M-02 conv M-05 conv M-07 names limits and sampling as Gemini does', () => {
    const stop_sequences = ['1', '2', '3', '4', '5', '6'];
    const request = { max_tokens: 100, temperature: 0.5, top_p: 0.9, top_k: 7, stop_sequences };
    expect(configOf(request)).to.deep.equal({
      maxOutputTokens: 100,
      temperature: 0.5,
      topP: 0.9,
      topK: 7,
      stopSequences: stop_sequences.slice(0, 5),
    });
    expect(convert(request).memory.stopSequences).to.deep.equal(['6']);
  });

  it('conv O-01 asks for the schema of the answer, or instructs where tools stand in the way', () => {
    const schema = { type: 'object', properties: { a: { const: 'x' } }, additionalProperties: false };
    const request = { output_config: { format: { type: 'json_schema', schema } } };
    expect(configOf(request)).to.deep.include({ responseMimeType: 'application/json', responseJsonSchema: schema });
    expect(configOf(request, 'gemini-2.0-flash')).to.deep.include({
      responseSchema: { type: 'object', properties: { a: { type: 'string', enum: ['x'] } } },
    });
    const both = convert({ ...request, system: 'Be kind.', tools: [{ name: 'T', input_schema: {} }] }, TWO);
    expect(both.json.generationConfig).not.to.have.property('responseMimeType');
    expect(both.json.systemInstruction).to.have.nested.property('parts[1].text').that.contains(JSON.stringify(schema));
    expect(both.notes).to.deep.equal(['instructed:format']);
  });

  it('conv G-09 conv W-01 conv W-05 searches with Google, beside functions from Gemini 3 on, and leaves the rest out', () => {
    const search = { type: 'web_search_20250305', name: 'web_search', max_uses: 8 };
    const read = { name: 'Read', input_schema: {} };
    const fetch = { type: 'web_fetch_20250910', name: 'web_fetch' };
    expect(convert({ tools: [search] }).json.tools).to.deep.equal([{ googleSearch: {} }]);
    expect(convert({ tools: [search, read] }).json.tools).to.have.length(2);
    const older = convert({ tools: [search, read, fetch] }, TWO);
    expect(older.json.tools).to.deep.equal([{ googleSearch: {} }]);
    expect(older.notes).to.have.members(['omitted:functions', 'omitted:web_fetch_20250910']);
    expect(refusal({ mcp_servers: [{ url: 'https://x.example' }] }).message).to.match(/^mcp_servers/);
  });

  it('conv G-10 asks for a stream of events where the Gemini API or Vertex has it', () => {
    const pathAt = (baseUrl: string, model = 'gemini-3-pro') => convert({}, model, { baseUrl }).path;
    const call = 'models/gemini-3-pro:streamGenerateContent?alt=sse';
    expect(pathAt('https://generativelanguage.googleapis.com')).to.equal(`/v1beta/${call}`);
    expect(pathAt('https://generativelanguage.googleapis.com/v1beta')).to.equal(`/${call}`);
    const vertex =
      'https://us-central1-aiplatform.googleapis.com/v1/projects/p/locations/us-central1/publishers/google';
    expect(pathAt(vertex)).to.equal(`/${call}`);
    expect(pathAt('https://x.example/v1', 'models/gemini-3-pro')).to.equal(`/${call}`);
    expect(pathAt('https://x.example/v1', 'a?key=b')).to.equal('/models/a%3Fkey%3Db:streamGenerateContent?alt=sse');
    for (const name of ['../secret', '..', '', 'a//b']) {
      expect(() => pathAt('https://x.example/v1', name)).to.throw(GatewayError, /^model: /);
    }
    expect(gemini.keyHeader).to.equal('x-goog-api-key');
  });

  it('makes ids from the request: the same for the same, others for the next turn', () => {
    const seedOf = (text: string) => convert({ messages: [{ role: 'user', content: text }] }).memory.idSeed;
    expect(seedOf('a')).to.equal(seedOf('a'));
    expect(seedOf('a')).not.to.equal(seedOf('b'));
  });
});
