import { expect } from 'chai';
import OpenAI from 'openai';
import type { ResponseInputItem } from 'openai/resources/responses/responses';
import { SCENARIOS } from '#services/simulator/scenarios/index.ts';
import { text, thinking, toolUse } from '#services/simulator/script.ts';
import { createSimulator, type SceneSource, type Simulator } from '#services/simulator/service.ts';
import { callOnWire } from './raw-client.ts';

type Event = Record<string, unknown> & { type: string; sequence_number: number };

const TOOLS = ['Read', 'Bash'].map((name) => ({
  type: 'function' as const,
  name,
  strict: false,
  parameters: { type: 'object', properties: { path: { type: 'string' } } },
}));
const REQUEST = {
  model: 'gpt-5.6',
  input: 'Read both files',
  tools: TOOLS,
  store: false,
  include: ['reasoning.encrypted_content' as const],
};

/** What the SDK adds to the items that it folds. */
function parsedOf(item: Record<string, unknown> | undefined): Record<string, unknown> {
  const added = ['content', 'parsed_arguments'].filter((name) => item !== undefined && name in item);
  return Object.fromEntries(added.map((name) => [name, item?.[name]]));
}

describe('simulated Responses', () => {
  let simulator: Simulator;
  let client: OpenAI;
  before(async () => {
    simulator = await createSimulator({ listenAddress: '127.0.0.1:0', defaultScene: 'text', delayScale: 0 });
    client = new OpenAI({ baseURL: `${simulator.url}/v1`, apiKey: 'test-key', maxRetries: 0, logLevel: 'off' });
  });
  after(() => simulator.stop());
  beforeEach(() => simulator.reset());

  async function wire(scene: SceneSource, more: Record<string, unknown> = {}): Promise<string> {
    simulator.use(scene);
    const body = JSON.stringify({ ...REQUEST, stream: true, ...more });
    return (await fetch(`${simulator.url}/v1/responses`, { method: 'POST', body })).text();
  }
  const events = async (scene: SceneSource): Promise<Event[]> =>
    [...(await wire(scene)).matchAll(/^data: (\{.*\})$/gm)].map(([, data = '']) => JSON.parse(data) as Event);
  const typesOf = (sent: Event[]): string[] => sent.map((event) => event.type.replace('response.', ''));
  const last = async (scene: SceneSource): Promise<Event | undefined> => (await events(scene)).at(-1);

  it('streams what the SDK folds into the response that is answered without a stream', async () => {
    const content = [
      thinking('one\n\ntwo'),
      text('Grüße 👩‍👩‍👧'),
      toolUse('Read', { path: 'a' }),
      toolUse('Read', { path: 'ü' }),
    ];
    simulator.use({ content });
    const folded = await client.responses.stream(REQUEST).finalResponse();
    simulator.reset();
    simulator.use({ content });
    const whole = await client.responses.create(REQUEST);
    expect(whole.output.map((item) => item.type)).to.deep.equal([
      'reasoning',
      'message',
      'function_call',
      'function_call',
    ]);
    const plain = JSON.parse(JSON.stringify(folded.output)) as Array<Record<string, unknown>>;
    expect(plain).to.have.length(4);
    for (const [index, item] of whole.output.entries())
      expect(plain[index]).to.deep.include({ ...item, ...parsedOf(plain[index]) });
    expect(folded.output_text).to.equal('Grüße 👩‍👩‍👧');
    expect(folded.usage?.output_tokens).to.equal(whole.usage?.output_tokens);
    expect(whole.id).to.match(/^resp_\w{48}$/);
  });

  it('numbers its events, opens and closes items and parts in order', async () => {
    const sent = await events({ content: [thinking('hm'), text('hi'), toolUse('Read', { p: 1 })] });
    expect(sent.map((event) => event.sequence_number)).to.deep.equal(sent.map((_, index) => index));
    expect(typesOf(sent)).to.deep.equal([
      'created',
      'in_progress',
      'output_item.added',
      'reasoning_summary_part.added',
      'reasoning_summary_text.delta',
      'reasoning_summary_text.done',
      'reasoning_summary_part.done',
      'output_item.done',
      'output_item.added',
      'content_part.added',
      'output_text.delta',
      'output_text.done',
      'content_part.done',
      'output_item.done',
      'output_item.added',
      'function_call_arguments.delta',
      'function_call_arguments.done',
      'output_item.done',
      'completed',
    ]);
    const indexes = sent.flatMap((event) => event.output_index ?? []);
    expect([...new Set(indexes)]).to.deep.equal([0, 1, 2]);
    expect(await wire('text')).to.match(
      /^event: response\.created\ndata: \{"type":"response\.created","sequence_number":0,/,
    );
  });

  it('seals reasoning when asked to, takes its own back and no other', async () => {
    simulator.use('thinking-tool');
    const first = await client.responses.create(REQUEST);
    const [reasoning] = first.output;
    expect(reasoning)
      .to.have.property('encrypted_content')
      .that.matches(/^gAAAAAB/);
    const { include: _, ...unasked } = REQUEST;
    const open = await client.responses.create(unasked);
    expect(open.output[0]).to.not.have.property('encrypted_content');
    const call = first.output.find((item) => item.type === 'function_call');
    const result = { type: 'function_call_output' as const, call_id: call?.call_id ?? '', output: 'read' };
    const history = [{ role: 'user' as const, content: 'Read' }, ...first.output, result] as ResponseInputItem[];
    const second = await client.responses.create({ ...REQUEST, input: history });
    expect(second.output_text).to.match(/^Done/);
    const forged = history.map((item) =>
      'encrypted_content' in item ? { ...item, encrypted_content: 'forged' } : item,
    );
    const refused = await client.responses.create({ ...REQUEST, input: forged }).catch((error: unknown) => error);
    expect(refused).to.include({ status: 400, code: 'invalid_encrypted_content' });
  });

  it('refuses calls without results and results without calls', async () => {
    const call = { type: 'function_call' as const, call_id: 'call_1', name: 'Read', arguments: '{}' };
    const output = { type: 'function_call_output' as const, call_id: 'call_2', output: 'x' };
    for (const [input, words] of [
      [[call], 'No tool output found for function call call_1'],
      [[output], 'No tool call found for function call output with call_id call_2'],
    ] as const) {
      const error = await client.responses.create({ ...REQUEST, input: [...input] }).catch((thrown: unknown) => thrown);
      expect(error).to.be.instanceOf(OpenAI.BadRequestError).with.property('message').that.includes(words);
    }
  });

  it('counts input tokens', async () => {
    const counted = await client.responses.inputTokens.count({ model: 'gpt-5.6', input: 'a few words' });
    expect(counted).to.include({ object: 'response.input_tokens' });
    expect(counted.input_tokens).to.be.greaterThan(5);
  });

  it('searches the web, with sources and citations', async () => {
    const sent = await events('web-search');
    const types = typesOf(sent);
    expect(types).to.include.members([
      'web_search_call.in_progress',
      'web_search_call.searching',
      'web_search_call.completed',
    ]);
    const cited = sent.find((event) => event.type === 'response.output_text.annotation.added');
    expect(cited).to.have.nested.property('annotation.type', 'url_citation');
    const done = sent.find((event) => (event.item as { action?: object } | undefined)?.action !== undefined);
    expect(done).to.have.nested.property('item.action.sources[0].url', 'https://example.com/gateways');
  });

  it('refuses in OpenAI’s words', async () => {
    for (const [scene, status, code] of [
      ['context-overflow', 400, 'context_length_exceeded'],
      ['error-401', 401, 'invalid_api_key'],
      ['error-404', 404, 'model_not_found'],
      ['quota', 429, 'insufficient_quota'],
      ['error-500', 500, null],
    ] as const) {
      simulator.use(scene);
      const error = await client.responses.create(REQUEST).catch((thrown: unknown) => thrown);
      expect(error, scene).to.be.instanceOf(OpenAI.APIError).and.to.include({ status, code });
    }
  });

  it('takes images and files', async () => {
    const content = [
      { type: 'input_text' as const, text: 'What is this?' },
      { type: 'input_image' as const, image_url: 'data:image/png;base64,iVBORw0KGgo=', detail: 'auto' as const },
    ];
    const answer = await client.responses.create({ ...REQUEST, input: [{ role: 'user', content }] });
    expect(answer.output_text).to.match(/^Hello/);
  });

  describe('quirks on the wire', () => {
    it('item ids that rotate, are empty or absent; indexes with gaps or absent', async () => {
      const ids = async (name: string): Promise<Set<unknown>> =>
        new Set((await events(name)).filter((event) => event.type.endsWith('.delta')).map((event) => event.item_id));
      expect(await ids('responses-item-id-rotating'))
        .to.have.property('size')
        .that.is.greaterThan(8);
      expect(await ids('responses-item-id-empty')).to.deep.equal(new Set(['']));
      expect(await ids('responses-item-id-absent')).to.deep.equal(new Set([undefined]));
      const indexes = async (name: string): Promise<unknown[]> => [
        ...new Set((await events(name)).slice(2, -1).map((event) => event.output_index)),
      ];
      expect(await indexes('responses-index-gaps')).to.deep.equal([0, 2, 4, 6]);
      expect(await indexes('responses-nothing-to-match')).to.deep.equal([undefined]);
    });

    it('done without deltas, deltas that tell half, items never done', async () => {
      expect(typesOf(await events('responses-no-deltas')).some((type) => type.endsWith('.delta'))).to.equal(false);
      const half = await events('responses-half-deltas');
      const told = half
        .filter((event) => event.type === 'response.output_text.delta')
        .map((event) => event.delta)
        .join('');
      const done = half.find((event) => event.type === 'response.output_text.done')?.text as string;
      expect(done.startsWith(told) && told.length < done.length).to.equal(true);
      expect(typesOf(await events('responses-no-item-done'))).to.not.include('output_item.done');
    });

    it('calls side by side, text that opens within a call, items nobody knows', async () => {
      const open = typesOf(await events('responses-calls-overlap'));
      const first = open.indexOf('function_call_arguments.delta');
      expect(open.slice(first - 2, first)).to.deep.equal(['output_item.added', 'output_item.added']);
      const within = typesOf(await events('responses-text-in-call'));
      expect(within.indexOf('output_text.delta')).to.be.within(
        within.indexOf('function_call_arguments.delta'),
        within.indexOf('function_call_arguments.done'),
      );
      expect(typesOf(await events('responses-unknown-items'))).to.include('future_item.delta');
      expect(await wire('responses-phase')).to.include('"phase":"commentary"');
    });

    it('reasoning in several parts, as text, sealed only, not at all', async () => {
      const parts = (await events('responses-summary-parts')).flatMap((event) => event.summary_index ?? []);
      expect([...new Set(parts)]).to.deep.equal([0, 1]);
      expect(typesOf(await events('responses-reasoning-text'))).to.include('reasoning_text.delta');
      const sealed = await events('responses-reasoning-encrypted');
      expect(typesOf(sealed)).to.not.include('reasoning_summary_text.delta');
      expect(sealed[2]).to.have.nested.property('item.encrypted_content');
      expect(await wire('responses-reasoning-none')).to.not.include('"type":"reasoning"');
    });

    it('endings: incomplete, failed, cancelled, none, [DONE], without output or usage', async () => {
      const reason = 'response.incomplete_details.reason';
      expect(await last('responses-incomplete')).to.have.nested.property(reason, 'max_output_tokens');
      expect(await last('responses-content-filter')).to.have.nested.property(reason, 'content_filter');
      expect(await last('responses-incomplete-other')).to.have.nested.property(reason, 'max_time');
      const odd = await last('responses-completed-incomplete');
      expect(odd).to.have.property('type', 'response.completed');
      expect(odd).to.have.nested.property('response.status', 'incomplete');
      expect(await last('responses-incomplete-in-call')).to.have.nested.property(
        'response.output[0].status',
        'incomplete',
      );
      expect(await last('responses-failed')).to.have.nested.property('response.error.code', 'server_error');
      expect(await last('responses-failed-overflow')).to.have.nested.property(
        'response.error.code',
        'context_length_exceeded',
      );
      expect(await last('responses-failed-rate-limit')).to.have.nested.property(
        'response.error.code',
        'rate_limit_exceeded',
      );
      expect(await last('responses-cancelled')).to.have.nested.property('response.status', 'cancelled');
      expect(await last('responses-no-ending')).to.have.property('type', 'response.output_item.done');
      expect((await wire('responses-done-marker')).endsWith('data: [DONE]\n\n')).to.equal(true);
      expect(await last('responses-final-output-empty'))
        .to.have.nested.property('response.output')
        .that.deep.equals([]);
      expect((await last('responses-final-output-absent'))?.response).to.not.have.property('output');
      expect(await last('responses-usage-null')).to.have.nested.property('response.usage', null);
      expect(typesOf(await events('responses-refusal'))).to.include('refusal.delta');
    });

    it('errors within a stream, data lines alone, CRLF, JSON instead of a stream and back', async () => {
      expect(await last('responses-error')).to.include({ type: 'error', code: 'server_error', sequence_number: 6 });
      expect(await last('responses-error-nested')).to.have.nested.property('error.type', 'server_error');
      expect(await events('responses-error-first')).to.have.length(1);
      expect(await wire('responses-no-event-names')).to.match(/^data: /);
      expect(await wire('responses-crlf')).to.match(/^event: response\.created\r\ndata: \{.*\}\r\n\r\n/);
      expect(JSON.parse(await wire('responses-json-anyway'))).to.have.property('object', 'response');
      expect(await wire('responses-stream-anyway', { stream: false })).to.match(/^event: /);
    });
  });

  it('answers in every scene of its own', async () => {
    const names = [...SCENARIOS.keys()].filter((name) => name.startsWith('responses-'));
    expect(names).to.have.length.greaterThan(35);
    for (const name of names) {
      for (const stream of [true, false]) expect(await wire(name, { stream }), name).to.not.equal('');
    }
  });

  it('is the same bytes for the same seed, however it is split', async () => {
    const run = async (split: 'whole' | 'event' | { bytes: number } | { seed: number }): Promise<Buffer> => {
      simulator.reset();
      simulator.use({ content: [thinking('hm'), text('Grüße 👩‍👩‍👧'), toolUse('Read', { p: 'ü' })], split });
      const body = JSON.stringify({ ...REQUEST, stream: true });
      return (await callOnWire(simulator.url, { path: '/v1/responses', body }).answer()).body;
    };
    const whole = await run('whole');
    for (const split of ['event', { bytes: 1 }, { bytes: 7 }, { seed: 3 }] as const) {
      expect((await run(split)).equals(whole)).to.equal(true);
    }
  });
});
