import type { MessageCreateParamsStreaming } from '@anthropic-ai/sdk/resources/messages';
import { expect } from 'chai';
import { GatewayError } from '#shared/errors.ts';
import { PROFILES } from '#shared/providers/anthropic/profiles.ts';
import { PROFILE_PROVIDERS } from '#shared/providers/anthropic.ts';
import { findProvider } from '#shared/providers/index.ts';
import type { Provider } from '#shared/providers/provider.ts';
import { encodeThinkingState } from '#shared/providers/thinking-state.ts';
import { agentRequest } from '../../support/agent-request.ts';
import { convertBody } from '../../support/convert-body.ts';
import { loadRecordings } from '../../support/recordings.ts';
import { convertWith, testTarget } from '../../support/target.ts';

function provider(name: string): Provider {
  const found = PROFILE_PROVIDERS.get(name);
  if (!found) throw new Error(`no profile ${name}`);
  return found;
}

type Options = Parameters<typeof convertBody>[2];

function convert(fields: Record<string, unknown>, profile = 'vllm', options: Options = {}) {
  return convertBody(provider(profile), fields, options);
}

function refusalOf(fields: Record<string, unknown>, profile = 'vllm'): GatewayError {
  try {
    convert(fields, profile);
  } catch (error) {
    expect(error).to.be.instanceOf(GatewayError);
    return error as GatewayError;
  }
  throw new Error('it was not refused');
}

const user = (...content: unknown[]) => ({ role: 'user', content });
const assistant = (...content: unknown[]) => ({ role: 'assistant', content });
const text = (value: string) => ({ type: 'text' as const, text: value });
const reminder = (value: string) => text(`<system-reminder>\n${value}\n</system-reminder>`);
const call = (id: string) => ({ type: 'tool_use', id, name: 'Read', input: {} });
const result = (id: string, content: unknown = 'ok') => ({ type: 'tool_result', tool_use_id: id, content });

describe('a Messages server that deviates: who converts for it', () => {
  it('is nobody for a native target, and the profile’s provider for one with a profile', () => {
    expect(findProvider(testTarget({ type: 'anthropic' }))).to.equal(null);
    for (const profile of Object.keys(PROFILES)) {
      expect(findProvider(testTarget({ type: 'anthropic', profile }))).to.equal(provider(profile));
    }
  });

  for (const profile of ['vllm', 'sglang', 'llamacpp', 'ollama', 'lmstudio', 'litellm', 'deepseek']) {
    it(`conv P-07 knows ${profile}`, () => {
      expect(PROFILES).to.have.property(profile);
    });
  }
});

