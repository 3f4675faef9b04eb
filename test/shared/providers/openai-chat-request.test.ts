import { expect } from 'chai';
import type { ChatCompletionCreateParamsStreaming } from 'openai/resources/chat/completions';
import { GatewayError } from '#shared/errors.ts';
import { type Fields, fieldsOf, listOf } from '#shared/providers/fields.ts';
import { VENDOR_NAMES } from '#shared/providers/openai-chat/vendors.ts';
import { openaiChat } from '#shared/providers/openai-chat.ts';
import { encodeThinkingState } from '#shared/providers/thinking-state.ts';
import { requestsOf } from '../../support/recordings.ts';
import { type ConvertedBody, type ConvertOptions, convertWith } from '../../support/target.ts';

type Request = Record<string, unknown>;
const USER = { role: 'user', content: 'hi' };
const BASH = { name: 'Bash', input_schema: { type: 'object', properties: { command: { type: 'string' } } } };
const PNG = { type: 'image', source: { type: 'base64', media_type: 'image/png', data: 'iVBORw0KGgo=' } };

const convert = (request: Request, options: ConvertOptions = {}): ConvertedBody =>
  convertWith(openaiChat, { model: 'claude-x', max_tokens: 100, messages: [USER], ...request }, options);
/** What a vendor is sent. */
const at = (vendor: string, model = 'some-model'): ConvertOptions => ({ model, target: { vendor } });
const messagesOf = ({ json }: ConvertedBody): Fields[] => listOf(json.messages).map(fieldsOf);
const sentTools = ({ json }: ConvertedBody): Fields[] =>
  listOf(json.tools).map((tool) => fieldsOf(fieldsOf(tool).function));

function refusal(request: Request, options: ConvertOptions = {}): string {
  try {
    convert(request, options);
  } catch (error) {
    expect(error).to.be.instanceOf(GatewayError);
    expect((error as GatewayError).status).to.equal(400);
    return (error as GatewayError).message;
  }
  throw new Error('the request was not refused');
}

const toolUse = (id: string, name = 'Bash', input: unknown = {}): Fields => ({ type: 'tool_use', id, name, input });
const toolResult = (id: string, content: unknown, more: Fields = {}): Fields => ({
  type: 'tool_result',
  tool_use_id: id,
  content,
  ...more,
});

const AGENT = {
  model: 'claude-x',
  messages: [
    { role: 'user', content: [{ type: 'text', text: '<system-reminder>a</system-reminder>' }] },
    { role: 'user', content: [{ type: 'text', text: 'Read both', cache_control: { type: 'ephemeral' } }] },
    { role: 'system', content: [{ type: 'text', text: 'You are in /tmp.' }] },
    {
      role: 'assistant',
      content: [
        { type: 'thinking', thinking: 'Two files.', signature: 'EqQBforeign' },
        { type: 'text', text: 'Reading.' },
        toolUse('toolu_1', 'Read', { file_path: '/a', limit: 5 }),
        toolUse('toolu_2', 'Read', { file_path: '/b' }),
      ],
    },
    {
      role: 'user',
      content: [
        toolResult('toolu_2', 'B', { cache_control: { type: 'ephemeral' } }),
        toolResult('toolu_1', [{ type: 'text', text: 'A' }], { is_error: false }),
        { type: 'text', text: 'Now compare.' },
      ],
    },
  ],
  system: [
    { type: 'text', text: 'x-anthropic-billing-header: cc_version=2.1.329.abc; cc_entrypoint=cli;' },
    { type: 'text', text: 'You are an agent.', cache_control: { type: 'ephemeral' } },
    { type: 'text', text: 'Use tools.', cache_control: { type: 'ephemeral' } },
  ],
  tools: [
    {
      name: 'Read',
      description: 'Reads a file.',
      input_schema: {
        $schema: 'http://json-schema.org/draft-07/schema#',
        type: 'object',
        properties: { file_path: { type: 'string' }, limit: { type: 'number' } },
        required: ['file_path'],
        additionalProperties: false,
      },
      cache_control: { type: 'ephemeral' },
      eager_input_streaming: true,
    },
    { name: 'DeferredToolPlaceholder', input_schema: { type: 'object' }, defer_loading: true },
  ],
  metadata: { user_id: '{"device_id":"d1","account_uuid":"","session_id":"s1"}' },
  max_tokens: 128_000,
  thinking: { type: 'adaptive', display: 'omitted' },
  context_management: { edits: [{ type: 'clear_thinking_20251015', keep: 'all' }] },
  output_config: { effort: 'medium' },
  stream: true,
};

