// One conversation of the simulated agent in the words of every protocol: what it decides must not hang on the words.
import { expect } from 'chai';
import { createSimulator, type Simulator } from '#services/simulator/service.ts';

type Fields = Record<string, unknown>;

interface Call {
  id: string;
  name: string;
  input: unknown;
}

interface Heard {
  text: string;
  calls: Call[];
}

/** How one protocol says a conversation without a stream, and what it hears back. */
interface Speaker {
  path: string;
  say(turns: Turn[], more: More): Fields;
  hear(answer: Fields): Heard;
}

type Turn = { user: string } | { said: string } | { calls: Call[] } | { results: Array<Call & { output: string }> };

interface More {
  tools?: string[];
  search?: boolean;
  schema?: Fields;
}

const SCHEMA = { type: 'object', properties: {} };
const list = (value: unknown): Fields[] => (Array.isArray(value) ? (value as Fields[]) : []);
const inner = (value: unknown): Fields => (value ?? {}) as Fields;

const anthropic: Speaker = {
  path: '/v1/messages',
  say: (turns, { tools = [], search, schema }) => ({
    model: 'm',
    max_tokens: 9,
    tools: [
      ...tools.map((name) => ({ name, input_schema: SCHEMA })),
      ...(search ? [{ type: 'web_search_20250305', name: 'web_search' }] : []),
    ],
    ...(schema ? { output_config: { format: { type: 'json_schema', schema } } } : {}),
    messages: turns.map((turn) => {
      if ('user' in turn) return { role: 'user', content: turn.user };
      if ('said' in turn) return { role: 'assistant', content: turn.said };
      if ('calls' in turn)
        return { role: 'assistant', content: turn.calls.map((call) => ({ type: 'tool_use', ...call })) };
      return {
        role: 'user',
        content: turn.results.map(({ id, output }) => ({ type: 'tool_result', tool_use_id: id, content: output })),
      };
    }),
  }),
  hear: (answer) => ({
    text: list(answer.content)
      .map((block) => block.text ?? '')
      .join(''),
    calls: list(answer.content).filter((block) => block.type === 'tool_use') as unknown as Call[],
  }),
};

const chat: Speaker = {
  path: '/v1/chat/completions',
  say: (turns, { tools = [], search, schema }) => ({
    model: 'm',
    ...(tools.length > 0
      ? { tools: tools.map((name) => ({ type: 'function', function: { name, parameters: SCHEMA } })) }
      : {}),
    ...(search ? { web_search_options: {} } : {}),
    ...(schema ? { response_format: { type: 'json_schema', json_schema: { name: 'x', schema } } } : {}),
    messages: turns.flatMap((turn): Fields[] => {
      if ('user' in turn) return [{ role: 'user', content: turn.user }];
      if ('said' in turn) return [{ role: 'assistant', content: turn.said }];
      if ('results' in turn)
        return turn.results.map(({ id, output }) => ({ role: 'tool', tool_call_id: id, content: output }));
      const calls = turn.calls.map(({ id, name, input }) => ({
        id,
        type: 'function',
        function: { name, arguments: JSON.stringify(input) },
      }));
      return [{ role: 'assistant', content: null, tool_calls: calls }];
    }),
  }),
  hear: (answer) => {
    const message = inner(inner(list(answer.choices)[0]).message);
    const calls = list(message.tool_calls).map((call) => {
      const fn = inner(call.function);
      return { id: String(call.id), name: String(fn.name), input: JSON.parse(String(fn.arguments)) as unknown };
    });
    return { text: String(message.content ?? ''), calls };
  },
};

