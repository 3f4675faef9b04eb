import { ApiError, type Content, type GenerateContentResponse, GoogleGenAI } from '@google/genai';
import { expect } from 'chai';
import { SCENARIOS } from '#services/simulator/scenarios/index.ts';
import { text, thinking, toolUse } from '#services/simulator/script.ts';
import { createSimulator, type SceneSource, type Simulator } from '#services/simulator/service.ts';
import { callOnWire } from './raw-client.ts';

type Part = Record<string, unknown> & { functionCall?: Record<string, unknown> };
type Chunk = {
  candidates?: Array<{
    content?: { parts: Part[] };
    finishReason?: string;
    groundingMetadata?: Record<string, unknown>;
  }>;
  usageMetadata?: Record<string, number>;
  [key: string]: unknown;
};

const MODEL = 'gemini-3-pro-preview';
const PATH = `/v1beta/models/${MODEL}:streamGenerateContent?alt=sse`;
const DECLARATIONS = ['Read', 'Bash'].map((name) => ({
  name,
  parametersJsonSchema: { type: 'object', properties: { path: { type: 'string' } } },
}));
const CONFIG = { tools: [{ functionDeclarations: DECLARATIONS }], thinkingConfig: { includeThoughts: true } };
const BODY = {
  contents: [{ role: 'user', parts: [{ text: 'Read both files' }] }],
  tools: CONFIG.tools,
  generationConfig: { thinkingConfig: CONFIG.thinkingConfig },
};

