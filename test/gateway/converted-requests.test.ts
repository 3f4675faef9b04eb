// What upstreams are sent of a client's request, whichever protocol they speak.
import { expect } from 'chai';
import { fieldsOf, listOf, textOf } from '#shared/providers/fields.ts';
import {
  CONVERTED_ROUTES,
  type EveryRoute,
  NATIVE_ROUTE,
  startEveryRoute,
  wholeMessage,
} from '../support/every-route.ts';
import { header, json, messagesRequest } from '../support/raw-client.ts';
import { type SentPart, sentConversation, sentTools, textsOf } from '../support/sent-conversation.ts';

const NAMES = CONVERTED_ROUTES.map(({ name }) => name);
const ANSWER = { content: [{ type: 'text', text: 'Good.' }] };
const PNG = 'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg==';
const IMAGE = { type: 'image', source: { type: 'base64', media_type: 'image/png', data: PNG } };
const SCHEMA = { type: 'object', properties: { file_path: { type: 'string' } }, required: ['file_path'] };
const tool = (name: string, more: Record<string, unknown> = {}) => ({
  name,
  description: name,
  input_schema: SCHEMA,
  ...more,
});
const call = (id: string, name: string) => ({ type: 'tool_use', id, name, input: { file_path: '/a' } });
const result = (id: string, content: unknown) => ({ type: 'tool_result', tool_use_id: id, content });

/** A server of Messages pairs results by their ids, in whatever order they come. */
const PAIRS_BY_ID = 'vllm';