describe('a Messages server that deviates: what it is sent', () => {
  it('conv Q-06 an agent’s whole request, in the order and shape the protocol has, without what only Anthropic knows', () => {
    const { json, notes, path, headers } = convertWith(provider('vllm'), agentRequest(), { model: 'qwen3' });
    expect(path).to.equal('/v1/messages');
    expect(headers).to.include.members(['anthropic-version', '2023-06-01']).and.not.include('anthropic-beta');
    expect(json).to.deep.equal({
      model: 'qwen3',
      max_tokens: 32_000,
      system: [
        { ...text('You are an agent.'), cache_control: { type: 'ephemeral' } },
        { ...text('Be brief.'), cache_control: { type: 'ephemeral' } },
      ],
      tools: (agentRequest().tools as unknown[]).slice(0, 2) as never,
      messages: [
        { role: 'user', content: [text('Look at both files.')] },
        {
          role: 'user',
          content: [
            { ...text('And be quick.'), cache_control: { type: 'ephemeral' } },
            reminder('Working in /repo.'),
          ] as never,
        },
        {
          role: 'assistant',
          content: [
            { type: 'thinking', thinking: 'Both at once.', signature: '' },
            ...((agentRequest().messages as Array<{ content: never[] }>)[3]?.content.slice(1) ?? []),
          ],
        },
        ...((agentRequest().messages as unknown[]).slice(4) as never[]),
      ],
      stream: true,
    } satisfies MessageCreateParamsStreaming);
    expect(notes).to.have.members([
      ...['folded:system', 'omitted:context_management', 'omitted:output_config', 'omitted:billing'],
      ...['deferred:1', 'thinking:left'],
    ]);
  });

  it('conv P-07 every recorded request of real clients, without a field that would be refused', () => {
    for (const recorded of loadRecordings().filter(
      ({ url, method }) => method === 'POST' && /messages(\?|$)/.test(url),
    )) {
      const request = JSON.parse(recorded.body.toString('utf8')) as Record<string, unknown>;
      for (const profile of Object.keys(PROFILES)) {
        const isRefused = request.safeguards !== undefined || request.thread !== undefined;
        const isHosted = /"type":"web_search_/.test(recorded.body.toString()) && !PROFILES[profile]?.takesHostedTools;
        if (isRefused || isHosted) {
          expect(() => convertWith(provider(profile), request), `${recorded.file} ${recorded.seq}`).to.throw(
            GatewayError,
          );
          continue;
        }
        const { json, body } = convertWith(provider(profile), request);
        expect(json).to.not.have.any.keys('context_management', 'output_config', 'betas', 'metadata');
        expect(body.toString()).to.not.match(/"defer_loading"|x-anthropic-billing-header|"tool_reference"|"adaptive"/);
        const roles = (json.messages as Array<{ role: string }>).map(({ role }) => role);
        if (PROFILES[profile]?.systemTurns === 'folded') expect(roles).to.not.include('system');
      }
    }
  });

  it('conv M-09 a stream, whatever the client asked for', () => {
    for (const stream of [true, false, undefined]) expect(convert({ stream }).json.stream).to.equal(true);
  });

  it('S1-09 to the right path, whether the base URL has /v1 or not', () => {
    expect(convert({}, 'vllm', { target: { baseUrl: 'http://h:8000/v1' } }).path).to.equal('/messages');
    expect(convert({}, 'vllm', { target: { baseUrl: 'http://h:8000/anthropic' } }).path).to.equal('/v1/messages');
  });

  it('the fields it was given by the user beside those of the protocol', () => {
    const extra = { chat_template_kwargs: { enable_thinking: false }, temperature: 0.1, stop_sequences: ['</block>'] };
    expect(convert(extra).json).to.deep.include(extra);
  });
});

