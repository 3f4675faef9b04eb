// What an operator sets for the upstream of a converted route, and what each vendor has of its own.
import { expect } from 'chai';
import type { Scene } from '#services/simulator/script.ts';
import { createSimulator, type Simulator } from '#services/simulator/service.ts';
import { type Fields, fieldsOf, listOf } from '#shared/providers/fields.ts';
import { CONVERTED_ROUTES, type EveryRoute, startEveryRoute, wholeMessage } from '../support/every-route.ts';
import { startTestGateway, type TestGateway } from '../support/gateway.ts';
import { header, messagesRequest, type RawAnswer, send } from '../support/raw-client.ts';
import { loadRecordings } from '../support/recordings.ts';

const ANSWER: Scene = { content: [{ type: 'text', text: 'Good.' }] };

/** A gateway before a simulator, with one target. */
async function withTarget<T>(
  settings: Record<string, unknown>,
  use: (
    ask: (body?: Fields, options?: { scene?: Scene; headers?: string[] }) => Promise<RawAnswer>,
    parts: { upstream: Simulator; gateway: TestGateway; sent(): Fields },
  ) => Promise<T>,
): Promise<T> {
  const upstream = await createSimulator({ listenAddress: '127.0.0.1:0', seed: 3, delayScale: 0 });
  const own = Object.fromEntries(Object.entries(settings).map(([key, value]) => [`target.${key}`, value]));
  const gateway = await startTestGateway({ settings: { 'target.url': upstream.url, ...own } });
  const sent = (): Fields => fieldsOf(JSON.parse(upstream.seen().at(-1)?.raw.toString() ?? '{}'));
  const ask = (
    body: Fields = {},
    { scene = ANSWER, headers = [] }: { scene?: Scene; headers?: string[] } = {},
  ): Promise<RawAnswer> => {
    upstream.reset();
    upstream.use(scene);
    return send(gateway.url, messagesRequest({ body, headers }));
  };
  try {
    return await use(ask, { upstream, gateway, sent });
  } finally {
    await gateway.stop();
    await upstream.stop();
  }
}

describe("the target's defaults", () => {
  const DEFAULTS = { temperature: 0.2, top_p: 0.9, max_tokens: 777 };
  const FIELDS: Record<string, (body: Fields) => unknown[]> = {
    'openai-chat': (body) => [body.temperature, body.top_p, body.max_tokens],
    gemini: (body) => {
      const { temperature, topP, maxOutputTokens } = fieldsOf(body.generationConfig);
      return [temperature, topP, maxOutputTokens];
    },
    ollama: (body) => {
      const { temperature, top_p, num_predict } = fieldsOf(body.options);
      return [temperature, top_p, num_predict];
    },
  };
  for (const [type, read] of Object.entries(FIELDS)) {
    it(`S0-10 are added where a client says nothing, and only there: ${type}`, async () => {
      await withTarget({ type, model: 'gemini-2.0-flash', ...DEFAULTS }, async (ask, { sent }) => {
        const answer = await ask({ max_tokens: undefined });
        expect(read(sent())).to.deep.equal([0.2, 0.9, 777]);
        expect(header(answer, 'x-ccproxy-route')).to.include('default:temperature:0.2');
        await ask({ temperature: 0, top_p: 0.5, max_tokens: 10 });
        expect(read(sent())).to.deep.equal([0, 0.5, 10]);
        await ask({ temperature: null, max_tokens: 10 });
        expect(read(sent())).to.deep.equal([0.2, 0.9, 10]);
      });
    });

    it(`S0-10 are never added for a client of the version without sampling parameters: ${type}`, async () => {
      await withTarget({ type, model: 'gemini-2.0-flash', ...DEFAULTS }, async (ask, { sent }) => {
        const answer = await ask({}, { headers: ['anthropic-version', '2026-10-21'] });
        expect(read(sent())).to.deep.equal([undefined, undefined, 64]);
        expect(header(answer, 'x-ccproxy-route')).to.not.include('default:');
        await ask({}, { headers: ['anthropic-version', '2023-06-01'] });
        expect(read(sent())).to.deep.equal([0.2, 0.9, 64]);
      });
    });
  }

  it('S0-10 are never added on a native route', async () => {
    await withTarget({ type: 'anthropic', ...DEFAULTS }, async (ask, { upstream }) => {
      await ask();
      expect(upstream.seen().at(-1)?.raw.toString()).to.equal(messagesRequest().body.toString());
    });
  });
});