describe('requests for every protocol', () => {
  let bed: EveryRoute;
  before(async () => {
    bed = await startEveryRoute({
      'providers.strict.type': 'openai-chat',
      'providers.strict.base_url': 'http://127.0.0.1:9',
      'providers.strict.vision': 'strict',
      'models.strict.provider': 'strict',
      'models.strict.sees_images': false,
      ...Object.fromEntries(
        CONVERTED_ROUTES.flatMap(({ name, model }) => [
          [`models.blind-${name}.provider`, name],
          [`models.blind-${name}.upstream_name`, model.upstream_name],
          [`models.blind-${name}.sees_images`, false],
        ]),
      ),
    });
  });
  after(() => bed.stop());

  /** What the upstream was told of a request it took. */
  async function told(name: string, body: Record<string, unknown>): Promise<SentPart[]> {
    const answer = await bed.ask(name, { scene: ANSWER, body });
    expect(answer.status, `${name}: ${answer.body.toString()}`).to.equal(200);
    return sentConversation(bed.sent());
  }

  /** On the native route the upstream has the client's own bytes. */
  async function expectUntouched(body: Record<string, unknown>): Promise<void> {
    await bed.ask(NATIVE_ROUTE.name, { scene: ANSWER, body });
    const wanted = messagesRequest({ body: { max_tokens: 1000, ...body, model: NATIVE_ROUTE.model.upstream_name } });
    expect(bed.upstream.seen().at(-1)?.raw.toString()).to.equal(wanted.body.toString());
  }

  for (const name of NAMES) {
    it(`carry a long text to its end, and a long argument too: ${name}`, async () => {
      const text = `${'if (a < "b") return\tvoid 0; // größe 中文 😀\n'.repeat(200)}END`;
      const input = { file_path: '/a', content: text };
      const messages = [
        { role: 'user', content: text },
        { role: 'assistant', content: [{ ...call('toolu_1', 'Read'), input }] },
        { role: 'user', content: [result('toolu_1', text), { type: 'text', text: 'and?' }] },
      ];
      await told(name, { system: text, messages, tools: [tool('Read')] });
      const sent = bed.upstream.seen().at(-1)?.raw.toString() ?? '';
      const once = JSON.stringify(text).slice(1, -1);
      const twice = JSON.stringify(once).slice(1, -1);
      expect(sent.split(once).length + sent.split(twice).length - 2, 'times it was sent').to.equal(4);
      expect(() => JSON.parse(sent)).to.not.throw();
    });
  }

  it('are of one session where the client names none and they begin alike, to the end of a long first message', async () => {
    const keyOf = async (first: string, ...more: unknown[]): Promise<unknown> => {
      await told('openai', { messages: [{ role: 'user', content: first }, ...more] });
      return bed.sent().prompt_cache_key;
    };
    const long = 'Read all of the files. '.repeat(200);
    const key = await keyOf(long);
    const turns = [
      { role: 'assistant', content: 'Good.' },
      { role: 'user', content: 'Go on.' },
    ];
    expect(await keyOf(long, ...turns))
      .to.equal(key)
      .and.be.a('string');
    expect(await keyOf(`${long}!`)).not.to.equal(key);
  });

  describe('system messages', () => {
    const user = (content: unknown) => ({ role: 'user', content });
    const system = (content: unknown) => ({ role: 'system', content });
    const CONVERSATIONS = {
      first: [system('SYS-ONE'), user('U-ONE')],
      middle: [
        user('U-ONE'),
        system([{ type: 'text', text: 'SYS-ONE' }]),
        { role: 'assistant', content: 'A-ONE' },
        user('U-TWO'),
      ],
      last: [user('U-ONE'), { role: 'assistant', content: 'A-ONE' }, user('U-TWO'), system('SYS-ONE')],
      empty: [user('U-ONE'), system([]), { role: 'assistant', content: 'A-ONE' }, user('U-TWO')],
      several: [
        user('U-ONE'),
        system('SYS-ONE'),
        { role: 'assistant', content: 'A-ONE' },
        user('U-TWO'),
        system('SYS-TWO'),
      ],
    };
    for (const name of NAMES) {
      it(`C-13 stay in their place as words of the system or the user, never of the assistant: ${name}`, async () => {
        for (const [where, messages] of Object.entries(CONVERSATIONS)) {
          const parts = await told(name, { system: 'TOP', messages });
          const wire = parts.map(({ role, text }) => `${role}:${text}`).join('\n');
          const order = [...wire.matchAll(/(?:SYS|U|A)-(?:ONE|TWO)/g)].map(([word]) => word);
          const wanted = [...JSON.stringify(messages).matchAll(/(?:SYS|U|A)-(?:ONE|TWO)/g)].map(([word]) => word);
          expect(order, `${where}: ${wire}`).to.deep.equal(wanted);
          expect(textsOf(parts, 'assistant'), where).to.not.include('SYS');
          expect(parts.at(-1)?.role, `${where}: somebody has to be answered`).to.equal('user');
        }
      });
    }

    for (const name of NAMES) {
      it(`C-13 leave what was sent before them as it was, turn after turn: ${name}`, async () => {
        const turns = [user('U-ONE'), system('SYS-ONE'), { role: 'assistant', content: 'A-ONE' }, user('U-TWO')];
        const more = [...turns, { role: 'assistant', content: 'A-TWO' }, system('SYS-TWO'), user('U-THREE')];
        const before = await told(name, { system: 'TOP', messages: turns });
        const after = await told(name, { system: 'TOP', messages: more });
        expect(after.slice(0, before.length)).to.deep.equal(before);
      });
    }

    it('C-13 pass a native upstream as they are', () => expectUntouched({ messages: CONVERSATIONS.several }));
  });

  describe('deferred tools', () => {
    const TOOLS = [
      tool('Bash'),
      tool('WebFetch', { defer_loading: true }),
      tool('ToolSearch'),
      tool('Notebook', { defer_loading: true }),
      tool('Cron', { defer_loading: true }),
    ];
    const search = (id: string, ...names: string[]) => [
      {
        role: 'assistant',
        content: [{ type: 'tool_use', id, name: 'ToolSearch', input: { file_path: names.join() } }],
      },
      {
        role: 'user',
        content: [
          result(
            id,
            names.map((tool_name) => ({ type: 'tool_reference', tool_name })),
          ),
        ],
      },
    ];
    const START = [{ role: 'user', content: 'hi' }];
    for (const name of NAMES) {
      it(`C-14 come once the conversation names them, behind those that were there: ${name}`, async () => {
        const stages = [
          START,
          [...START, ...search('toolu_1', 'Notebook')],
          [...START, ...search('toolu_1', 'Notebook'), ...search('toolu_2', 'WebFetch', 'Notebook')],
        ];
        const seen: string[][] = [];
        for (const messages of stages) {
          const parts = await told(name, { messages, tools: TOOLS });
          seen.push(sentTools(bed.sent()));
          expect(JSON.stringify(bed.sent())).to.not.include('defer_loading').and.not.include('tool_reference');
          for (const part of parts.filter(({ kind }) => kind === 'result'))
            expect(part.text).to.match(/Notebook|WebFetch/);
        }
        expect(seen).to.deep.equal([
          ['Bash', 'ToolSearch'],
          ['Bash', 'ToolSearch', 'Notebook'],
          ['Bash', 'ToolSearch', 'Notebook', 'WebFetch'],
        ]);
      });
    }

    it('C-14 and their references pass a native upstream as they are', () =>
      expectUntouched({ messages: [...START, ...search('toolu_1', 'Notebook')], tools: TOOLS }));
  });

  describe('tool results', () => {
    const messages = [
      { role: 'user', content: 'look' },
      {
        role: 'assistant',
        content: [
          { type: 'text', text: 'Looking.' },
          call('toolu_1', 'Read'),
          call('toolu_2', 'Bash'),
          call('toolu_3', 'Read'),
        ],
      },
      {
        role: 'user',
        content: [
          { type: 'text', text: 'BESIDE' },
          result('toolu_3', 'THREE'),
          result('toolu_1', [{ type: 'text', text: 'ONE' }, IMAGE]),
          result('toolu_2', [IMAGE]),
        ],
      },
    ];
    const TOOLS = [tool('Read'), tool('Bash')];
    for (const id of ['C-16', 'S1-11', 'S1-13']) {
      for (const name of NAMES) {
        it(`${id} stand right behind their calls in the order of these, and their images are shown as images: ${name}`, async () => {
          const parts = await told(name, { messages, tools: TOOLS });
          const calls = parts.filter(({ kind }) => kind === 'call');
          const results = parts.filter(({ kind }) => kind === 'result');
          const isNamed = calls.every((one) => one.id !== '');
          if (name === PAIRS_BY_ID) results.sort((one, other) => one.id.localeCompare(other.id));
          if (isNamed) expect(results.map((one) => one.id)).to.deep.equal(calls.map((one) => one.id));
          expect(results).to.have.length(3);
          expect(results[0]?.text).to.include('ONE');
          expect(results[2]?.text).to.equal('THREE');
          const lastCall = parts.findLastIndex(({ kind }) => kind === 'call');
          const between = parts.slice(
            lastCall + 1,
            parts.findLastIndex(({ kind }) => kind === 'result'),
          );
          if (name !== PAIRS_BY_ID) expect(between.filter(({ role }) => role !== 'tool')).to.deep.equal([]);
          expect(parts.filter(({ kind }) => kind === 'image')).to.have.length(2);
          expect(parts.filter(({ text }) => text.includes('BESIDE'))).to.have.length(1);
          for (const { text } of parts) expect(text).to.not.include('iVBOR');
        });
      }
    }

    for (const name of ['plain-chat', 'openai', 'mistral', 'openrouter', 'ollama']) {
      it(`C-16 come before the user's message with their images: ${name}`, async () => {
        const parts = await told(name, { messages, tools: TOOLS });
        const firstImage = parts.findIndex(({ kind }) => kind === 'image');
        expect(parts[firstImage]?.role).to.equal('user');
        expect(firstImage).to.be.above(parts.findLastIndex(({ kind }) => kind === 'result'));
      });
    }
  });

  describe('images', () => {
    const URL_IMAGE = { type: 'image', source: { type: 'url', url: 'https://images.example/a.png' } };
    const show = (...content: unknown[]) => ({
      messages: [{ role: 'user', content: [{ type: 'text', text: 'see' }, ...content] }],
    });
    for (const name of NAMES) {
      it(`S1-13 are sent by their bytes and by their address: ${name}`, async () => {
        const parts = await told(name, show(IMAGE));
        expect(parts.filter(({ kind }) => kind === 'image')).to.have.length(1);
        expect(JSON.stringify(bed.sent())).to.include(PNG);
        if (name === 'ollama') {
          const answer = await bed.ask(name, { body: show(URL_IMAGE) });
          expect(answer.status).to.equal(400);
          expect(json(answer)).to.have.nested.property('error.message').that.includes('messages[0].content[1]');
          return;
        }
        await told(name, show(URL_IMAGE));
        expect(JSON.stringify(bed.sent())).to.include('https://images.example/a.png');
      });

      it(`S1-13 leave a text in their place for a model without vision, counted in the route header: ${name}`, async () => {
        const results = [
          { role: 'assistant', content: [call('toolu_1', 'Read')] },
          { role: 'user', content: [result('toolu_1', [IMAGE])] },
        ];
        const { messages } = show(IMAGE, URL_IMAGE);
        const body = { messages: [...messages, ...results], tools: [tool('Read')] };
        const answer = await bed.ask(`blind-${name}`, { scene: ANSWER, body });
        expect(answer.status).to.equal(200);
        expect(header(answer, 'x-ccproxy-route')).to.include('image-omitted:3');
        const parts = sentConversation(bed.sent());
        expect(parts.filter(({ kind }) => kind === 'image')).to.deep.equal([]);
        expect(
          parts
            .map(({ text }) => text)
            .join('\n')
            .split('[image omitted: model has no vision]'),
        ).to.have.length(4);
        expect(JSON.stringify(bed.sent())).to.not.include(PNG);
      });
    }

    it('S1-13 are refused by their place where the operator wants that', async () => {
      const answer = await bed.ask('strict', { body: show(URL_IMAGE, IMAGE) });
      expect(answer.status).to.equal(400);
      expect(json(answer)).to.deep.include({ type: 'error' });
      expect(json(answer)).to.have.nested.property('error.message').that.includes('image at messages[0].content[1]');
    });
  });

  describe('tool names', () => {
    const LONG = `mcp__${'a-server-with-a-long-name__'.repeat(5)}`;
    const [FIRST, SECOND, SPACED] = [`${LONG}one`, `${LONG}two`, 'mcp__my server__look.up'];
    const tools = [FIRST, SECOND, SPACED, 'Bash'].map((name) => tool(name));
    const messages = [
      { role: 'user', content: 'hi' },
      { role: 'assistant', content: [call('toolu_1', SECOND), call('toolu_2', SPACED)] },
      { role: 'user', content: [result('toolu_1', 'a'), result('toolu_2', 'b')] },
    ];
    const LIMITS: Record<string, number> = { responses: 128, gemini: 128, ollama: 1000, vllm: 1000 };
    for (const id of ['C-17', 'S1-11']) {
      for (const name of NAMES) {
        it(`${id} that are too long are short upstream, alike in tools, history and choice, and whole in the answer: ${name}`, async () => {
          const parts = await told(name, { messages, tools, tool_choice: { type: 'tool', name: SECOND } });
          const sent = sentTools(bed.sent());
          expect(new Set(sent).size).to.equal(4);
          expect(sent[3]).to.equal('Bash');
          const limit = LIMITS[name] ?? 64;
          for (const one of sent) expect(one.length).to.be.at.most(limit);
          if (limit < 1000) for (const one of sent) expect(one).to.match(/^[a-zA-Z0-9_.:-]+$/);
          expect(parts.flatMap((part) => (part.kind === 'call' ? [part.name] : []))).to.deep.equal([sent[1], sent[2]]);
          const { tool_choice, toolConfig } = bed.sent();
          const choice = JSON.stringify(tool_choice ?? toolConfig ?? '');
          if (choice.includes('"name"') || choice.includes('allowedFunctionNames'))
            expect(choice).to.include(`"${sent[1]}"`);
          for (const stream of [true, false]) {
            const content = sent.slice(0, 3).map((one) => ({ type: 'tool_use', name: one, input: {} }));
            const message = wholeMessage(
              await bed.ask(name, { scene: { content }, body: { messages, tools }, stream }),
              stream,
            );
            const called = message.content.flatMap((block) => (block.type === 'tool_use' ? [block.name] : []));
            expect(called).to.deep.equal([FIRST, SECOND, SPACED]);
          }
        });
      }
    }
  });

  describe('tool choice', () => {
    const CHOICES: Record<string, (body: Record<string, unknown>) => unknown> = {
      'plain-chat': ({ tool_choice }) => textOf(fieldsOf(fieldsOf(tool_choice).function).name) || tool_choice,
      openai: ({ tool_choice }) => textOf(fieldsOf(fieldsOf(tool_choice).function).name) || tool_choice,
      mistral: ({ tool_choice }) => textOf(fieldsOf(fieldsOf(tool_choice).function).name) || tool_choice,
      openrouter: ({ tool_choice }) => textOf(fieldsOf(fieldsOf(tool_choice).function).name) || tool_choice,
      responses: ({ tool_choice }) => textOf(fieldsOf(tool_choice).name) || tool_choice,
      gemini: ({ toolConfig }) => {
        const { mode, allowedFunctionNames } = fieldsOf(fieldsOf(toolConfig).functionCallingConfig);
        return listOf(allowedFunctionNames)[0] ?? { AUTO: 'auto', ANY: 'required', NONE: 'none' }[textOf(mode)];
      },
    };
    for (const [name, read] of Object.entries(CHOICES)) {
      it(`S1-11 is carried in every mode: ${name}`, async () => {
        for (const [choice, wanted] of [
          [{ type: 'auto' }, 'auto'],
          [{ type: 'any' }, 'required'],
          [{ type: 'none' }, 'none'],
          [{ type: 'tool', name: 'Read' }, 'Read'],
        ] as const) {
          await told(name, { tools: [tool('Bash'), tool('Read')], tool_choice: choice });
          expect(read(bed.sent()), choice.type).to.equal(wanted);
        }
      });
    }

    it('S1-11 that a server cannot be told is said in the route header', async () => {
      const answer = await bed.ask('ollama', {
        scene: ANSWER,
        body: { tools: [tool('Bash')], tool_choice: { type: 'any' } },
      });
      expect(header(answer, 'x-ccproxy-route')).to.include('tool_choice:auto');
      await told('ollama', { tools: [tool('Bash')], tool_choice: { type: 'none' } });
      expect(bed.sent()).to.not.have.property('tools');
    });
  });

  for (const name of NAMES) {
    it(`S1-11 brings the ids of calls back to who gave them, with the results: ${name}`, async () => {
      const scene = {
        content: [
          { type: 'tool_use', id: 'call_Ab1', name: 'Read', input: { file_path: '/a' } },
          { type: 'tool_use', id: 'call_Ab2', name: 'Read', input: { file_path: '/b' } },
        ],
      };
      const tools = [tool('Read')];
      const { content } = wholeMessage(await bed.ask(name, { scene, body: { tools } }), true);
      const results = content.flatMap(({ type, id }) => (type === 'tool_use' ? [result(String(id), 'done')] : []));
      const messages = [
        { role: 'user', content: 'hi' },
        { role: 'assistant', content },
        { role: 'user', content: results.toReversed() },
      ];
      const parts = await told(name, { messages, tools });
      const ids = (kind: string) => parts.flatMap((part) => (part.kind === kind ? [part.id] : []));
      const given = name === PAIRS_BY_ID ? ids('result').toReversed() : ids('result');
      expect(given).to.deep.equal(ids('call'));
      if (name !== 'gemini' && name !== 'mistral') expect(ids('call')).to.deep.equal(['call_Ab1', 'call_Ab2']);
      expect(ids('call')).to.have.length(2);
    });
  }
});