describe('a Messages server that deviates: system prompts', () => {
  const system = (...content: unknown[]) => ({ role: 'system', content });
  const shapes: Array<[string, unknown[], unknown[]]> = [
    ['after the user', [user(text('a')), system(text('s'))], [user(text('a'), reminder('s'))]],
    [
      'as a string after a string',
      [
        { role: 'user', content: 'a' },
        { role: 'system', content: 's' },
      ],
      [user(text('a'), reminder('s'))],
    ],
    ['first', [system(text('s')), user(text('a'))], [user(reminder('s'), text('a'))]],
    ['alone', [system(text('s'), text('t'))], [user(reminder('s\n\nt'))]],
    ['of nothing', [user(text('a')), { role: 'system', content: [] }], [user(text('a'))]],
    [
      'last, after the results',
      [user(text('a')), assistant(call('c')), user(result('c')), system(text('s'))],
      [user(text('a')), assistant(call('c')), user(result('c'), reminder('s'))],
    ],
    [
      'between a call and its result',
      [user(text('a')), assistant(call('c')), system(text('s')), user(result('c'), text('b'))],
      [user(text('a')), assistant(call('c')), user(result('c'), reminder('s'), text('b'))],
    ],
    [
      'between two answers',
      [user(text('a')), assistant(text('x')), system(text('s')), assistant(text('y')), user(text('b'))],
      [user(text('a')), assistant(text('x')), user(reminder('s')), assistant(text('y')), user(text('b'))],
    ],
  ];
  for (const [name, messages, wanted] of shapes) {
    it(`conv Q-03 are folded into the user’s turn, never hoisted: ${name}`, () => {
      expect(convert({ messages }).json.messages).to.deep.equal(wanted);
    });
  }

  it('conv Q-03 stay where they are for a server that takes them there', () => {
    const messages = [user(text('a')), system(text('s')), assistant(text('b')), user(text('c'))];
    expect(convert({ messages }, 'litellm').json.messages).to.deep.equal(messages);
  });

  it('conv Q-03 leave the prefix as it was, turn after turn', () => {
    const turns = [
      user(text('a')),
      system(text('s')),
      assistant(call('c')),
      user(result('c')),
      system(text('t')),
      assistant(text('done')),
      user(text('b')),
      system(text('u')),
    ];
    const sent = [2, 5, 8].map((count) => JSON.stringify(convert({ messages: turns.slice(0, count) }).json.messages));
    for (const [index, json] of sent.entries()) {
      const next = sent[index + 1];
      if (next !== undefined) expect(next.startsWith(json.slice(0, -1))).to.equal(true);
    }
  });

  it('C-08 hold no billing block, whose text differs in every conversation', () => {
    const billing = text('x-anthropic-billing-header: cc_version=1;');
    expect(convert({ system: [billing, text('b')] }).json.system).to.deep.equal([text('b')]);
    expect(convert({ system: [billing] }).json).to.not.have.property('system');
    expect(convert({ system: 'plain' }).json.system).to.equal('plain');
  });

  it('C-08 are said to have lost a billing block only where there was one', () => {
    const quoted = text('The header is called x-anthropic-billing-header: never send it.');
    expect(convert({ system: [quoted] }).notes).not.to.include('omitted:billing');
    expect(convert({ system: [text('x-anthropic-billing-header: a'), quoted] }).notes).to.include('omitted:billing');
  });

  it('conv O-02 ask for a wanted format in words', () => {
    const schema = { type: 'object', properties: { title: { type: 'string' } } };
    const { json, notes } = convert({ system: 'Name it.', output_config: { format: { type: 'json_schema', schema } } });
    expect(json.system).to.have.length(2).and.have.nested.property('[1].text').that.includes(JSON.stringify(schema));
    expect(notes).to.include('format:instructed');
  });
});

describe('a Messages server that deviates: tools', () => {
  const tool = (name: string, more: Record<string, unknown> = {}) => ({
    name,
    input_schema: { type: 'object' },
    ...more,
  });
  const placeholder = tool('DeferredToolPlaceholder', { defer_loading: true });
  const later = tool('WebFetch', { defer_loading: true });
  const reference = (...names: string[]) =>
    result('c', [...names.map((tool_name) => ({ type: 'tool_reference', tool_name })), text('found')]);

  it('conv D-10 C-14 leave out what may not be called yet, the placeholder too', () => {
    const { json, notes } = convert({ tools: [placeholder, tool('Read'), later] });
    expect(json.tools).to.deep.equal([tool('Read')]);
    expect(notes).to.include('deferred:2');
  });

  it('conv D-10 C-14 come in the order in which the conversation named them, behind all others', () => {
    const other = tool('Zoom', { defer_loading: true });
    const messages = (...names: string[]) => [user(text('a')), assistant(call('c')), user(reference(...names))];
    const tools = [later, tool('Read'), other, placeholder];
    const names = (...named: string[]) =>
      (convert({ tools, messages: messages(...named) }).json.tools as Array<{ name: string }>).map(({ name }) => name);
    expect(names('Zoom')).to.deep.equal(['Read', 'Zoom']);
    expect(names('Zoom', 'WebFetch')).to.deep.equal(['Read', 'Zoom', 'WebFetch']);
  });

  it('conv X-08 C-14 tell of references in words', () => {
    const messages = [user(text('a')), assistant(call('c')), user(reference('WebFetch'))];
    const sent = convert({ tools: [later], messages }).json.messages as Array<{ content: Array<{ content: unknown }> }>;
    expect(sent[2]?.content[0]?.content).to.deep.equal([text('Loaded tool: WebFetch'), text('found')]);
  });

  it('conv K-01 are absent with their choice when there are none', () => {
    expect(convert({ tools: [], tool_choice: { type: 'auto' } }).json).to.not.have.any.keys('tools', 'tool_choice');
    const named = convert({ tools: [tool('Read'), later], tool_choice: { type: 'tool', name: 'WebFetch' } });
    expect(named.json).to.not.have.property('tool_choice');
    const choice = { type: 'tool', name: 'Read', disable_parallel_tool_use: true };
    expect(convert({ tools: [tool('Read')], tool_choice: choice }).json.tool_choice).to.deep.equal(choice);
  });

  it('conv D-09 lose the keys that each need a beta', () => {
    const rich = tool('Read', {
      strict: true,
      input_examples: [],
      allowed_callers: ['direct'],
      type: 'custom',
      eager_input_streaming: true,
    });
    expect(convert({ tools: [rich] }).json.tools).to.deep.equal([tool('Read')]);
  });

  it('conv W-01 are refused by name where the server would have to run them', () => {
    const search = { type: 'web_search_20250305', name: 'web_search', max_uses: 8 };
    expect(refusalOf({ tools: [tool('Read'), search] }))
      .to.include({ status: 400 })
      .and.have.property('message')
      .that.includes('web_search_20250305 at tools[1]');
    expect(convert({ tools: [search] }, 'litellm').json.tools).to.deep.equal([search]);
  });
});