describe('Ollama', () => {
  it('S1-08 is told the window of the model, on its own protocol, and needs no key', async () => {
    const upstream = await createSimulator({ listenAddress: '127.0.0.1:0', seed: 3, delayScale: 0 });
    const settings = {
      'providers.local.type': 'ollama',
      'providers.local.base_url': upstream.url,
      'models.local-model.provider': 'local',
      'models.local-model.context_window': 32_768,
      'passthrough.url': 'http://127.0.0.1:9',
    };
    const gateway = await startTestGateway({ settings }).catch(async (error: unknown) => {
      await upstream.stop();
      throw error;
    });
    try {
      upstream.use('text');
      const answer = await send(gateway.url, messagesRequest({ body: { model: 'local-model' } }));
      expect(wholeMessage(answer, true).stop_reason).to.equal('end_turn');
      const [seen] = upstream.seen();
      expect(seen?.path).to.equal('/api/chat');
      expect(fieldsOf(JSON.parse(seen?.raw.toString() ?? '')).options).to.have.property('num_ctx', 32_768);
      expect(seen?.headers).to.not.have.any.keys('authorization', 'x-api-key');
    } finally {
      await gateway.stop();
      await upstream.stop();
    }
  });

  it('S1-08 that reads less of a prompt than was sent is told of in a warning, once, and whole prompts are not', async () => {
    await withTarget({ type: 'ollama', model: 'small' }, async (ask, { gateway }) => {
      const warnings = () => gateway.lines.filter(({ event }) => event === 'prompt.cut');
      const finished = (count: number) =>
        gateway.until(() => gateway.lines.filter(({ event }) => event === 'request.finished').length === count);
      const long = { messages: [{ role: 'user', content: 'A sentence of seven words, or so. '.repeat(3000) }] };
      await ask(long);
      await finished(1);
      await ask(long, { scene: { ...ANSWER, quirks: { ollama: { truncates: true } } } });
      await gateway.until(() => warnings().length === 1);
      await ask(long, { scene: { ...ANSWER, quirks: { ollama: { truncates: true } } } });
      await finished(3);
      await ask();
      await finished(4);
      expect(warnings()).to.have.length(1);
      expect(warnings()[0]).to.deep.include({ level: 'warn' });
      expect(warnings()[0]?.fields).to.include({ upstream: 'target', model: 'small', evaluated_tokens: 4095 });
    });
  });

  it('S1-08 that refuses a prompt as too long is heard: nothing is cut without a word', async () => {
    await withTarget({ type: 'ollama', model: 'small' }, async (ask, { sent }) => {
      const answer = await ask({}, { scene: { status: 400, error: { kind: 'context-overflow' } } });
      expect(sent()).to.include({ truncate: false });
      expect(answer.body.toString()).to.include('prompt is too long');
    });
  });
});