describe('a request to Chat Completions', () => {
  it("conv Q-06 A-01 C-08 carries an agent's whole request, in order, without a key that only Anthropic knows", () => {
    const { json } = convertWith(openaiChat, AGENT, {
      model: 'gpt-5.2',
      target: { vendor: 'openai', maxOutput: 100_000 },
      input: { sessionKey: 'abc123' },
    });
    const expected = {
      model: 'gpt-5.2',
      messages: [
        {
          role: 'developer',
          content: [
            { type: 'text', text: 'You are an agent.' },
            { type: 'text', text: 'Use tools.' },
          ],
        },
        { role: 'user', content: '<system-reminder>a</system-reminder>' },
        { role: 'user', content: 'Read both' },
        { role: 'developer', content: 'You are in /tmp.' },
        {
          role: 'assistant',
          content: 'Reading.',
          tool_calls: [
            { id: 'toolu_1', type: 'function', function: { name: 'Read', arguments: '{"file_path":"/a","limit":5}' } },
            { id: 'toolu_2', type: 'function', function: { name: 'Read', arguments: '{"file_path":"/b"}' } },
          ],
        },
        { role: 'tool', tool_call_id: 'toolu_1', content: 'A' },
        { role: 'tool', tool_call_id: 'toolu_2', content: 'B' },
        { role: 'user', content: 'Now compare.' },
      ],
      tools: [
        {
          type: 'function',
          function: {
            name: 'Read',
            description: 'Reads a file.',
            parameters: {
              type: 'object',
              properties: { file_path: { type: 'string' }, limit: { type: 'number' } },
              required: ['file_path'],
              $schema: 'http://json-schema.org/draft-07/schema#',
              additionalProperties: false,
            },
          },
        },
      ],
      max_completion_tokens: 100_000,
      reasoning_effort: 'medium',
      prompt_cache_key: 'abc123',
      safety_identifier: '1c6f6ea0ad03d13bc4a52c1c58a3c9cc2cb15f0f8f4b6a7ba9c1b5cd5fcb6d0a',
      stream: true,
      stream_options: { include_usage: true },
    } satisfies ChatCompletionCreateParamsStreaming;
    expect({ ...json, safety_identifier: expected.safety_identifier }).to.deep.equal(expected);
    expect(json.safety_identifier).to.match(/^[0-9a-f]{64}$/);
  });

  it('carries every recorded request of real clients to every vendor', () => {
    const bodies = [
      'cc-plain-default',
      'cc-tool-read-parallel',
      'cc-image-input',
      'cc-thinking-budget',
      'cc-json-schema',
    ]
      .flatMap(requestsOf)
      .filter(({ method, url, body }) => method === 'POST' && url.startsWith('/v1/messages?') && body.length > 0);
    expect(bodies.length).to.be.above(5);
    for (const { body } of bodies) {
      for (const vendor of VENDOR_NAMES) {
        const { json } = convertWith(openaiChat, JSON.parse(body.toString('utf8')), at(vendor));
        const text = JSON.stringify(json);
        expect(text).not.to.include('x-anthropic-billing-header');
        expect(text).not.to.match(/"(?:cache_control|context_management|output_config|metadata|defer_loading)":/);
        const calls = listOf(json.messages).flatMap((message) => listOf(fieldsOf(message).tool_calls));
        const results = listOf(json.messages).filter((message) => fieldsOf(message).role === 'tool');
        expect(results).to.have.length(calls.length);
      }
    }
  });

  describe('where it is sent', () => {
    for (const [baseUrl, path] of [
      ['http://127.0.0.1:8000', '/v1/chat/completions'],
      ['http://127.0.0.1:8000/v1', '/chat/completions'],
      ['http://127.0.0.1:8000/v1/', '/chat/completions'],
      ['http://127.0.0.1:8000/v1/chat/completions', ''],
      ['http://host/proxy', '/v1/chat/completions'],
      ['https://api.openai.com', '/v1/chat/completions'],
      ['https://api.groq.com', '/openai/v1/chat/completions'],
      ['https://api.groq.com/openai/v1', '/chat/completions'],
      ['https://api.groq.com/openai', '/v1/chat/completions'],
      ['https://api.z.ai/api/coding/paas/v4', '/chat/completions'],
      ['https://generativelanguage.googleapis.com/v1beta/openai', '/chat/completions'],
      ['https://api.perplexity.ai', '/chat/completions'],
    ] as const) {
      it(`S1-09 adds "${path}" to ${baseUrl}`, () => {
        expect(convert({}, { target: { baseUrl } }).path).to.equal(path);
      });
    }

    it('tells the vendor by its host, by its name, else takes it for a plain server', () => {
      const field = (options: ConvertOptions): Fields =>
        convert({ max_tokens: 5 }, { model: 'gpt-5', ...options }).json;
      expect(field({ target: { baseUrl: 'https://api.openai.com/v1' } })).to.have.property('max_completion_tokens');
      expect(field({ target: { vendor: 'openai' } })).to.have.property('max_completion_tokens');
      expect(field({ target: { baseUrl: 'https://notapi.openai.com.example/v1' } })).to.have.property('max_tokens');
    });
  });

  describe('system, messages and caching', () => {
    it('conv Q-01 makes one leading message of the system prompt, in the role the model takes', () => {
      expect(messagesOf(convert({ system: 'Be brief.' }))[0]).to.deep.equal({ role: 'system', content: 'Be brief.' });
      const roles = (vendor: string, model: string): unknown =>
        messagesOf(convert({ system: 'x' }, at(vendor, model)))[0]?.role;
      expect(roles('openai', 'o3')).to.equal('developer');
      expect(roles('openai', 'gpt-4o')).to.equal('system');
      expect(roles('openai', 'o1-mini')).to.equal('user');
      for (const system of ['', [], undefined, [{ type: 'text', text: '' }]]) {
        expect(messagesOf(convert({ system })).map(({ role }) => role)).to.deep.equal(['user']);
      }
    });

    it('conv Q-02 C-08 keeps blocks apart where the server takes parts, and drops the billing block', () => {
      const system = [
        { type: 'text', text: 'x-anthropic-billing-header: cc_version=1; cch=12345;' },
        { type: 'text', text: 'One.' },
        { type: 'text', text: 'Two.' },
      ];
      expect(messagesOf(convert({ system }))[0]?.content).to.equal('One.\n\nTwo.');
      expect(messagesOf(convert({ system }, at('openai', 'gpt-4o')))[0]?.content).to.have.length(2);
    });

    it("conv Q-03 C-13 keeps a system message in its place, or says it in the user's turn, and never ends with it", () => {
      const messages = [
        USER,
        { role: 'system', content: 'In between.' },
        { role: 'assistant', content: 'ok' },
        USER,
        { role: 'system', content: 'Last.' },
      ];
      const plain = messagesOf(convert({ messages }));
      expect(plain.map(({ role }) => role)).to.deep.equal(['user', 'system', 'assistant', 'user', 'user']);
      expect(plain[1]?.content).to.equal('In between.');
      expect(plain.at(-1)?.content).to.equal('<system-reminder>\nLast.\n</system-reminder>');
      const first = messagesOf(convert({ messages, system: 'x' }, at('qwen', 'qwen3-max')));
      expect(first.map(({ role }) => role)).to.deep.equal(['system', 'user', 'user', 'assistant', 'user', 'user']);
    });

    it('conv Q-03 refuses a system message that holds more than text', () => {
      const messages = [USER, { role: 'system', content: [PNG] }, USER];
      expect(refusal({ messages })).to.equal('image at messages[1].content[0]: a system message holds text');
    });

    it('conv Q-04 leaves turns of one role apart, and merges them where templates want them to alternate', () => {
      const messages = [USER, { role: 'user', content: [{ type: 'text', text: 'more' }, PNG] }];
      expect(messagesOf(convert({ messages }))).to.have.length(2);
      const [merged, ...rest] = messagesOf(convert({ messages }, at('mistral')));
      expect(rest).to.deep.equal([]);
      expect(listOf(merged?.content).map((part) => fieldsOf(part).type)).to.deep.equal(['text', 'text', 'image_url']);
    });

    it('conv Q-05 passes a begun answer on', () => {
      const messages = [USER, { role: 'assistant', content: 'The answer is' }];
      expect(messagesOf(convert({ messages })).at(-1)).to.deep.equal({ role: 'assistant', content: 'The answer is' });
    });

    it('conv Q-07 drops empty texts and messages, and refuses when nothing is left', () => {
      const messages = [
        { role: 'user', content: '' },
        {
          role: 'user',
          content: [
            { type: 'text', text: ' ' },
            { type: 'text', text: 'a' },
          ],
        },
        { role: 'assistant', content: [] },
      ];
      expect(messagesOf(convert({ messages }))).to.deep.equal([{ role: 'user', content: 'a' }]);
      expect(refusal({ messages: [{ role: 'user', content: [] }] })).to.equal(
        'messages: at least one message is required',
      );
      expect(refusal({ messages: [] })).to.equal('messages: at least one message is required');
    });

    it('conv Q-08 sends images by data and by URL, and names the one it cannot send', () => {
      const url = { type: 'image', source: { type: 'url', url: 'https://a.example/i.png' } };
      const parts = listOf(messagesOf(convert({ messages: [{ role: 'user', content: [PNG, url] }] }))[0]?.content);
      expect(parts).to.deep.equal([
        { type: 'image_url', image_url: { url: 'data:image/png;base64,iVBORw0KGgo=' } },
        { type: 'image_url', image_url: { url: 'https://a.example/i.png' } },
      ]);
      const file = { type: 'image', source: { type: 'file', file_id: 'file_1' } };
      expect(refusal({ messages: [USER, { role: 'user', content: [PNG, file] }] })).to.include(
        'image at messages[1].content[1]',
      );
    });

    it('conv Q-08 puts a marker in the place of an image the model cannot see, or refuses it if told so', () => {
      const messages = [{ role: 'user', content: [PNG] }];
      const marked = convert({ messages }, at('deepseek', 'deepseek-chat'));
      expect(messagesOf(marked)[0]?.content).to.equal('[image omitted: model has no vision]');
      expect(marked.notes).to.include('image-omitted:1');
      const strict = { model: 'deepseek-chat', target: { vendor: 'deepseek', vision: 'strict' as const } };
      expect(refusal({ messages }, strict)).to.equal('image at messages[0].content[0]: the model has no vision');
    });

    it('conv Q-09 sends a PDF as a file with a name, texts as text, and refuses the rest by name', () => {
      const pdf = {
        type: 'document',
        title: 'Plan',
        source: { type: 'base64', media_type: 'application/pdf', data: 'JVBERi0=' },
      };
      const [part] = listOf(
        messagesOf(convert({ messages: [{ role: 'user', content: [pdf] }] }, at('openai', 'gpt-4o')))[0]?.content,
      );
      expect(part).to.deep.equal({
        type: 'file',
        file: { filename: 'Plan.pdf', file_data: 'data:application/pdf;base64,JVBERi0=' },
      });
      const plain = {
        type: 'document',
        title: 'T',
        context: 'C',
        source: { type: 'text', media_type: 'text/plain', data: 'words' },
      };
      expect(messagesOf(convert({ messages: [{ role: 'user', content: [plain] }] }))[0]?.content).to.equal(
        'Document: T\nC\nwords',
      );
      expect(refusal({ messages: [{ role: 'user', content: [pdf] }] })).to.equal(
        'document at messages[0].content[0]: this provider cannot read PDF',
      );
      const byUrl = { type: 'document', source: { type: 'url', url: 'https://a.example/x.pdf' } };
      expect(refusal({ messages: [{ role: 'user', content: [byUrl] }] }, at('openai'))).to.include('documents by URL');
      const empty = { type: 'document', source: { type: 'base64', media_type: 'application/pdf', data: '' } };
      expect(refusal({ messages: [{ role: 'user', content: [empty] }] }, at('openai'))).to.include(
        'messages[0].content[0]',
      );
    });

    it('conv Q-10 tells what a server searched as text, and leaves out what nobody else can read', () => {
      const content = [
        { type: 'server_tool_use', id: 'srv_1', name: 'web_search', input: { query: 'weather' } },
        {
          type: 'web_search_tool_result',
          tool_use_id: 'srv_1',
          content: [{ type: 'web_search_result', title: 'W', url: 'https://w.example' }],
        },
        { type: 'container_upload', file_id: 'f' },
        { type: 'text', text: 'Sunny.' },
      ];
      const search = { type: 'search_result', title: 'Doc', source: 'kb', content: [{ type: 'text', text: 'found' }] };
      const converted = convert({
        messages: [{ role: 'user', content: [search] }, { role: 'assistant', content }, USER],
      });
      expect(messagesOf(converted)[0]?.content).to.equal('Doc – kb\nfound');
      expect(messagesOf(converted)[1]?.content).to.equal('[web_search: weather]\n- W – https://w.example\n\nSunny.');
      expect(converted.notes).to.include('omitted:container_upload');
    });

    it('conv C-01 C-02 removes every cache mark without touching the pairing', () => {
      const mark = { cache_control: { type: 'ephemeral' } };
      const messages = [
        {
          role: 'user',
          content: [
            { type: 'text', text: 'a', ...mark },
            { ...PNG, ...mark },
          ],
        },
        { role: 'assistant', content: [{ ...toolUse('t1'), ...mark }] },
        { role: 'user', content: [toolResult('t1', [{ type: 'text', text: 'r', ...mark }], mark)] },
      ];
      const converted = convert({
        messages,
        tools: [{ ...BASH, ...mark }],
        system: [{ type: 'text', text: 's', ...mark }],
      });
      expect(converted.body.toString()).not.to.include('cache_control');
      expect(messagesOf(converted).at(-1)).to.deep.equal({ role: 'tool', tool_call_id: 't1', content: 'r' });
    });

    it('conv C-03 A-02 tells OpenAI alone a key for its cache and a hash of the user', () => {
      const request = { metadata: { user_id: 'user_abc_account_def_session_123' } };
      const options = { input: { sessionKey: 'f'.repeat(32) } };
      const openai = convert(request, { ...at('openai', 'gpt-4o'), ...options });
      expect(openai.json.prompt_cache_key).to.equal('f'.repeat(32));
      expect(openai.json.safety_identifier).to.match(/^[0-9a-f]{64}$/);
      const later = convert(
        { metadata: { user_id: 'user_abc_account_def_session_999' } },
        { ...at('openai', 'gpt-4o'), ...options },
      );
      expect(later.json.safety_identifier).to.equal(openai.json.safety_identifier);
      for (const vendor of ['generic', 'groq', 'mistral', 'azure']) {
        const { json, body } = convert(request, { ...at(vendor), ...options });
        expect(json).not.to.have.any.keys('prompt_cache_key', 'safety_identifier', 'user', 'metadata');
        expect(body.toString()).not.to.include('user_abc');
      }
    });
  });

  describe('tools and the choice among them', () => {
    it('conv D-01 D-09 sends name, description and schema, and nothing else', () => {
      const tool = {
        ...BASH,
        description: 'Runs.',
        eager_input_streaming: true,
        allowed_callers: ['direct'],
        input_examples: [{}],
      };
      const { json } = convert({ tools: [tool] });
      expect(json.tools).to.deep.equal([
        {
          type: 'function',
          function: {
            name: 'Bash',
            description: 'Runs.',
            parameters: { type: 'object', properties: { command: { type: 'string' } } },
          },
        },
      ]);
    });

    it('conv D-02 C-17 shortens long names the same in tools, history and choice', () => {
      const name = `mcp__${'a'.repeat(80)}__search`;
      const other = `mcp__${'a'.repeat(80)}__find`;
      const request = {
        tools: [
          { ...BASH, name },
          { ...BASH, name: other },
          { ...BASH, name: 'dot.name' },
        ],
        tool_choice: { type: 'tool', name },
        messages: [
          USER,
          { role: 'assistant', content: [toolUse('t1', name)] },
          { role: 'user', content: [toolResult('t1', 'x')] },
        ],
      };
      const converted = convert(request);
      const [sent, second, third] = sentTools(converted).map((tool) => String(tool.name));
      for (const one of [sent, second, third]) expect(one).to.match(/^[a-zA-Z0-9_-]{1,64}$/);
      expect(new Set([sent, second, third]).size).to.equal(3);
      expect(converted.json.tool_choice).to.deep.equal({ type: 'function', function: { name: sent } });
      const [call] = listOf(messagesOf(converted)[1]?.tool_calls);
      expect(fieldsOf(fieldsOf(call).function).name).to.equal(sent);
      expect(converted.memory.toolNames.get(sent ?? '')).to.equal(name);
      expect(convert(request).body.equals(converted.body)).to.equal(true);
    });

    for (const [schema, wanted] of [
      [{}, { type: 'object', properties: {} }],
      [undefined, { type: 'object', properties: {} }],
      [
        { properties: null, required: 'x' },
        { type: 'object', properties: {} },
      ],
      [
        { type: 'object', properties: { a: {} }, required: ['a', 'gone'] },
        { type: 'object', properties: { a: {} }, required: ['a'] },
      ],
    ] as const) {
      it(`conv D-03 makes an object schema of ${JSON.stringify(schema)}`, () => {
        expect(sentTools(convert({ tools: [{ name: 'T', input_schema: schema }] }))[0]?.parameters).to.deep.equal(
          wanted,
        );
      });
    }

    it('conv D-05 keeps properties whose names are keywords', () => {
      const names = [
        'pattern',
        'format',
        'title',
        'default',
        'description',
        'type',
        '$schema',
        'required',
        'properties',
        '-A',
        '-i',
      ];
      const schema = {
        type: 'object',
        properties: Object.fromEntries(names.map((name) => [name, { type: 'string' }])),
        required: names,
      };
      expect(sentTools(convert({ tools: [{ name: 'Grep', input_schema: schema }] }))[0]?.parameters).to.deep.equal(
        schema,
      );
    });

    it('conv D-06 asks for strict arguments only where the schema allows it, and never rewrites it', () => {
      const closed = {
        type: 'object',
        properties: { a: { type: 'string' } },
        required: ['a'],
        additionalProperties: false,
      };
      expect(sentTools(convert({ tools: [{ name: 'T', strict: true, input_schema: closed }] }))[0]?.strict).to.equal(
        true,
      );
      const optional = { ...closed, required: [] };
      expect(
        sentTools(convert({ tools: [{ name: 'T', strict: true, input_schema: optional }] }))[0],
      ).not.to.have.property('strict');
      expect(sentTools(convert({ tools: [{ name: 'T', input_schema: closed }] }))[0]).not.to.have.property('strict');
    });

    it('conv D-07 merges the branches of a schema that is not an object', () => {
      const schema = {
        anyOf: [
          { type: 'object', properties: { a: { type: 'string' }, id: { type: 'string' } }, required: ['a', 'id'] },
          { type: 'object', properties: { b: { type: 'number' }, id: { type: 'string' } }, required: ['b', 'id'] },
        ],
      };
      const [tool] = sentTools(convert({ tools: [{ name: 'T', input_schema: schema }] }));
      expect(tool?.parameters).to.deep.include({ type: 'object', required: ['id'] });
      expect(Object.keys(fieldsOf(fieldsOf(tool?.parameters).properties))).to.have.members(['a', 'b', 'id']);
    });

    it('conv D-08 gives known client tools their schema and refuses others by name', () => {
      const [bash] = sentTools(convert({ tools: [{ type: 'bash_20250124', name: 'bash' }] }));
      expect(fieldsOf(fieldsOf(bash?.parameters).properties)).to.have.property('command');
      expect(refusal({ tools: [{ type: 'computer_20250124', name: 'computer' }] })).to.include('"computer"');
    });

    it('conv D-10 sends deferred tools once the conversation has named them, at the end', () => {
      const later = { ...BASH, name: 'WebSearch', defer_loading: true };
      const tools = [later, BASH];
      expect(sentTools(convert({ tools })).map(({ name }) => name)).to.deep.equal(['Bash']);
      const messages = [
        USER,
        { role: 'assistant', content: [toolUse('t1', 'ToolSearch')] },
        { role: 'user', content: [toolResult('t1', [{ type: 'tool_reference', tool_name: 'WebSearch' }])] },
      ];
      expect(sentTools(convert({ tools, messages })).map(({ name }) => name)).to.deep.equal(['Bash', 'WebSearch']);
      expect(convert({ tools, tool_choice: { type: 'tool', name: 'WebSearch' } }).json.tool_choice).to.equal('auto');
    });

    it('conv D-11 refuses more tools than OpenAI takes', () => {
      const tools = Array.from({ length: 129 }, (_, index) => ({ ...BASH, name: `t${index}` }));
      expect(refusal({ tools }, at('openai', 'gpt-4o'))).to.include('at most 128');
      expect(sentTools(convert({ tools }))).to.have.length(129);
    });

    it('conv K-01 says auto and none, says nothing without tools, and refuses a tool that is not there', () => {
      for (const type of ['auto', 'none']) {
        expect(convert({ tools: [BASH], tool_choice: { type } }).json.tool_choice).to.equal(type);
      }
      for (const tools of [undefined, []]) {
        expect(convert({ tools, tool_choice: { type: 'auto' } }).json).not.to.have.any.keys('tools', 'tool_choice');
      }
      expect(refusal({ tools: [BASH], tool_choice: { type: 'tool', name: 'Gone' } })).to.include('Gone');
    });

    it('conv K-02 requires a call, or asks for one in words', () => {
      const request = { tools: [BASH], tool_choice: { type: 'any' } };
      expect(convert(request).json.tool_choice).to.equal('required');
      const asked = convert(request, at('moonshot', 'kimi-k2'));
      expect(asked.json.tool_choice).to.equal('auto');
      expect(String(messagesOf(asked).at(-1)?.content)).to.include('Answer with a call of one of your tools.');
      expect(asked.notes).to.include('tool_choice:any-asked');
    });

    it('conv K-03 names the tool, or requires any and names it in words', () => {
      const request = { tools: [BASH], tool_choice: { type: 'tool', name: 'Bash' } };
      expect(convert(request).json.tool_choice).to.deep.equal({ type: 'function', function: { name: 'Bash' } });
      const groq = convert(request, at('groq', 'openai/gpt-oss-120b'));
      expect(groq.json.tool_choice).to.equal('required');
      expect(String(messagesOf(groq).at(-1)?.content)).to.include('Bash');
    });

    it('conv K-04 switches parallel calls off where the server knows how', () => {
      const request = { tools: [BASH], tool_choice: { type: 'auto', disable_parallel_tool_use: true } };
      expect(convert(request).json.parallel_tool_calls).to.equal(false);
      expect(convert(request, at('openai', 'o3')).json).not.to.have.property('parallel_tool_calls');
      expect(convert({ tool_choice: { type: 'auto', disable_parallel_tool_use: true } }).json).not.to.have.property(
        'parallel_tool_calls',
      );
    });

    it('conv W-01 gives a search to servers that have one, with its domains, and refuses it for the others', () => {
      const tools = [{ type: 'web_search_20250305', name: 'web_search', max_uses: 8, allowed_domains: ['a.example'] }];
      const choice = { type: 'tool', name: 'web_search' };
      const blocked = [{ type: 'web_search_20250305', name: 'web_search', blocked_domains: ['b.example'] }];
      expect(() => convert({ tools, tool_choice: choice })).to.throw(GatewayError, 'web_search_20250305 at tools[0]');
      const router = at('openrouter', 'openai/gpt-4o');
      expect(convert({ tools }, router).json.plugins).to.deep.equal([{ id: 'web', include_domains: ['a.example'] }]);
      expect(convert({ tools: blocked }, router).json.plugins).to.deep.equal([
        { id: 'web', exclude_domains: ['b.example'] },
      ]);
      const sonar = at('perplexity', 'sonar-pro');
      expect(convert({ tools }, sonar).json.search_domain_filter).to.deep.equal(['a.example']);
      expect(convert({ tools: blocked }, sonar).json.search_domain_filter).to.deep.equal(['-b.example']);
      const preview = convert({ tools }, at('openai', 'gpt-4o-search-preview'));
      expect(preview.json).to.have.property('web_search_options');
      expect(preview.notes).to.include('omitted:allowed_domains');
    });
  });

  describe('calls and results in the history', () => {
    const history = (calls: Fields[], results: unknown[]): Request => ({
      messages: [USER, { role: 'assistant', content: calls }, { role: 'user', content: results }],
    });

    it('conv X-01 shortens ids the same for call and result, and makes them the length Mistral wants', () => {
      const id = 'call_0_5a3f7c1e-9d2b-4f6a-8c1d-0e9f8a7b6c5d';
      for (const [vendor, shape] of [
        ['openai', /^[a-zA-Z0-9_-]{1,40}$/],
        ['mistral', /^[a-zA-Z0-9]{9}$/],
      ] as const) {
        const messages = messagesOf(convert(history([toolUse(id)], [toolResult(id, 'x')]), at(vendor)));
        const [call] = listOf(messages[1]?.tool_calls);
        expect(fieldsOf(call).id).to.match(shape);
        expect(messages[2]?.tool_call_id).to.equal(fieldsOf(call).id);
      }
    });

    it('conv X-02 puts results right behind their calls, in the order of the calls, and the rest behind them', () => {
      const converted = convert(
        history(
          [toolUse('a'), toolUse('b')],
          [
            { type: 'text', text: 'before' },
            toolResult('b', 'B'),
            toolResult('a', 'A'),
            { type: 'text', text: 'after' },
          ],
        ),
      );
      expect(messagesOf(converted).slice(2)).to.deep.equal([
        { role: 'tool', tool_call_id: 'a', content: 'A' },
        { role: 'tool', tool_call_id: 'b', content: 'B' },
        { role: 'user', content: 'before\n\nafter' },
      ]);
    });

    it('conv X-03 says in words that a tool failed', () => {
      const results = [
        toolResult('a', '', { is_error: true }),
        toolResult('b', 'no such thing', { is_error: true }),
        toolResult('c', 'Error: gone', { is_error: true }),
      ];
      const texts = messagesOf(convert(history([toolUse('a'), toolUse('b'), toolUse('c')], results))).slice(2);
      expect(texts.map(({ content }) => content)).to.deep.equal([
        'Tool execution failed',
        'Error: no such thing',
        'Error: gone',
      ]);
    });

    it('conv X-04 C-16 shows images of results behind all results, with a marker where each stood', () => {
      const results = [
        toolResult('a', [{ type: 'text', text: 'see' }, PNG]),
        toolResult('b', [PNG]),
        { type: 'text', text: 'Well?' },
      ];
      const messages = messagesOf(convert(history([toolUse('a'), toolUse('b')], results))).slice(2);
      expect(messages.map(({ role }) => role)).to.deep.equal(['tool', 'tool', 'user']);
      expect(messages[0]?.content).to.equal('see\n[image 1 below]');
      expect(messages[1]?.content).to.equal('[image 2 below]');
      expect(listOf(messages[2]?.content).map((part) => fieldsOf(part).type)).to.deep.equal([
        'image_url',
        'image_url',
        'text',
      ]);
      const alone = messagesOf(convert(history([toolUse('a')], [toolResult('a', [PNG])])));
      expect(alone.map(({ role }) => role)).to.deep.equal(['user', 'assistant', 'tool', 'user']);
    });

    it('conv X-05 declares called tools again for servers that refuse a history without', () => {
      const request = history([toolUse('a', 'Gone')], [toolResult('a', 'x')]);
      expect(convert(request).json).not.to.have.property('tools');
      expect(sentTools(convert(request, at('litellm'))).map(({ name }) => name)).to.deep.equal(['Gone']);
    });

    it('conv X-06 keeps texts as they are, also those that look like JSON', () => {
      for (const [content, wanted] of [
        [undefined, ''],
        ['', ''],
        [[], ''],
        ['{"a": 1}', '{"a": 1}'],
        [
          [
            { type: 'text', text: 'a' },
            { type: 'text', text: 'b' },
          ],
          'a\nb',
        ],
      ] as const) {
        expect(messagesOf(convert(history([toolUse('a')], [toolResult('a', content)]))).at(-1)?.content).to.equal(
          wanted,
        );
      }
    });

    it('conv X-07 completes what a stop left open: no result, no call, two results', () => {
      const missing = messagesOf(convert({ messages: [USER, { role: 'assistant', content: [toolUse('a')] }, USER] }));
      expect(missing[2]).to.deep.equal({ role: 'tool', tool_call_id: 'a', content: 'Interrupted by user' });
      const orphan = messagesOf(convert({ messages: [{ role: 'user', content: [toolResult('x', 'lost')] }] }));
      expect(orphan).to.deep.equal([{ role: 'user', content: '<tool_result id="x">\nlost\n</tool_result>' }]);
      const twice = messagesOf(convert(history([toolUse('a')], [toolResult('a', 'old'), toolResult('a', 'new')])));
      expect(twice.slice(2)).to.deep.equal([{ role: 'tool', tool_call_id: 'a', content: 'new' }]);
    });

    it('conv X-08 says which tools were loaded', () => {
      const result = toolResult('a', [
        { type: 'tool_reference', tool_name: 'WebSearch' },
        { type: 'tool_reference', tool_name: 'X' },
      ]);
      expect(messagesOf(convert(history([toolUse('a', 'ToolSearch')], [result]))).at(-1)?.content).to.equal(
        'Loaded tool: WebSearch\nLoaded tool: X',
      );
    });

    it('conv X-09 makes one message of what an assistant said and called, without empty content', () => {
      const calls = [
        { type: 'thinking', thinking: 'x', signature: '' },
        toolUse('a'),
        { type: 'text', text: 'one' },
        toolUse('b'),
        { type: 'text', text: 'two' },
      ];
      const [, assistant] = messagesOf(convert(history(calls, [toolResult('a', ''), toolResult('b', '')])));
      expect(assistant?.content).to.equal('one\n\ntwo');
      expect(listOf(assistant?.tool_calls)).to.have.length(2);
      const [, silent] = messagesOf(convert(history([toolUse('a')], [toolResult('a', '')])));
      expect(silent?.content).to.equal(null);
    });

    it("conv X-10 keeps the order of an input's keys, and replaces half characters", () => {
      const input = { z: 1, a: 'half \ud83c!', m: { y: null } };
      const [, assistant] = messagesOf(convert(history([toolUse('a', 'Bash', input)], [toolResult('a', '')])));
      const [call] = listOf(assistant?.tool_calls);
      expect(fieldsOf(fieldsOf(call).function).arguments).to.equal('{"z":1,"a":"half \ufffd!","m":{"y":null}}');
    });
  });

  describe('thinking', () => {
    const effort = (request: Request, vendor = 'openai', model = 'gpt-5'): unknown =>
      convert(request, at(vendor, model)).json.reasoning_effort;

    it('conv T-01 makes an effort of a budget, and takes the effort that is given first', () => {
      const budget = (budget_tokens: number): Request => ({ thinking: { type: 'enabled', budget_tokens } });
      expect([1024, 8192, 8193].map((tokens) => effort(budget(tokens)))).to.deep.equal(['low', 'medium', 'high']);
      expect(effort({ ...budget(1024), output_config: { effort: 'high' } })).to.equal('high');
      expect(effort({ output_config: { effort: 'max' } })).to.equal('high');
      expect(effort({ output_config: { effort: 'max' } }, 'openai', 'gpt-5.6')).to.equal('max');
      expect(effort({ output_config: { effort: 'medium' } }, 'xai', 'grok-3-mini')).to.equal('low');
      expect(effort({ output_config: { effort: 'high' } }, 'openai', 'gpt-4o')).to.equal(undefined);
    });

    it('conv T-02 T-14 leaves an adaptive model to itself, and wakes one that must be asked', () => {
      expect(effort({ thinking: { type: 'adaptive' } })).to.equal(undefined);
      expect(effort({ thinking: { type: 'adaptive' } }, 'openai', 'gpt-5.1')).to.equal('medium');
      expect(effort({ thinking: { type: 'between_tools' } }, 'openai', 'gpt-5.1')).to.equal('medium');
      expect(convert({ thinking: { type: 'adaptive' } }).json).not.to.have.property('thinking');
    });

    it('conv T-11 asks for the least thinking where it is switched off', () => {
      const off = { thinking: { type: 'disabled' }, output_config: { effort: 'high' } };
      expect(effort(off)).to.equal('minimal');
      expect(effort(off, 'openai', 'gpt-5.2')).to.equal('none');
      expect(convert(off, at('deepseek', 'deepseek-v4')).json.thinking).to.deep.equal({ type: 'disabled' });
      expect(convert(off, at('qwen', 'qwen3-max')).json.enable_thinking).to.equal(false);
      expect(convert(off, at('vllm', 'Qwen/Qwen3-32B')).json.chat_template_kwargs).to.deep.equal({
        enable_thinking: false,
      });
      expect(convert(off, at('openrouter', 'x/y')).json.reasoning).to.deep.equal({ enabled: false });
      expect(convert(off).memory.thinking).to.equal('none');
    });

    it('conv T-03 T-04 never sends a thought or a signature to a server that does not ask for it', () => {
      const content = [
        { type: 'thinking', thinking: 'secret thought', signature: 'EqQBforeign' },
        {
          type: 'thinking',
          thinking: '',
          signature: encodeThinkingState('openai-chat', { details: [{ type: 'reasoning.text' }] }),
        },
        { type: 'redacted_thinking', data: 'EmwKAhgB' },
        { type: 'text', text: 'ok' },
      ];
      const { body } = convert({ messages: [USER, { role: 'assistant', content }, USER] });
      expect(body.toString()).not.to.match(/secret|EqQB|EmwK|ccproxy1|reasoning/);
    });

    it('conv T-12 gives its thoughts back to a server that asks for them on turns with calls', () => {
      const messages = [
        USER,
        { role: 'assistant', content: [{ type: 'thinking', thinking: 'Look.', signature: 'x' }, toolUse('a')] },
        { role: 'user', content: [toolResult('a', 'x')] },
        { role: 'assistant', content: [toolUse('b')] },
        { role: 'user', content: [toolResult('b', 'x')] },
        {
          role: 'assistant',
          content: [
            { type: 'thinking', thinking: 'Done.', signature: 'x' },
            { type: 'text', text: 'ok' },
          ],
        },
        USER,
      ];
      const said = (vendor: string, model: string): unknown[] =>
        messagesOf(convert({ messages }, at(vendor, model)))
          .filter(({ role }) => role === 'assistant')
          .map((one) => one.reasoning_content);
      expect(said('deepseek', 'deepseek-v4')).to.deep.equal(['Look.', '', undefined]);
      expect(said('moonshot', 'kimi-k2-thinking')).to.deep.equal(['Look.', '', undefined]);
      expect(said('openai', 'gpt-5')).to.deep.equal([undefined, undefined, undefined]);
    });
  });

  describe('parameters', () => {
    it('conv M-01 lowers max_tokens to what the model gives and the window leaves, and never raises it', () => {
      const limit = (target: Fields, max_tokens: number): unknown =>
        convert({ max_tokens }, { target }).json.max_tokens;
      expect(limit({ maxOutput: 8192 }, 128_000)).to.equal(8192);
      expect(limit({ maxOutput: 8192 }, 100)).to.equal(100);
      expect(limit({ contextWindow: 4096 }, 32_000)).to.be.within(1, 4096 - 42);
      const deepseek = convert({ max_tokens: 64_000 }, at('deepseek', 'deepseek-chat'));
      expect(deepseek.json.max_tokens).to.equal(8192);
      expect(deepseek.notes).to.include('max_tokens:8192');
    });

    it('conv M-02 names the limit as the server does', () => {
      expect(convert({}, at('openai', 'o3')).json).to.have.property('max_completion_tokens', 100);
      for (const vendor of ['generic', 'openrouter', 'deepseek', 'mistral', 'groq', 'vllm']) {
        expect(convert({}, at(vendor)).json).to.have.property('max_tokens', 100);
      }
    });

    it('conv M-03 tells models that cannot reason beside tools not to', () => {
      const request = { tools: [BASH], thinking: { type: 'adaptive' }, output_config: { effort: 'high' } };
      expect(convert(request, at('openai', 'gpt-5.6')).json.reasoning_effort).to.equal('none');
      expect(convert({ output_config: { effort: 'high' } }, at('openai', 'gpt-5.6')).json.reasoning_effort).to.equal(
        'high',
      );
    });

    it('conv M-04 M-05 M-06 passes sampling where it is taken, and drops it where it is not', () => {
      const request = { temperature: 0.2, top_p: 0.9, top_k: 40 };
      expect(convert(request).json).to.include(request);
      const openai = convert(request, at('openai', 'gpt-5'));
      expect(openai.json).not.to.have.any.keys('temperature', 'top_p', 'top_k');
      expect(openai.notes).to.include.members(['omitted:temperature', 'omitted:top_p', 'omitted:top_k']);
      expect(convert(request, at('openai', 'gpt-4o')).json)
        .to.include({ temperature: 0.2 })
        .and.not.to.have.property('top_k');
    });

    it('conv M-07 sends four stop sequences, or stops itself where the model takes none', () => {
      const stop_sequences = ['a', 'b', 'c', 'd', 'e'];
      const four = convert({ stop_sequences });
      expect(four.json.stop).to.deep.equal(['a', 'b', 'c', 'd']);
      expect(four.notes).to.include('stop_sequences:4');
      const own = convert({ stop_sequences }, at('openai', 'o3'));
      expect(own.json).not.to.have.property('stop');
      expect(own.memory.stopSequences).to.deep.equal(stop_sequences);
    });

    it('conv M-08 knows service tiers at OpenAI alone', () => {
      expect(convert({ service_tier: 'standard_only' }, at('openai', 'gpt-4o')).json.service_tier).to.equal('default');
      expect(convert({ service_tier: 'auto', speed: 'fast', inference_geo: 'eu' }).json).not.to.have.any.keys(
        'service_tier',
        'speed',
        'inference_geo',
      );
    });

    it('conv M-09 U-06 always asks for a stream, and for its counts where the server may be asked', () => {
      for (const stream of [true, false, undefined]) expect(convert({ stream }).json.stream).to.equal(true);
      expect(convert({}).json.stream_options).to.deep.equal({ include_usage: true });
      expect(convert({}, at('mistral')).json).not.to.have.property('stream_options');
    });

    it('conv M-10 drops keys it does not know and refuses MCP servers', () => {
      const { json } = convert({ context_management: {}, container: 'c', betas: ['x'], diagnostics: {}, anything: 1 });
      expect(Object.keys(json)).to.have.members(['model', 'messages', 'max_tokens', 'stream', 'stream_options']);
      expect(refusal({ mcp_servers: [{ url: 'https://m.example' }] })).to.include('mcp_servers');
    });

    it('conv M-11 passes a probe of one token', () => {
      expect(convert({ max_tokens: 1 }).json.max_tokens).to.equal(1);
    });

    it('conv O-02 asks for JSON of a schema, or in words where the server knows no schemas', () => {
      const schema = {
        type: 'object',
        properties: { title: { type: 'string' } },
        required: ['title'],
        additionalProperties: false,
      };
      const request = { output_config: { format: { type: 'json_schema', schema } } };
      expect(convert(request).json.response_format).to.deep.equal({
        type: 'json_schema',
        json_schema: { name: 'answer', schema, strict: true },
      });
      const asked = convert(request, at('deepseek', 'deepseek-chat'));
      expect(asked.json.response_format).to.deep.equal({ type: 'json_object' });
      expect(String(messagesOf(asked).at(-1)?.content)).to.include(JSON.stringify(schema));
    });
  });
});