describe('a Messages server that deviates: thinking', () => {
  const own = { type: 'thinking', thinking: 'hm', signature: encodeThinkingState('gemini', { a: 1 }) };
  const foreign = { type: 'thinking', thinking: 'hm', signature: 'EqQB' };
  const redacted = { type: 'redacted_thinking', data: 'EmwK' };
  const history = (...blocks: unknown[]) => [user(text('a')), assistant(...blocks, text('b')), user(text('c'))];
  const sentBlocks = (profile: string, ...blocks: unknown[]) =>
    (convert({ messages: history(...blocks) }, profile).json.messages as Array<{ content: unknown[] }>)[1]?.content;

  it('conv T-03 T-04 keeps its words and loses its signature where none is checked; redacted thinking goes', () => {
    expect(sentBlocks('vllm', own, foreign, redacted)).to.deep.equal([
      { ...own, signature: '' },
      { ...foreign, signature: '' },
      text('b'),
    ]);
    expect(sentBlocks('vllm', { ...own, thinking: '' })).to.deep.equal([text('b')]);
  });

  it('conv T-03 T-04 goes whole where signatures are checked and this one is ours', () => {
    const ownRedacted = { type: 'redacted_thinking', data: encodeThinkingState('gemini', {}) };
    expect(sentBlocks('litellm', own, ownRedacted, foreign, redacted)).to.deep.equal([foreign, redacted, text('b')]);
  });

  for (const [profile, thinking, effort, max, wanted] of [
    ['sglang', { type: 'adaptive', display: 'omitted' }, 'high', 64_000, { type: 'enabled', budget_tokens: 24_576 }],
    ['sglang', { type: 'adaptive' }, undefined, 64_000, { type: 'enabled', budget_tokens: 8192 }],
    ['sglang', { type: 'adaptive' }, 'max', 32_000, { type: 'enabled', budget_tokens: 31_999 }],
    ['sglang', { type: 'between_tools' }, 'low', 4000, { type: 'enabled', budget_tokens: 1024 }],
    ['sglang', { type: 'adaptive' }, 'high', 64, undefined],
    [
      'sglang',
      { type: 'enabled', budget_tokens: 5000, display: 'omitted' },
      undefined,
      9000,
      { type: 'enabled', budget_tokens: 5000 },
    ],
    ['sglang', { type: 'disabled' }, 'high', 9000, { type: 'disabled' }],
    ['sglang', undefined, 'high', 9000, undefined],
    ['vllm', { type: 'adaptive' }, 'high', 64_000, undefined],
    ['vllm', { type: 'disabled' }, undefined, 9000, { type: 'disabled' }],
  ] as const) {
    it(`conv T-01 T-02 ${JSON.stringify(thinking)} at effort ${effort} within ${max} tokens for ${profile}`, () => {
      const { json } = convert({ thinking, output_config: { effort }, max_tokens: max }, profile);
      expect(json.thinking).to.deep.equal(wanted);
    });
  }
});