describe('OpenRouter', () => {
  const target = { type: 'openrouter', model: 'anthropic/claude-sonnet-4.5', api_key: 'or-key' };
  const marked = (text: string) => ({ type: 'text', text, cache_control: { type: 'ephemeral' } });

  it('S4-02 gets the marks of the cache, and its counts of the cache reach the client', async () => {
    await withTarget(target, async (ask, { sent, upstream }) => {
      const usage = {
        input_tokens: 20,
        output_tokens: 5,
        cache_read_input_tokens: 900,
        cache_creation_input_tokens: 30,
      };
      const body = { system: [marked('Be brief.')], messages: [{ role: 'user', content: [marked('hi')] }] };
      const message = wholeMessage(await ask(body, { scene: { ...ANSWER, usage } }), true);
      expect(JSON.stringify(sent()).match(/"cache_control":\{"type":"ephemeral"\}/g)).to.have.length(2);
      expect(sent()).to.deep.include({ usage: { include: true } });
      expect(upstream.seen()[0]?.path).to.equal('/api/v1/chat/completions');
      expect(upstream.seen()[0]?.headers).to.include({ authorization: 'Bearer or-key' });
      expect(message.usage).to.include({ input_tokens: 20, output_tokens: 5, cache_read_input_tokens: 900 });
      expect(message.usage).to.include({ cache_creation_input_tokens: 30 });
    });
  });

  it('S4-02 gets the details of its reasoning back unchanged, and the client sees the words once', async () => {
    await withTarget(target, async (ask, { sent }) => {
      const content = [
        { type: 'thinking', thinking: 'Which file?', signature: 'c2ln' },
        { type: 'tool_use', id: 'call_1', name: 'Read', input: {} },
      ];
      const body = { thinking: { type: 'adaptive' }, tools: [{ name: 'Read', input_schema: { type: 'object' } }] };
      const scene: Scene = { content, quirks: { chat: { reasoning: 'reasoning_details' } } };
      const { content: said } = wholeMessage(await ask(body, { scene }), true);
      expect(said.filter(({ type }) => type === 'thinking').map(({ thinking }) => thinking)).to.deep.equal([
        'Which file?',
      ]);
      const messages = [
        { role: 'user', content: 'hi' },
        { role: 'assistant', content: said },
        { role: 'user', content: [{ type: 'tool_result', tool_use_id: 'call_1', content: 'x' }] },
      ];
      await ask({ ...body, messages });
      const assistant = listOf(sent().messages)
        .map(fieldsOf)
        .find(({ role }) => role === 'assistant');
      const details = listOf(assistant?.reasoning_details).map(fieldsOf);
      expect(details.map(({ text }) => text).join('')).to.equal('Which file?');
      expect(JSON.stringify(details)).to.include('c2ln');
      expect(JSON.stringify(sent())).to.not.include('ccproxy1');
    });
  });
});

const NEVER = /"(?:cache_control|input_schema|defer_loading|eager_input_streaming)"/;
const OLD = /"(?:cache_control|input_schema|\$schema|\$ref|\$defs|additionalProperties|exclusiveMinimum|const|oneOf)":/;

describe('Gemini', () => {
  for (const model of ['gemini-3-pro', 'gemini-2.5-pro', 'gemini-2.0-flash']) {
    it(`S3-06 takes the tools of every recorded client, whatever is in their schemas: ${model}`, async () => {
      await withTarget({ type: 'gemini', model }, async (ask, { sent }) => {
        // The older generation takes a part of OpenAPI's schemas, and refuses what it does not know.
        const foreign = model === 'gemini-2.0-flash' ? OLD : NEVER;
        let taken = 0;
        for (const { url, body } of loadRecordings()) {
          if (!/^\/v1\/messages(?:\?|$)/.test(url)) continue;
          const { safeguards: _, thread: __, ...carried } = fieldsOf(JSON.parse(body.toString()));
          if (listOf(carried.tools).length === 0) continue;
          const answer = await ask(carried);
          if (answer.status !== 200) {
            expect(answer.body.toString()).to.match(/web_search|source/);
            continue;
          }
          taken++;
          expect(JSON.stringify(sent().tools)).to.not.match(foreign);
        }
        expect(taken).to.be.above(10);
      });
    }).timeout(20_000);
  }

  it('S3-06 gets its thought signatures back on the calls they came with', async () => {
    await withTarget({ type: 'gemini', model: 'gemini-3-pro' }, async (ask, { sent }) => {
      const tools = [{ name: 'Read', input_schema: { type: 'object' } }];
      const content = [
        { type: 'tool_use', name: 'Read', input: {} },
        { type: 'tool_use', name: 'Read', input: {} },
      ];
      const message = wholeMessage(await ask({ tools, thinking: { type: 'adaptive' } }, { scene: { content } }), true);
      const ids = message.content.flatMap(({ type, id }) => (type === 'tool_use' ? [id] : []));
      const messages = [
        { role: 'user', content: 'hi' },
        { role: 'assistant', content: message.content },
        { role: 'user', content: ids.map((id) => ({ type: 'tool_result', tool_use_id: id, content: 'x' })) },
      ];
      const next = await ask({ tools, messages });
      expect(next.status, next.body.toString()).to.equal(200);
      const calls = listOf(sent().contents)
        .flatMap((one) => listOf(fieldsOf(one).parts))
        .map(fieldsOf)
        .filter((part) => part.functionCall !== undefined);
      expect(calls).to.have.length(2);
      expect(calls[0]?.thoughtSignature).to.match(/^Simu/);
    });
  });
});