const responses: Speaker = {
  path: '/v1/responses',
  say: (turns, { tools = [], search, schema }) => ({
    model: 'm',
    store: false,
    tools: [
      ...tools.map((name) => ({ type: 'function', name, parameters: SCHEMA })),
      ...(search ? [{ type: 'web_search' }] : []),
    ],
    ...(schema ? { text: { format: { type: 'json_schema', name: 'x', schema } } } : {}),
    input: turns.flatMap((turn): Fields[] => {
      if ('user' in turn) return [{ role: 'user', content: [{ type: 'input_text', text: turn.user }] }];
      if ('said' in turn) return [{ role: 'assistant', content: [{ type: 'output_text', text: turn.said }] }];
      if ('results' in turn) {
        return turn.results.map(({ id, output }) => ({ type: 'function_call_output', call_id: id, output }));
      }
      return turn.calls.map(({ id, name, input }) => ({
        type: 'function_call',
        call_id: id,
        name,
        arguments: JSON.stringify(input),
      }));
    }),
  }),
  hear: (answer) => {
    const output = list(answer.output);
    const texts = output.flatMap((item) => (item.type === 'message' ? list(item.content) : []));
    const calls = output
      .filter((item) => item.type === 'function_call')
      .map((item) => ({
        id: String(item.call_id),
        name: String(item.name),
        input: JSON.parse(String(item.arguments)) as unknown,
      }));
    return { text: texts.map((part) => part.text ?? '').join(''), calls };
  },
};

const gemini: Speaker = {
  path: '/v1beta/models/gemini-2.5-pro:generateContent',
  say: (turns, { tools = [], search, schema }) => ({
    tools: [
      ...(tools.length > 0
        ? [{ functionDeclarations: tools.map((name) => ({ name, parametersJsonSchema: SCHEMA })) }]
        : []),
      ...(search ? [{ googleSearch: {} }] : []),
    ],
    generationConfig: schema ? { responseMimeType: 'application/json', responseJsonSchema: schema } : {},
    contents: turns.map((turn) => {
      if ('user' in turn) return { role: 'user', parts: [{ text: turn.user }] };
      if ('said' in turn) return { role: 'model', parts: [{ text: turn.said }] };
      if ('calls' in turn) {
        return { role: 'model', parts: turn.calls.map(({ name, input }) => ({ functionCall: { name, args: input } })) };
      }
      const parts = turn.results.map(({ name, output }) => ({ functionResponse: { name, response: { output } } }));
      return { role: 'user', parts };
    }),
  }),
  hear: (answer) => {
    const parts = list(inner(inner(list(answer.candidates)[0]).content).parts);
    const calls = parts
      .filter((part) => part.functionCall)
      .map((part) => ({ id: '', name: String(inner(part.functionCall).name), input: inner(part.functionCall).args }));
    return { text: parts.map((part) => part.text ?? '').join(''), calls };
  },
};

const ollama: Speaker = {
  path: '/api/chat',
  say: (turns, { tools = [], schema }) => ({
    model: 'm',
    stream: false,
    tools: tools.map((name) => ({ type: 'function', function: { name, parameters: SCHEMA } })),
    ...(schema ? { format: schema } : {}),
    messages: turns.flatMap((turn): Fields[] => {
      if ('user' in turn) return [{ role: 'user', content: turn.user }];
      if ('said' in turn) return [{ role: 'assistant', content: turn.said }];
      if ('results' in turn)
        return turn.results.map(({ name, output }) => ({ role: 'tool', tool_name: name, content: output }));
      const calls = turn.calls.map(({ name, input }) => ({ function: { name, arguments: input } }));
      return [{ role: 'assistant', content: '', tool_calls: calls }];
    }),
  }),
  hear: (answer) => {
    const message = inner(answer.message);
    const calls = list(message.tool_calls).map((call) => {
      const fn = inner(call.function);
      return { id: String(call.id), name: String(fn.name), input: fn.arguments };
    });
    return { text: String(message.content ?? ''), calls };
  },
};

const SPEAKERS: Record<string, Speaker> = { anthropic, chat, responses, gemini, ollama };
const TOOLS = ['Bash', 'Read', 'Agent'];