describe('a Messages server that deviates: limits and refusals', () => {
  it('conv M-01 lowers max_tokens to what the model gives, and to the room its window has', () => {
    const clamped = convert({ max_tokens: 128_000 }, 'vllm', { target: { maxOutput: 8192 } });
    expect(clamped.json.max_tokens).to.equal(8192);
    expect(clamped.notes).to.include('max_tokens:8192');
    const target = { contextWindow: 32_768 };
    const { max_tokens: room } = convertBody(provider('vllm'), { max_tokens: 32_000 }, { target }).json;
    expect(room)
      .to.be.a('number')
      .and.below(32_768 - 42);
    expect(convert({ max_tokens: 100 }, 'vllm', { target: { maxOutput: 8192 } }).json.max_tokens).to.equal(100);
  });

  it('conv A-02 tells nobody who the client is', () => {
    const metadata = { user_id: '{"device_id":"dddd","session_id":"s"}' };
    const { json, body } = convertWith(
      provider('vllm'),
      { model: 'm', messages: [user(text('a'))], metadata },
      { input: { sessionKey: 'abc123' } },
    );
    expect(json.metadata).to.deep.equal({ user_id: 'abc123' });
    expect(body.toString()).to.not.include('dddd');
  });

  it('refuses a thread so that the client sends the whole conversation', () => {
    const error = refusalOf({ thread: { type: 'create' } });
    expect(error.details).to.deep.equal({ error_code: 'thread_unsupported_request' });
  });

  it('declines safeguards in the words after which the client checks by itself', () => {
    expect(refusalOf({ safeguards: [] }).message).to.equal('safeguards: Extra inputs are not permitted');
  });

  for (const [what, fields, place] of [
    ['MCP servers', { mcp_servers: [{ type: 'url' }] }, 'mcp_servers'],
    ['no messages', { messages: [] }, 'messages'],
    ['empty messages', { messages: [user()] }, 'messages: at least one'],
    ['messages that are none', { messages: 'hi' }, 'messages'],
    ['a role nobody has', { messages: [{ role: 'tool', content: 'x' }] }, 'messages[0].role'],
    [
      'a PDF',
      {
        messages: [user({ type: 'document', source: { type: 'base64', media_type: 'application/pdf', data: 'JVBE' } })],
      },
      'document at messages[0].content[0]',
    ],
    ['an image in the system prompt', { system: [{ type: 'image', source: {} }] }, 'image at system[0]'],
  ] as const) {
    it(`refuses ${what} by name`, () => {
      expect(refusalOf(fields).message).to.include(place);
    });
  }

  it('conv Q-09 Q-10 says documents and what only Anthropic knows in words', () => {
    const content = [
      { type: 'document', title: 'T', source: { type: 'text', media_type: 'text/plain', data: 'body' } },
      { type: 'search_result', title: 'S', source: 'https://example.org', content: [text('found')] },
      { type: 'container_upload', file_id: 'f' },
    ];
    const { json, notes } = convert({ messages: [user(...content)] });
    expect(json.messages).to.deep.equal([user(text('Document: T\nbody'), text('S – https://example.org\nfound'))]);
    expect(notes).to.include('omitted:container_upload');
  });

  it('conv X-07 leaves unpaired calls and results as the client sent them', () => {
    const messages = [user(text('a')), assistant(call('c')), user(text('b')), user(result('nobody'))];
    expect(convert({ messages }).json.messages).to.deep.equal(messages);
  });
});