describe('thinking', () => {
  const EFFORTS: ReadonlyArray<[string, Record<string, unknown>, (body: Fields) => unknown, unknown[]]> = [
    // What is sent for: budgets of 1024, 1025, 8192, 8193; effort low over a budget of 30000; effort max; disabled.
    [
      'o3',
      { type: 'openai-chat', vendor: 'openai' },
      (body) => body.reasoning_effort,
      ['low', 'medium', 'medium', 'high', 'low', 'high', 'low'],
    ],
    [
      'gpt-5.1',
      { type: 'openai-chat', vendor: 'openai' },
      (body) => body.reasoning_effort,
      ['low', 'medium', 'medium', 'high', 'low', 'high', 'none'],
    ],
    [
      'grok-3-mini',
      { type: 'openai-chat', vendor: 'xai' },
      (body) => body.reasoning_effort,
      ['low', 'low', 'low', 'high', 'low', 'high', 'low'],
    ],
    ['gpt-4.1', { type: 'openai-chat', vendor: 'openai' }, (body) => body.reasoning_effort, Array(7).fill(undefined)],
    [
      'gpt-5.4',
      { type: 'openai-responses' },
      (body) => fieldsOf(body.reasoning).effort,
      ['low', 'medium', 'medium', 'high', 'low', 'xhigh', 'none'],
    ],
    [
      'gemini-3-pro',
      { type: 'gemini' },
      (body) => fieldsOf(fieldsOf(body.generationConfig).thinkingConfig).thinkingLevel,
      ['LOW', 'LOW', 'LOW', 'HIGH', 'LOW', 'HIGH', 'LOW'],
    ],
    [
      'gemini-2.5-flash',
      { type: 'gemini' },
      (body) => fieldsOf(fieldsOf(body.generationConfig).thinkingConfig).thinkingBudget,
      [1024, 1025, 8192, 8193, 1024, 24_576, 0],
    ],
    [
      'gpt-oss:20b',
      { type: 'ollama' },
      (body) => body.think,
      ['low', 'medium', 'medium', 'high', 'low', 'high', 'low'],
    ],
  ];
  for (const [model, target, read, wanted] of EFFORTS) {
    it(`S3-11 is asked for in the words of the model: its effort first, else by the budget: ${model}`, async () => {
      await withTarget({ ...target, model }, async (ask, { sent }) => {
        const budget = (budget_tokens: number) => ({ thinking: { type: 'enabled', budget_tokens } });
        const seen: unknown[] = [];
        for (const body of [
          ...[1024, 1025, 8192, 8193].map(budget),
          { ...budget(30_000), output_config: { effort: 'low' } },
          { thinking: { type: 'adaptive' }, output_config: { effort: 'max' } },
          { thinking: { type: 'disabled' } },
        ]) {
          const answer = await ask({ max_tokens: 40_000, ...body });
          expect(answer.status, answer.body.toString()).to.equal(200);
          seen.push(read(sent()));
        }
        expect(seen).to.deep.equal(wanted);
      });
    });
  }
});