describe('simulated Gemini', () => {
  let simulator: Simulator;
  let client: GoogleGenAI;
  before(async () => {
    simulator = await createSimulator({ listenAddress: '127.0.0.1:0', defaultScene: 'text', delayScale: 0 });
    client = new GoogleGenAI({
      apiKey: 'test-key',
      httpOptions: { baseUrl: simulator.url, retryOptions: { attempts: 1 } },
    });
  });
  after(() => simulator.stop());
  beforeEach(() => simulator.reset());

  const post = (path: string, body: unknown): Promise<Response> =>
    fetch(simulator.url + path, { method: 'POST', body: JSON.stringify(body) });
  async function wire(scene: SceneSource, more: Record<string, unknown> = {}): Promise<string> {
    simulator.use(scene);
    return (await post(PATH, { ...BODY, ...more })).text();
  }
  const chunks = async (scene: SceneSource, more?: Record<string, unknown>): Promise<Chunk[]> =>
    [...(await wire(scene, more)).matchAll(/^data: (\{.*\})\r?$/gm)].map(([, data = '']) => JSON.parse(data) as Chunk);
  const partsIn = (sent: Chunk[]): Part[] => sent.flatMap((chunk) => chunk.candidates?.[0]?.content?.parts ?? []);
  const parts = async (scene: SceneSource, more?: Record<string, unknown>): Promise<Part[]> =>
    partsIn(await chunks(scene, more));
  const ask = (contents: Content[] | string = 'Read both files'): Promise<GenerateContentResponse> =>
    client.models.generateContent({ model: MODEL, contents, config: CONFIG });

  it('streams to the SDK what it answers without a stream', async () => {
    const content = [
      thinking('hm'),
      text('Grüße 👩‍👩‍👧'),
      toolUse('Read', { path: 'a' }),
      toolUse('Read', { path: 'ü' }),
    ];
    simulator.use({ content });
    const told: Part[] = [];
    let last: GenerateContentResponse | undefined;
    for await (const chunk of await client.models.generateContentStream({
      model: MODEL,
      contents: 'Read',
      config: CONFIG,
    })) {
      told.push(...((chunk.candidates?.[0]?.content?.parts ?? []) as Part[]));
      last = chunk;
    }
    const whole = await ask();
    const said = (list: Part[], thought: boolean): string =>
      list
        .filter((part) => (part.thought ?? false) === thought)
        .map((part) => part.text ?? '')
        .join('');
    const wholeParts = (whole.candidates?.[0]?.content?.parts ?? []) as Part[];
    expect([said(told, true), said(told, false)]).to.deep.equal(['hm', 'Grüße 👩‍👩‍👧']);
    expect([said(wholeParts, true), said(wholeParts, false)]).to.deep.equal(['hm', 'Grüße 👩‍👩‍👧']);
    const callsOf = (list: Part[]): unknown[] => list.filter((part) => part.functionCall);
    expect(callsOf(told)).to.deep.equal(callsOf(wholeParts)).and.to.have.length(2);
    expect(last?.candidates?.[0]?.finishReason).to.equal('STOP');
    expect(last?.usageMetadata?.candidatesTokenCount).to.equal(whole.usageMetadata?.candidatesTokenCount);
    expect(last?.usageMetadata?.thoughtsTokenCount).to.equal(1);
  });

  it('frames its events with CRLF, or tells them as an array where none were asked for', async () => {
    expect(await wire('text')).to.match(/^(data: \{.*\}\r\n\r\n)+$/);
    simulator.use('text');
    const array = await post(`/v1beta/models/${MODEL}:streamGenerateContent`, BODY);
    expect(array.headers.get('content-type')).to.match(/^application\/json/);
    expect(await array.json())
      .to.be.an('array')
      .with.length.greaterThan(1);
  });

  it('shows thoughts when asked to', async () => {
    const thoughts = (list: Part[]): Part[] => list.filter((part) => part.thought === true);
    expect(thoughts(await parts('thinking'))).to.have.length.greaterThan(0);
    expect(thoughts(await parts('thinking', { generationConfig: {} }))).to.have.length(0);
  });

  it('signs the first call, and wants that back in the turn that goes on', async () => {
    simulator.use('tool-read-parallel');
    const first = await ask();
    const model = first.candidates?.[0]?.content;
    const calls = (model?.parts ?? []).filter((part) => part.functionCall);
    expect(calls.map((part) => typeof part.thoughtSignature)).to.deep.equal(['string', 'undefined']);
    const results = calls.map(() => ({ functionResponse: { name: 'Read', response: { output: 'read' } } }));
    const history = (part: (each: Record<string, unknown>) => Record<string, unknown>): Content[] => [
      { role: 'user', parts: [{ text: 'Read' }] },
      { role: 'model', parts: (model?.parts ?? []).map((each) => part({ ...each })) },
      { role: 'user', parts: results },
    ];
    expect((await ask(history((each) => each))).text).to.match(/^Both files/);
    const skipped = { thoughtSignature: 'skip_thought_signature_validator' };
    expect((await ask(history((each) => ('thoughtSignature' in each ? { ...each, ...skipped } : each)))).text).to.match(
      /^Both/,
    );
    const refusals: Array<[Content[], string]> = [
      [history(({ thoughtSignature: _, ...rest }) => rest), 'missing a thought_signature'],
      [history((each) => ({ ...each, thoughtSignature: 'Zm9yZ2Vk' })), 'Corrupted thought signature'],
      [history((each) => each).slice(0, 2), 'number of function response parts'],
      [[{ role: 'system', parts: [{ text: 'x' }] }], 'valid role'],
      [[{ role: 'user', parts: [] }], 'must not be empty'],
    ];
    for (const [contents, words] of refusals) {
      const error = await ask(contents).catch((thrown: unknown) => thrown);
      expect(error, words).to.be.instanceOf(ApiError).with.property('message').that.includes(words);
    }
  });

  it('refuses names and schema words that the API does not know', async () => {
    const tool = (each: Record<string, unknown>): Record<string, unknown> => ({
      tools: [{ functionDeclarations: [each] }],
    });
    const nested = { type: 'object', properties: { list: { type: 'array', items: { $ref: '#/x' } } } };
    expect(await wire('text', tool({ name: 'Read', parameters: nested }))).to.include(
      `Unknown name \\"$ref\\" at 'tools[0].function_declarations[0].parameters.properties[0].value.items'`,
    );
    expect(await wire('text', tool({ name: '1bad' }))).to.include('Invalid function name');
  });

  it('counts tokens, lists models, takes images', async () => {
    const counted = await client.models.countTokens({ model: MODEL, contents: 'a few words' });
    expect(counted.totalTokens).to.be.greaterThan(5);
    const names: Array<string | undefined> = [];
    for await (const model of await client.models.list()) names.push(model.name);
    expect(names).to.include(`models/${MODEL}`);
    expect((await client.models.get({ model: 'gemini-2.5-pro' })).inputTokenLimit).to.equal(1_048_576);
    const image = { inlineData: { mimeType: 'image/png', data: 'iVBORw0KGgo=' } };
    expect((await ask([{ role: 'user', parts: [{ text: 'What is this?' }, image] }])).text).to.match(/^Hello/);
  });

  it('is Vertex, too', async () => {
    const path = `/v1/projects/p/locations/global/publishers/google/models/${MODEL}:generateContent`;
    expect(await (await post(path, BODY)).json()).to.have.nested.property('candidates[0].content.role', 'model');
  });

  it('refuses in Google’s words, with details', async () => {
    for (const [scene, code, status] of [
      ['context-overflow', 400, 'INVALID_ARGUMENT'],
      ['error-401', 401, 'UNAUTHENTICATED'],
      ['error-404', 404, 'NOT_FOUND'],
      ['error-429', 429, 'RESOURCE_EXHAUSTED'],
      ['error-500', 500, 'INTERNAL'],
      ['error-503', 503, 'UNAVAILABLE'],
    ] as const) {
      expect(JSON.parse(await wire(scene)).error, scene).to.include({ code, status });
    }
    const error = await ask().catch((thrown: unknown) => thrown);
    expect(error).to.be.instanceOf(ApiError).with.property('status', 503);
    const { details } = JSON.parse(await wire('error-429')).error;
    expect(details.map((each: { '@type': string }) => each['@type'].split('.').at(-1))).to.deep.equal([
      'QuotaFailure',
      'RetryInfo',
    ]);
    expect(details[1]).to.include({ retryDelay: '34.4s' });
    expect(await wire('quota')).to.include('PerDay');
    expect(JSON.parse(await wire('gemini-400-key')).error.details[0]).to.include({ reason: 'API_KEY_INVALID' });
    expect(JSON.parse(await wire('gemini-error-list'))).to.be.an('array');
  });

  describe('quirks on the wire', () => {
    it('calls with ids, without arguments, apart, member by member', async () => {
      const calls = async (name: string, more?: Record<string, unknown>): Promise<Array<Record<string, unknown>>> =>
        (await parts(name, more)).flatMap((part) => (part.functionCall ? [part.functionCall] : []));
      expect((await calls('gemini-call-ids'))[0])
        .to.have.property('id')
        .that.matches(/^\w{8}$/);
      expect((await calls('tool-read-parallel'))[0]).to.not.have.property('id');
      expect(await calls('gemini-args-missing')).to.deep.equal([{ name: 'Read' }]);
      const together = (await chunks('tool-read-parallel')).filter((chunk) =>
        partsIn([chunk]).some((part) => part.functionCall),
      );
      const apart = (await chunks('gemini-calls-apart')).filter((chunk) =>
        partsIn([chunk]).some((part) => part.functionCall),
      );
      expect([together.length, apart.length]).to.deep.equal([1, 2]);
      const toolConfig = { functionCallingConfig: { streamFunctionCallArguments: true } };
      const partial = await calls('gemini-partial-args', { toolConfig });
      expect(partial[0]).to.deep.equal({ name: 'Read', willContinue: true });
      expect(partial[1]).to.have.nested.property('partialArgs[0].jsonPath', '$.file_path');
      expect(partial.filter((call) => Object.keys(call).length === 0)).to.have.length(2);
      expect((await calls('gemini-partial-args-unended', { toolConfig })).at(-1)).to.not.deep.equal({});
      expect((await calls('gemini-partial-args'))[0]).to.have.property('args');
    });

    it('signatures on each call, on text, on an empty text, nowhere', async () => {
      const signed = async (name: string): Promise<Part[]> =>
        (await parts(name)).filter((part) => part.thoughtSignature);
      expect((await signed('gemini-signature-every-call')).every((part) => part.functionCall)).to.equal(true);
      expect(await signed('gemini-signature-every-call')).to.have.length(2);
      expect((await signed('gemini-signature-text'))[0]?.text).to.not.equal('');
      expect((await signed('gemini-signature-empty-text'))[0]?.text).to.equal('');
      expect(await signed('gemini-signature-none')).to.have.length(0);
    });

    it('sources at the end, or in every chunk', async () => {
      const grounded = async (name: string): Promise<number> =>
        (await chunks(name)).filter((chunk) => chunk.candidates?.[0]?.groundingMetadata).length;
      expect(await grounded('gemini-grounding')).to.equal(1);
      const all = await chunks('gemini-grounding-in-every');
      expect(await grounded('gemini-grounding-in-every'))
        .to.equal(all.length)
        .and.to.be.greaterThan(2);
      expect(all.at(-1)).to.have.nested.property('candidates[0].groundingMetadata.groundingChunks[0].web.uri');
    });

    it('endings with an empty text, without content, never; blocks and broken calls', async () => {
      const last = async (name: string): Promise<Chunk | undefined> => (await chunks(name)).at(-1);
      expect(partsIn([(await last('gemini-finish-empty-text')) ?? {}])).to.deep.equal([{ text: '' }]);
      expect((await last('gemini-finish-no-content'))?.candidates?.[0]).to.deep.equal({
        index: 0,
        finishReason: 'STOP',
      });
      expect(await wire('gemini-finish-never')).to.not.include('finishReason');
      const [blocked] = await chunks('gemini-blocked-prompt');
      expect(blocked).to.have.nested.property('promptFeedback.blockReason', 'PROHIBITED_CONTENT');
      expect(blocked).to.not.have.property('candidates');
      for (const [name, reason] of [
        ['gemini-safety', 'SAFETY'],
        ['gemini-recitation', 'RECITATION'],
        ['gemini-max-tokens', 'MAX_TOKENS'],
        ['gemini-finish-other', 'OTHER'],
        ['gemini-malformed-after-text', 'MALFORMED_FUNCTION_CALL'],
      ] as const) {
        expect((await last(name))?.candidates?.[0]?.finishReason).to.equal(reason);
      }
      expect(await chunks('gemini-malformed-call')).to.have.length(1);
      expect(await wire('gemini-malformed-call')).to.include('finishMessage');
    });

    it('counts that vanish, come last, or never; errors within a stream; LF; an array anyway', async () => {
      const vanishing = await chunks('gemini-usage-vanishing');
      expect(vanishing[0]?.usageMetadata).to.have.property('thoughtsTokenCount');
      expect(vanishing.at(-1)?.usageMetadata).to.not.have.property('thoughtsTokenCount');
      expect((await chunks('gemini-usage-last')).filter((chunk) => chunk.usageMetadata)).to.have.length(1);
      expect(await wire('gemini-usage-never')).to.not.include('usageMetadata');
      expect((await chunks('gemini-error')).at(-1)).to.have.nested.property('error.status', 'INTERNAL');
      expect(await chunks('gemini-error-first')).to.have.length(1);
      expect(await wire('gemini-lf')).to.match(/^data: \{.*\}\n\n/);
      expect(JSON.parse(await wire('gemini-array-anyway'))).to.be.an('array');
    });
  });

  it('answers in every scene of its own', async () => {
    const names = [...SCENARIOS.keys()].filter((name) => name.startsWith('gemini-'));
    expect(names).to.have.length.greaterThan(25);
    for (const name of names) {
      expect(await wire(name), name).to.not.equal('');
      expect(await (await post(`/v1beta/models/${MODEL}:generateContent`, BODY)).text(), name).to.not.equal('');
    }
  });

  it('is the same bytes for the same seed, however it is split, and is cut like any other', async () => {
    const run = async (more: Record<string, unknown>): Promise<Buffer> => {
      simulator.reset();
      simulator.use({ content: [thinking('hm'), text('Grüße 👩‍👩‍👧'), toolUse('Read', { p: 'ü' })], ...more });
      return (await callOnWire(simulator.url, { path: PATH, body: JSON.stringify(BODY) }).answer()).body;
    };
    const whole = await run({ split: 'whole' });
    for (const split of ['event', { bytes: 1 }, { bytes: 7 }, { seed: 3 }]) {
      expect((await run({ split })).equals(whole)).to.equal(true);
    }
    const early = await run({ fault: { kind: 'end-early', after: 1 } });
    expect(early.equals(whole.subarray(0, whole.indexOf('\r\n\r\n') + 4))).to.equal(true);
  });
});
