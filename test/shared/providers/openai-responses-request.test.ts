import { createHash } from 'node:crypto';
import { expect } from 'chai';
import type { ResponseCreateParamsStreaming } from 'openai/resources/responses/responses';
import { GatewayError } from '#shared/errors.ts';
import { encodeReasoning } from '#shared/providers/openai-responses/reasoning-state.ts';
import { openaiResponses } from '#shared/providers/openai-responses.ts';
import { encodeThinkingState } from '#shared/providers/thinking-state.ts';
import { ANTHROPIC_ONLY, agentRequest } from '../../support/agent-request.ts';
import { convertBody } from '../../support/convert-body.ts';
import { loadRecordings } from '../../support/recordings.ts';

type Fields = Record<string, unknown>;
type Input = Parameters<typeof convertBody>[2];

function convert(request: Fields, input: Input = {}) {
  return convertBody(openaiResponses, request, { model: 'gpt-5.4', ...input });
}

function itemsOf(messages: unknown[], request: Fields = {}): Fields[] {
  return convert({ messages, ...request }).json.input as Fields[];
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
const STATE = { id: 'rs_1', encrypted: 'gAAAA', summary: ['one', 'two'], model: 'gpt-5.4' };

describe('openai-responses: requests', () => {
  it('conv Q-06 carries a whole agent request, in order, with nothing left that only Anthropic knows', () => {
    const golden = {
      model: 'gpt-5.4',
      instructions: 'You are an agent.\n\nBe brief.',
      input: [
        { type: 'message', role: 'user', content: [{ type: 'input_text', text: 'Look at both files.' }] },
        { type: 'message', role: 'user', content: [{ type: 'input_text', text: 'And be quick.' }] },
        { type: 'message', role: 'developer', content: [{ type: 'input_text', text: 'Working in /repo.' }] },
        { type: 'message', role: 'assistant', content: 'Reading.' },
        { type: 'function_call', call_id: 'toolu_1', name: 'Read', arguments: '{"file_path":"/a"}' },
        { type: 'function_call', call_id: 'toolu_2', name: 'Bash', arguments: '{"command":"cat /b"}' },
        { type: 'function_call_output', call_id: 'toolu_1', output: 'line 1' },
        { type: 'function_call_output', call_id: 'toolu_2', output: 'Error: no such file' },
        { type: 'message', role: 'user', content: [{ type: 'input_text', text: 'Go on.' }] },
      ],
      tools: [
        {
          type: 'function',
          name: 'Read',
          description: 'Reads a file.',
          parameters: {
            type: 'object',
            properties: { file_path: { type: 'string' }, pattern: { type: 'string' } },
            required: ['file_path'],
            $schema: 'http://json-schema.org/draft-07/schema#',
            additionalProperties: false,
          },
          strict: false,
        },
        {
          type: 'function',
          name: 'Bash',
          parameters: { type: 'object', properties: { command: { type: 'string' } } },
          strict: false,
        },
      ],
      max_output_tokens: 32_000,
      reasoning: { effort: 'medium', summary: 'auto' },
      include: ['reasoning.encrypted_content'],
      store: false,
      stream: true,
    } satisfies ResponseCreateParamsStreaming;
    const { json, path, body } = convert(agentRequest());
    expect(json).to.deep.equal(golden);
    expect(path).to.equal('/responses');
    for (const key of ANTHROPIC_ONLY) expect(body.toString()).not.to.contain(key);
  });

  it('conv Q-06 converts every recorded request of every client', () => {
    let count = 0;
    for (const { url, body } of loadRecordings()) {
      if (!/^\/v1\/messages(\?|$)/.test(url)) continue;
      const request = JSON.parse(body.toString('utf8')) as Fields;
      if (request.thread !== undefined) continue;
      const { json, body: sent } = convert(request);
      expect(json.input).to.be.an('array').that.is.not.empty;
      for (const key of ['cache_control', 'x-anthropic-billing-header', 'device_id']) {
        expect(sent.toString(), url).not.to.contain(`"${key}`);
      }
      count++;
    }
    expect(count).to.be.above(40);
  });

  it('conv Q-01 joins the system prompt to instructions, and leaves the key out when there is none', () => {
    expect(convert({ system: 'Be kind.' }).json.instructions).to.equal('Be kind.');
    expect(convert({ system: [] }).json).not.to.have.property('instructions');
    expect(convert({}).json).not.to.have.property('instructions');
  });

  it('conv Q-03 keeps a system message in place, and lets a user have the last word', () => {
    const items = itemsOf([
      { role: 'system', content: 'first' },
      { role: 'user', content: 'Hi' },
      { role: 'system', content: [{ type: 'text', text: 'last' }] },
    ]);
    expect(items.map(({ role }) => role)).to.deep.equal(['developer', 'user', 'user']);
    expect(items[2]?.content)
      .to.have.nested.property('[0].text')
      .that.matches(/^<system-reminder>\nlast\n/);
  });

  it('conv Q-08 conv Q-09 carries images and documents, and names what it cannot', () => {
    const content = [
      { type: 'image', source: { type: 'base64', media_type: 'image/png', data: 'AAAA' } },
      { type: 'image', source: { type: 'url', url: 'https://x.example/a.png' } },
      { type: 'document', title: 'Plan', source: { type: 'base64', media_type: 'application/pdf', data: 'JVBE' } },
      { type: 'document', source: { type: 'url', url: 'https://x.example/a.pdf' } },
      { type: 'document', title: 'Notes', source: { type: 'text', media_type: 'text/plain', data: 'abc' } },
    ];
    expect(itemsOf([{ role: 'user', content }])[0]?.content).to.deep.equal([
      { type: 'input_image', image_url: 'data:image/png;base64,AAAA', detail: 'auto' },
      { type: 'input_image', image_url: 'https://x.example/a.png', detail: 'auto' },
      { type: 'input_file', filename: 'Plan.pdf', file_data: 'data:application/pdf;base64,JVBE' },
      { type: 'input_file', file_url: 'https://x.example/a.pdf' },
      { type: 'input_text', text: 'Document: Notes\nabc' },
    ]);
    const file = { type: 'image', source: { type: 'file', file_id: 'file_1' } };
    const { message, status } = refusal({ messages: [{ role: 'user', content: [{ type: 'text', text: 'x' }, file] }] });
    expect(status).to.equal(400);
    expect(message).to.contain('messages[0].content[1]');
  });

  it('conv D-01 conv D-02 sends flat functions, never strict, with names of at most 128 characters', () => {
    const name = `mcp__${'x'.repeat(150)}`;
    const tools = [{ name, input_schema: {} }];
    const messages = [
      { role: 'user', content: 'Hi' },
      { role: 'assistant', content: [{ ...CALL, name }] },
      { role: 'user', content: [RESULT] },
    ];
    const { json, memory } = convert({ tools, messages, tool_choice: { type: 'tool', name } });
    const [tool] = json.tools as Fields[];
    expect(tool).to.include({ type: 'function', strict: false });
    expect(tool?.name).to.have.length(128);
    expect(json.tool_choice).to.deep.equal({ type: 'function', name: tool?.name });
    expect((json.input as Fields[])[1]?.name).to.equal(tool?.name);
    expect(memory.toolNames.get(String(tool?.name))).to.equal(name);
  });

  it('conv D-11 refuses more tools than the API takes, by number', () => {
    const tools = Array.from({ length: 129 }, (_, index) => ({ name: `t${index}`, input_schema: {} }));
    expect(refusal({ tools }).message).to.contain('128').and.to.contain('129');
  });

  it('conv K-01 conv K-02 conv K-03 conv K-04 says which tools may be called', () => {
    const tools = [{ name: 'Read', input_schema: {} }];
    const choiceOf = (tool_choice: unknown) => convert({ tools, tool_choice }).json.tool_choice;
    expect(choiceOf({ type: 'auto' })).to.equal('auto');
    expect(choiceOf({ type: 'none' })).to.equal('none');
    expect(choiceOf({ type: 'any' })).to.equal('required');
    expect(choiceOf({ type: 'tool', name: 'Read' })).to.deep.equal({ type: 'function', name: 'Read' });
    expect(refusal({ tools, tool_choice: { type: 'tool', name: 'Gone' } }).message).to.contain('Gone');
    expect(convert({ tools: [], tool_choice: { type: 'auto' } }).json).not.to.have.any.keys('tools', 'tool_choice');
    const serial = { type: 'auto', disable_parallel_tool_use: true };
    expect(convert({ tools, tool_choice: serial }).json.parallel_tool_calls).to.equal(false);
    expect(convert({ tool_choice: serial }).json).not.to.have.property('parallel_tool_calls');
  });

  it('conv X-01 keeps ids within 64 legal characters, alike for call and result', () => {
    const id = `call_0_${'é'.repeat(80)}`;
    const items = itemsOf([
      { role: 'user', content: 'Hi' },
      { role: 'assistant', content: [{ ...CALL, id }] },
      { role: 'user', content: [{ ...RESULT, tool_use_id: id }] },
    ]);
    expect(items[1]?.call_id).to.match(/^[a-zA-Z0-9_-]{1,64}$/);
    expect(items[2]?.call_id).to.equal(items[1]?.call_id);
  });

  it('conv X-03 conv X-04 conv X-06 conv X-08 sends results as text, with their images where there are some', () => {
    const outputOf = (result: Fields): unknown =>
      itemsOf([
        { role: 'user', content: 'Hi' },
        { role: 'assistant', content: [CALL] },
        { role: 'user', content: [{ ...RESULT, ...result }] },
      ])[2]?.output;
    expect(outputOf({ content: '{"a": 1}' })).to.equal('{"a": 1}');
    expect(outputOf({ content: [] })).to.equal('');
    expect(outputOf({ content: [], is_error: true })).to.equal('Tool execution failed');
    expect(outputOf({ content: [{ type: 'tool_reference', tool_name: 'WebSearch' }] })).to.equal(
      'Loaded tool: WebSearch',
    );
    const image = { type: 'image', source: { type: 'base64', media_type: 'image/png', data: 'AAAA' } };
    expect(outputOf({ content: [{ type: 'text', text: 'see' }, image] })).to.deep.equal([
      { type: 'input_text', text: 'see' },
      { type: 'input_image', image_url: 'data:image/png;base64,AAAA', detail: 'auto' },
    ]);
  });

  it('conv X-07 answers a call that was interrupted', () => {
    const items = itemsOf([
      { role: 'user', content: 'Hi' },
      { role: 'assistant', content: [CALL] },
      { role: 'user', content: 'Stop.' },
    ]);
    expect(items[2]).to.include({ type: 'function_call_output', output: 'Interrupted by user' });
  });

  it('conv T-07 replays own reasoning right before what it led to, with its id and summaries', () => {
    const thinking = { type: 'thinking', thinking: 'one\n\ntwo', signature: encodeReasoning(STATE) };
    const items = itemsOf([
      { role: 'user', content: 'Hi' },
      { role: 'assistant', content: [thinking, { type: 'text', text: 'So.' }, CALL] },
      { role: 'user', content: [RESULT] },
    ]);
    expect(items.map(({ type }) => type)).to.deep.equal([
      ...['message', 'reasoning', 'message', 'function_call'],
      'function_call_output',
    ]);
    expect(items[1]).to.deep.equal({
      type: 'reasoning',
      id: 'rs_1',
      summary: [
        { type: 'summary_text', text: 'one' },
        { type: 'summary_text', text: 'two' },
      ],
      encrypted_content: 'gAAAA',
    });
  });

  it('conv T-07 drops reasoning that nothing follows', () => {
    const redacted = { type: 'redacted_thinking', data: encodeReasoning(STATE) };
    const items = itemsOf([
      { role: 'user', content: 'Hi' },
      { role: 'assistant', content: [CALL, redacted] },
      { role: 'user', content: [RESULT] },
    ]);
    expect(items.map(({ type }) => type)).not.to.include('reasoning');
  });

  it('conv T-03 conv T-04 C-04 drops the reasoning of a whole turn when any of it is foreign, and forges none', () => {
    const own = { type: 'thinking', thinking: 'a', signature: encodeReasoning(STATE) };
    const foreign = [
      { type: 'thinking', thinking: 'b', signature: 'EpwDAnthropicsOwn' },
      { type: 'thinking', thinking: 'b', signature: '' },
      { type: 'redacted_thinking', data: 'EpwDAnthropicsOwn' },
      { type: 'thinking', thinking: 'b', signature: encodeThinkingState('gemini', { model: 'gpt-5.4' }) },
      { type: 'thinking', thinking: 'b', signature: encodeReasoning({ ...STATE, model: 'gpt-5.1' }) },
      { type: 'thinking', thinking: 'b', signature: `${encodeReasoning(STATE).slice(0, 30)}~` },
    ];
    for (const block of foreign) {
      const { body } = convert({
        messages: [
          { role: 'user', content: 'Hi' },
          { role: 'assistant', content: [own, block, CALL] },
          { role: 'user', content: [RESULT] },
        ],
      });
      expect(body.toString(), block.type).not.to.contain('"reasoning","id"').and.not.to.contain('EpwD');
      expect(body.toString()).not.to.contain('gAAAA');
    }
  });

  it('conv T-01 conv T-02 chooses an effort the model knows', () => {
    const effortOf = (model: string, request: Fields): unknown => {
      const reasoning = convert(request, { model }).json.reasoning as Fields | undefined;
      return reasoning?.effort;
    };
    const adaptive = { thinking: { type: 'adaptive' } };
    expect(effortOf('gpt-5.4', adaptive)).to.equal('medium');
    expect(effortOf('gpt-5', adaptive)).to.equal(undefined);
    expect(effortOf('gpt-5', { thinking: { type: 'disabled' } })).to.equal('minimal');
    expect(effortOf('gpt-5.4', { thinking: { type: 'disabled' } })).to.equal('none');
    expect(effortOf('gpt-5.1-codex', { thinking: { type: 'disabled' } })).to.equal('low');
    expect(effortOf('gpt-5.1', { ...adaptive, output_config: { effort: 'max' } })).to.equal('high');
    expect(effortOf('openai/gpt-5.6', { ...adaptive, output_config: { effort: 'max' } })).to.equal('max');
    expect(effortOf('gpt-5.4', { thinking: { type: 'enabled', budget_tokens: 1024 } })).to.equal('low');
    expect(effortOf('gpt-5.4', { thinking: { type: 'enabled', budget_tokens: 31_999 } })).to.equal('high');
    expect(convert(adaptive, { model: 'gpt-4.1' }).json).not.to.have.any.keys('reasoning', 'include');
  });

  it('conv T-14 asks for no summary when thinking is not to be shown', () => {
    const { json, memory } = convert({ thinking: { type: 'adaptive', display: 'omitted' } });
    expect(json.reasoning).to.deep.equal({ effort: 'medium' });
    expect(json.include).to.deep.equal(['reasoning.encrypted_content']);
    expect(memory.thinking).to.equal('state');
    expect(convert({}).memory.thinking).to.equal('none');
    expect(convert({ thinking: { type: 'adaptive' } }).memory.thinking).to.equal('shown');
  });

  it('conv M-02 conv M-11 sends max_output_tokens, at least 16', () => {
    expect(convert({ max_tokens: 4096 }).json.max_output_tokens).to.equal(4096);
    expect(convert({ max_tokens: 1 }).json.max_output_tokens).to.equal(16);
    expect(convert({ max_tokens: 1 }).notes).to.deep.equal(['max_tokens:16']);
    expect(convert({ max_tokens: 9000 }, { target: { maxOutput: 8192 } }).json.max_output_tokens).to.equal(8192);
  });

  it('conv M-04 conv M-05 drops sampling while the model reasons, and top_k always', () => {
    const sampling = { temperature: 0.2, top_p: 0.9, top_k: 5 };
    expect(convert(sampling, { model: 'gpt-5' }).json).not.to.have.any.keys('temperature', 'top_p', 'top_k');
    expect(convert(sampling, { model: 'gpt-5' }).notes).to.have.members([
      'omitted:top_k',
      'omitted:temperature',
      'omitted:top_p',
    ]);
    expect(convert(sampling, { model: 'gpt-4.1' }).json).to.include({ temperature: 0.2, top_p: 0.9 });
    expect(convert({ ...sampling, thinking: { type: 'disabled' } }).json).to.include({ temperature: 0.2 });
  });

  it('conv M-07 leaves stop sequences to the gateway', () => {
    const { json, memory } = convert({ stop_sequences: ['</block>', ''] });
    expect(json).not.to.have.any.keys('stop', 'stop_sequences');
    expect(memory.stopSequences).to.deep.equal(['</block>']);
  });

  it('conv M-10 drops unknown fields and refuses MCP servers', () => {
    expect(convert({ container: 'c', betas: ['x'], diagnostics: {} }).json).not.to.have.any.keys('container', 'betas');
    expect(refusal({ mcp_servers: [{ url: 'https://x.example' }] }).message).to.match(/^mcp_servers/);
  });

  it('conv O-02 asks for the schema of the answer, strict only where that changes nothing', () => {
    const schema = { type: 'object', title: 'My title', properties: { a: { type: 'string' } }, required: ['a'] };
    const formatOf = (one: Fields): unknown => {
      const { text } = convert({ output_config: { format: { type: 'json_schema', schema: one } } }).json;
      return (text as Fields).format;
    };
    expect(formatOf(schema)).to.deep.equal({ type: 'json_schema', name: 'My_title', schema, strict: false });
    const closed = { ...schema, additionalProperties: false };
    expect(formatOf(closed)).to.deep.include({ schema: closed, strict: true });
  });

  it('conv A-02 conv C-03 tells only OpenAI who asks, and only as a hash', () => {
    const metadata = { user_id: 'user_1_account__session_2' };
    const at = (target: NonNullable<Input>['target'] = {}) => convert({ metadata }, { sessionKey: 'abc', target });
    const hash = createHash('sha256').update('user_1_account_').digest('hex');
    expect(at({ baseUrl: 'https://api.openai.com/v1' }).json).to.include({
      prompt_cache_key: 'abc',
      safety_identifier: hash,
    });
    expect(at({ vendor: 'azure' }).json)
      .to.include({ prompt_cache_key: 'abc' })
      .and.not.to.have.property('safety_identifier');
    expect(at().json).not.to.have.any.keys('prompt_cache_key', 'safety_identifier');
    expect(at().body.toString()).not.to.contain(metadata.user_id);
    const later = convert({ metadata: { user_id: 'user_1_account__session_3' } }, { target: { vendor: 'openai' } });
    expect(later.json.safety_identifier, 'in another session').to.equal(hash);
  });

  it('conv W-01 conv W-05 sends the hosted search, and leaves out what nobody can run', () => {
    const search = {
      type: 'web_search_20250305',
      name: 'web_search',
      max_uses: 8,
      allowed_domains: ['nodejs.org'],
      user_location: { type: 'approximate', country: 'DE', extra: 1 },
    };
    const { json } = convert({ tools: [search], tool_choice: { type: 'tool', name: 'web_search' } });
    expect(json.tools).to.deep.equal([
      {
        type: 'web_search',
        filters: { allowed_domains: ['nodejs.org'] },
        user_location: { type: 'approximate', country: 'DE' },
      },
    ]);
    expect(json.tool_choice).to.equal('required');
    expect(json.include).to.deep.equal(['web_search_call.action.sources']);
    const fetched = convert({ tools: [{ type: 'web_fetch_20250910', name: 'web_fetch' }] });
    expect(fetched.json).not.to.have.property('tools');
    expect(fetched.notes).to.deep.equal(['omitted:web_fetch_20250910']);
  });

  it('goes to the place of the API on a bare host', () => {
    expect(convert({}, { target: { baseUrl: 'https://api.openai.com' } }).path).to.equal('/v1/responses');
    expect(convert({}, { target: { baseUrl: 'https://x.azure.com/openai/v1' } }).path).to.equal('/responses');
  });
});