describe('what is checked of a request', () => {
  let bed: EveryRoute;
  before(async () => {
    bed = await startEveryRoute();
  });
  after(() => bed.stop());
  const odd: Record<string, unknown> = {
    thinking: { type: 'adaptive', display: 'updates', mood: 'calm' },
    tool_choice: { type: 'none' },
    tools: [{ name: 'Bash', input_schema: { type: 'object' }, mood: 'calm' }],
    messages: [
      { role: 'user', content: [{ type: 'text', text: 'see', mood: 'calm' }], mood: 'calm' },
      { role: 'system', content: 'later' },
    ],
    context_management: { edits: [{ type: 'clear_thinking_20251015', keep: 'all' }] },
    output_config: { effort: 'high', mood: 'calm' },
    mood: { deep: [1, 2, 3] },
  };
  const picture = { type: 'image', source: { type: 'url', url: 'https://images.example/a.png' } };

  it('S3-10 is what dispatch needs: what nobody here knows passes a native upstream as it is', async () => {
    const body = {
      ...odd,
      messages: [...(odd.messages as unknown[]), { role: 'user', content: [picture, { type: 'future' }] }],
      max_tokens: 'many',
    };
    const answer = await bed.ask('native', { scene: ANSWER, body });
    expect(answer.status).to.equal(200);
    expect(JSON.parse(bed.upstream.seen().at(-1)?.raw.toString() ?? '')).to.deep.include({
      mood: { deep: [1, 2, 3] },
      max_tokens: 'many',
      messages: body.messages,
    });
  });

  for (const { name } of CONVERTED_ROUTES) {
    it(`S3-10 refuses no adaptive thinking, tool choice none, later system message, address of an image or unknown field: ${name}`, async () => {
      const messages =
        name === 'ollama' ? odd.messages : [...(odd.messages as unknown[]), { role: 'user', content: [picture] }];
      const answer = await bed.ask(name, { scene: ANSWER, body: { ...odd, messages } });
      expect(answer.status, answer.body.toString()).to.equal(200);
      if (name !== 'vllm') expect(JSON.stringify(bed.sent())).to.not.include('mood');
    });
  }

  it('S3-10 of an answer is counted by upstream and rule, and changes no byte of it', async () => {
    const scene: Scene = { ...ANSWER, quirks: { anthropic: { eventNames: false, lateStops: true } } };
    const direct = await (async () => {
      bed.upstream.use(scene);
      return send(bed.upstream.url, messagesRequest());
    })();
    const answer = await bed.ask('native', { scene });
    const shape = (body: Buffer): string =>
      body.toString().replaceAll(/"(?:id|model|input_tokens|output_tokens)":(?:"[^"]*"|\d+)/g, '');
    expect(shape(answer.body)).to.equal(shape(direct.body));
    await bed.gateway.until(
      async () =>
        (await bed.gateway.metric('ccproxy_stream_lint_total', { upstream: 'native', rule: 'no_event_name' })) === 1,
    );
    for (const { name } of CONVERTED_ROUTES) {
      expect(await bed.gateway.metric('ccproxy_stream_lint_total', { upstream: name }), name).to.equal(0);
    }
  });
});

describe('other front doors', () => {
  it('S3-12 are not there: a path of Responses or Codex is the client’s 404, and nobody is asked', async () => {
    await withTarget({ type: 'openai-responses', model: 'gpt-5.4' }, async (_ask, { upstream, gateway }) => {
      for (const path of ['/codex/v1/responses', '/v1/responses', '/v1/chat/completions']) {
        const answer = await send(gateway.url, { ...messagesRequest(), path });
        expect(answer.status, path).to.equal(404);
        expect(JSON.parse(answer.body.toString())).to.have.nested.property('error.type', 'not_found_error');
      }
      expect(upstream.seen()).to.have.length(0);
    });
  });
});
