import { readFileSync } from 'node:fs';
import { expect } from 'chai';
import { GatewayError } from '#shared/errors.ts';
import { decodeReasoning } from '#shared/providers/openai-responses/reasoning-state.ts';
import { openaiResponses } from '#shared/providers/openai-responses.ts';
import { convertBody } from '../../support/convert-body.ts';
import { type FeedOptions, feedStream } from '../../support/convert-stream.ts';

const FOLDER = new URL('../../fixtures/openai-responses/streams/', import.meta.url);

function bytesOf(name: string, ending = 'sse'): Buffer {
  return readFileSync(new URL(`synthetic-${name}.${ending}`, FOLDER));
}

function read(name: string, memory: FeedOptions['memory'] = {}) {
  return feedStream(openaiResponses, bytesOf(name), { memory });
}

function contentOf(name: string, memory: FeedOptions['memory'] = {}) {
  const { message, error } = read(name, memory);
  if (error !== null) throw error;
  return message?.content;
}

function errorOf(name: string): GatewayError {
  const { error } = read(name);
  expect(error).to.be.instanceOf(GatewayError);
  return error as GatewayError;
}

describe('openai-responses: streams', () => {
  it('conv T-07 shows summaries, their parts apart, and signs them with the encrypted content of the finished item', () => {
    const [thinking, text, call] = contentOf('reasoning-tool') ?? [];
    expect(thinking?.thinking).to.equal('**Looking**\nat the file\n\nthen deciding');
    expect(decodeReasoning(thinking?.signature)).to.deep.equal({
      id: 'rs_1',
      encrypted: 'gAAAA-whole',
      summary: ['**Looking**\nat the file', 'then deciding'],
      model: 'upstream-model',
    });
    expect(text).to.deep.equal({ type: 'text', text: 'Let me look.' });
    expect(call).to.deep.equal({ type: 'tool_use', id: 'call_1', name: 'Read', input: { file_path: '/a.txt' } });
  });

  it('conv T-13 puts state without words into a redacted block before the call it belongs to', () => {
    const [redacted, call] = contentOf('reasoning-hidden') ?? [];
    expect(redacted?.type).to.equal('redacted_thinking');
    expect(decodeReasoning(redacted?.data)).to.include({ id: 'rs_2', encrypted: 'gAAAA-hidden' });
    expect(call?.type).to.equal('tool_use');
  });

  it('conv T-14 shows no summary to a client that wants none, and keeps its state', () => {
    const types = contentOf('reasoning-tool', { thinking: 'state' })?.map(({ type }) => type);
    expect(types).to.deep.equal(['redacted_thinking', 'text', 'tool_use']);
  });

  it('conv T-11 leaves out all reasoning when the client thinks nothing of it, and counts it', () => {
    const { message } = read('reasoning-tool', { thinking: 'none' });
    expect(message?.content.map(({ type }) => type)).to.deep.equal(['text', 'tool_use']);
    expect(message?.usage.output_tokens_details).to.deep.equal({ thinking_tokens: 64 });
  });

  it('conv T-09 reads raw reasoning whose item ends late, and says nothing twice', () => {
    const content = contentOf('raw-reasoning') ?? [];
    expect(content.map(({ type, thinking, text }) => [type, thinking ?? text])).to.deep.equal([
      ['thinking', 'raw thought'],
      ['text', 'answer'],
    ]);
  });

  it('conv S-11 takes arguments that only the final event has', () => {
    expect(contentOf('whole-call')?.[0]).to.deep.include({ input: { command: 'pwd' } });
  });

  it('conv X-11 takes out optional arguments that hold nothing and would be refused', () => {
    const read = {
      name: 'Read',
      input_schema: {
        type: 'object',
        properties: { file_path: { type: 'string' }, pages: { type: 'string', minLength: 1 } },
        required: ['file_path'],
      },
    };
    const { memory } = convertBody(openaiResponses, { tools: [read] });
    const empty = bytesOf('reasoning-tool')
      .toString('utf8')
      .replaceAll('\\"/a.txt\\"}', '\\"/a.txt\\",\\"pages\\":\\"\\"}')
      .replace('"delta": ".txt\\"}"', '"delta": ".txt\\",\\"pages\\":\\"\\"}"');
    for (const chunkBytes of [1, 4096]) {
      const { message, error } = feedStream(openaiResponses, empty, { chunkBytes, memory: { ...memory } });
      expect(error).to.equal(null);
      expect(message?.content.at(-1)?.input).to.deep.equal({ file_path: '/a.txt' });
    }
    const cut = bytesOf('max-tokens');
    const write = { ...read, name: 'Write' };
    const half = feedStream(openaiResponses, cut, {
      memory: { ...convertBody(openaiResponses, { tools: [write] }).memory },
    });
    expect(half.message?.stop_reason).to.equal('max_tokens');
    expect(feedStream(openaiResponses, empty).message?.content.at(-1)?.input).to.deep.equal({
      file_path: '/a.txt',
      pages: '',
    });
  });

  it('conv S-14 says tool_use although the response is only completed', () => {
    expect(read('whole-call').message?.stop_reason).to.equal('tool_use');
  });

  it('conv S-19 tells items apart by their place: ids rotate, are missing, places have gaps, unknown items come', () => {
    const content = contentOf('rotating-ids');
    expect(content).to.deep.equal([
      { type: 'text', text: 'one two' },
      { type: 'tool_use', id: 'call_7', name: 'Bash', input: {} },
    ]);
    expect(contentOf('suffix')).to.deep.equal([{ type: 'text', text: 'half and the rest.' }]);
  });

  it('conv S-20 writes parallel calls whose arguments are interleaved one after the other', () => {
    const inputs = contentOf('parallel-tools')?.map(({ id, input }) => [id, input]);
    expect(inputs).to.deep.equal([
      ['call_a', { file_path: '/a' }],
      ['call_b', { file_path: '/b' }],
    ]);
  });

  it('conv S-24 writes a refusal as text and ends with it', () => {
    const { message } = read('refusal');
    expect(message?.content).to.deep.equal([{ type: 'text', text: 'I cannot help with that.' }]);
    expect(message).to.deep.include({
      stop_reason: 'refusal',
      stop_details: { type: 'refusal', explanation: 'I cannot help with that.' },
    });
  });

  it('conv R-07 ends as the response says: completed, cut, withheld', () => {
    expect(read('text').message?.stop_reason).to.equal('end_turn');
    expect(read('max-tokens').message?.stop_reason).to.equal('max_tokens');
    expect(read('content-filter').message?.stop_reason).to.equal('refusal');
    const cut = bytesOf('text')
      .toString('utf8')
      .replace('"status": "completed", "model"', '"status": "incomplete", "model"');
    expect(feedStream(openaiResponses, cut).message?.stop_reason).to.equal('max_tokens');
  });

  it('conv U-02 conv U-03 conv U-04 counts the prompt without what the cache holds', () => {
    expect(read('text').message?.usage).to.deep.equal({
      input_tokens: 150,
      cache_read_input_tokens: 1000,
      cache_creation_input_tokens: 50,
      output_tokens: 90,
      output_tokens_details: { thinking_tokens: 64 },
    });
  });

  it('conv W-02 tells of a search that names its sources before the text, of one that does not after it', () => {
    const [call, found, text] = contentOf('web-search') ?? [];
    expect(call).to.deep.equal({
      type: 'server_tool_use',
      id: 'srvtoolu_ws_1',
      name: 'web_search',
      input: { query: 'node 24' },
    });
    expect(found).to.deep.include({ type: 'web_search_tool_result', tool_use_id: 'srvtoolu_ws_1' });
    expect(found?.content).to.deep.equal([
      {
        type: 'web_search_result',
        title: 'nodejs.org/en/blog',
        url: 'https://nodejs.org/en/blog',
        encrypted_content: '',
        page_age: null,
      },
      {
        type: 'web_search_result',
        title: 'example.org/node-24',
        url: 'https://www.example.org/node-24?x=1',
        encrypted_content: '',
        page_age: null,
      },
    ]);
    expect(text).to.deep.equal({ type: 'text', text: 'Node 24 is out.' });
    const cited = contentOf('web-search-cited') ?? [];
    expect(cited.map(({ type }) => type)).to.deep.equal(['text', 'server_tool_use', 'web_search_tool_result']);
    expect(cited[2]?.content).to.have.nested.property('[0].title', 'Node blog');
    expect(read('web-search').message?.usage.server_tool_use).to.deep.equal({ web_search_requests: 1 });
  });

  it('conv M-07 cuts the text at a stop sequence that is spread over chunks', () => {
    const { message, events } = read('stop-sequence', { stopSequences: ['</block>'] });
    expect(message?.content).to.deep.equal([{ type: 'text', text: '<block>no' }]);
    expect(message).to.include({ stop_reason: 'stop_sequence', stop_sequence: '</block>' });
    expect(events.at(-1)?.type).to.equal('message_stop');
    expect(message?.usage.output_tokens).to.be.above(0);
  });

  it('conv D-02 gives tools back the names the client knows', () => {
    const toolNames = new Map([['Read', 'mcp__files__read']]);
    expect(contentOf('parallel-tools', { toolNames })?.[0]).to.include({ name: 'mcp__files__read' });
  });

  it('conv E-09 throws what the response says of its failure', () => {
    const failed = errorOf('failed');
    expect(failed).to.include({ code: 'api_error', message: 'The model failed on its way.' });
    expect(read('failed').events.map(({ type }) => type)).not.to.include('message_stop');
  });

  it('conv E-02 tells an overflow inside the stream as a prompt that is too long', () => {
    expect(errorOf('overflow')).to.include({ code: 'invalid_request_error', status: 400 });
    expect(errorOf('overflow').message).to.match(/^prompt is too long/);
  });

  it('conv S-13 refuses to end a message whose call is no whole JSON', () => {
    expect(errorOf('broken-call').code).to.equal('api_error');
    expect(read('broken-call').events.map(({ type }) => type)).not.to.include('message_stop');
  });

  it('conv S-26 reads an answer that came as one document', () => {
    const { message, error } = feedStream(openaiResponses, bytesOf('whole', 'json'));
    expect(error).to.equal(null);
    expect(message?.content.map(({ type }) => type)).to.deep.equal(['thinking', 'text', 'tool_use']);
    expect(message?.stop_reason).to.equal('tool_use');
  });

  it('takes an empty call id or name for none, and a call that has arguments but no name for a failure', () => {
    const event = (fields: object) => `data: ${JSON.stringify(fields)}\n\n`;
    const item = { type: 'function_call', call_id: 'call_1', name: '', arguments: '' };
    const nameless =
      event({ type: 'response.output_item.added', output_index: 0, item }) +
      event({ type: 'response.function_call_arguments.delta', output_index: 0, delta: '{"a":1}' }) +
      event({ type: 'response.completed', response: { object: 'response', status: 'completed', output: [] } });
    expect(feedStream(openaiResponses, nameless).error).to.be.instanceOf(GatewayError);
    const named = nameless.replace(
      'data: {"type":"response.completed"',
      `${event({
        type: 'response.function_call_arguments.done',
        output_index: 0,
        name: 'Bash',
        arguments: '{"a":1}',
      })}data: {"type":"response.completed"`,
    );
    expect(feedStream(openaiResponses, named).message?.content[0]).to.deep.include({ name: 'Bash', input: { a: 1 } });
  });
});