describe('simulated agent in every protocol', () => {
  let simulator: Simulator;
  before(async () => {
    simulator = await createSimulator({ listenAddress: '127.0.0.1:0', seed: 1, delayScale: 0 });
  });
  after(() => simulator.stop());
  beforeEach(() => simulator.reset());

  async function ask(speaker: Speaker, turns: Turn[], more: More = { tools: TOOLS }): Promise<Heard> {
    const body = JSON.stringify(speaker.say(turns, more));
    const response = await fetch(simulator.url + speaker.path, { method: 'POST', body });
    const answer = (await response.json()) as Fields;
    expect(response.status, JSON.stringify(answer)).to.equal(200);
    return speaker.hear(answer);
  }
  async function toolTurn(speaker: Speaker, prompt: string): Promise<{ first: Heard; second: Heard }> {
    const first = await ask(speaker, [{ user: prompt }]);
    const results = first.calls.map((call, index) => ({ ...call, output: `result-${index}` }));
    return { first, second: await ask(speaker, [{ user: prompt }, { calls: first.calls }, { results }]) };
  }

  for (const [name, speaker] of Object.entries(SPEAKERS)) {
    it(`${name}: runs a command and reports what it printed`, async () => {
      // Where blocks of text are joined, reminders stand before the prompt in one text.
      const reminder = name === 'anthropic' ? '' : '<system-reminder>be kind</system-reminder>\n';
      const { first, second } = await toolTurn(speaker, `${reminder}Run \`echo hi\``);
      const expected = await ask(anthropic, [{ user: 'Run `echo hi`' }]);
      const decisions = (heard: Heard): unknown[] => heard.calls.map((call) => [call.name, call.input]);
      expect(decisions(first)).to.deep.equal(decisions(expected));
      expect(first.calls.length).to.equal(1);
      expect(second.text).to.include('result-0');
      expect(second.calls).to.deep.equal([]);
    });

    it(`${name}: reads two files at once`, async () => {
      const { first, second } = await toolTurn(speaker, 'Show both files');
      expect(first.calls.map((call) => call.name)).to.deep.equal(['Read', 'Read']);
      expect(second.text).to.include('result-0').and.to.include('result-1');
    });

    it(`${name}: delegates, and knows its own subagent by the task`, async () => {
      simulator.use('subagent');
      const parent = await ask(speaker, [{ user: 'Use a subagent' }]);
      const [task] = parent.calls;
      expect(task?.name).to.equal('Agent');
      const { prompt } = inner(task?.input);
      const headers = name === 'anthropic' ? { 'x-claude-code-agent-id': 'a1' } : {};
      const body = JSON.stringify(speaker.say([{ user: String(prompt) }], { tools: TOOLS }));
      const response = await fetch(simulator.url + speaker.path, { method: 'POST', body, headers });
      expect(speaker.hear((await response.json()) as Fields).calls[0]?.name).to.equal('Bash');
    });

    it(`${name}: does not begin anew when only a notification came`, async () => {
      simulator.use('subagent');
      const note = { user: '<system-reminder>\nTask a1 is done.\n</system-reminder>' };
      const { calls } = await ask(speaker, [{ user: 'Use a subagent' }]);
      const results = calls.map((call) => ({ ...call, output: 'launched' }));
      const said = [{ user: 'Use a subagent' }, { calls }, { results }, { said: 'main done' }];
      expect(await ask(speaker, [...said, note])).to.deep.include({ text: 'main done', calls: [] });
      expect((await ask(speaker, [...said, { user: 'Once more' }])).calls).to.have.length(1);
    });

    it(`${name}: follows a schema, and searches the web where it can`, async () => {
      const schema = { type: 'object', properties: { title: { type: 'string' } }, required: ['title'] };
      const titled = await ask(speaker, [{ user: 'Name this session' }], { schema });
      expect(JSON.parse(titled.text)).to.have.keys('title');
      if (name === 'ollama') return;
      const found = await ask(speaker, [{ user: 'Find news' }], { search: true });
      expect(found.text).to.include('A gateway sits between client and model.');
    });
  }

  it('writes down every request, whatever its protocol, with body and scene', async () => {
    for (const speaker of Object.values(SPEAKERS)) await ask(speaker, [{ user: 'Hello there' }]);
    const seen = simulator.seen();
    expect(seen.map((request) => request.path)).to.deep.equal(Object.values(SPEAKERS).map((speaker) => speaker.path));
    for (const request of seen) {
      expect(request.scene).to.equal('agent');
      expect(JSON.stringify(request.body)).to.include('Hello there');
    }
  });
});
