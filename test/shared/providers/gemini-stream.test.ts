import { readFileSync } from 'node:fs';
import { expect } from 'chai';
import { GatewayError } from '#shared/errors.ts';
import { decodeSignature } from '#shared/providers/gemini/thought-signature.ts';
import { gemini } from '#shared/providers/gemini.ts';
import { type FeedOptions, feedStream } from '../../support/convert-stream.ts';

const FOLDER = new URL('../../fixtures/gemini/streams/', import.meta.url);
const MODEL = 'upstream-model';

function bytesOf(name: string, ending = 'sse'): Buffer {
  return readFileSync(new URL(`synthetic-${name}.${ending}`, FOLDER));
}

function read(name: string, memory: NonNullable<FeedOptions['memory']> = {}) {
  return feedStream(gemini, bytesOf(name), { memory: { idSeed: 'seed', ...memory } });
}

function contentOf(name: string, memory: NonNullable<FeedOptions['memory']> = {}) {
  const { message, error } = read(name, memory);
  if (error !== null) throw error;
  return message?.content ?? [];
}

function errorOf(name: string): GatewayError {
  const { error } = read(name);
  expect(error).to.be.instanceOf(GatewayError);
  return error as GatewayError;
}

function chunk(parts: unknown[], fields: object = {}): string {
  return `data: ${JSON.stringify({ candidates: [{ content: { parts, role: 'model' }, index: 0, ...fields }] })}\r\n\r\n`;
}

describe('gemini: streams', () => {
  it('conv T-10 writes thoughts as thinking, signed with the signature of the call that follows at once', () => {
    const [thinking, call] = contentOf('thinking-tool');
    expect(thinking?.thinking).to.equal('**Looking** at it');
    expect(decodeSignature(thinking?.signature, MODEL)).to.deep.equal({ call: call?.id, signature: 'c2lnLWE=' });
    expect(call).to.deep.include({ type: 'tool_use', name: 'Read', input: { file_path: '/a.txt' } });
  });

  it('conv G-04 C-19 carries the signature of a call that has other words before it in a block of its own', () => {
    const [thinking, text, redacted, call] = contentOf('text-then-call');
    expect(decodeSignature(thinking?.signature, MODEL)).to.deep.equal({ call: '', signature: '' });
    expect(text).to.deep.equal({ type: 'text', text: 'Let me look.' });
    expect(decodeSignature(redacted?.data, MODEL)).to.deep.equal({ call: 'gem_fn-77', signature: 'c2lnLWI=' });
    expect(call?.id).to.equal('gem_fn-77');
  });

  it('conv T-13 conv T-14 hides thoughts and keeps signatures for a client that wants to see none', () => {
    expect(contentOf('thinking-tool', { thinking: 'state' }).map(({ type }) => type)).to.deep.equal([
      'redacted_thinking',
      'tool_use',
    ]);
  });

  it('conv G-02 makes ids where there are none, the same for the same request and no two alike', () => {
    const ids = contentOf('parallel-tools').flatMap(({ id }) => (typeof id === 'string' ? [id] : []));
    expect(ids).to.have.length(3);
    expect(new Set(ids).size).to.equal(3);
    for (const id of ids) expect(id).to.match(/^toolu_[0-9a-f]{24}$/);
    const other = contentOf('parallel-tools', { idSeed: 'another' }).flatMap(({ id }) => id ?? []);
    expect(other).not.to.have.members(ids);
  });

  it('conv G-05 conv S-18 makes no block of an empty text, signed or not', () => {
    const types = contentOf('parallel-tools').map(({ type }) => type);
    expect(types).to.deep.equal(['redacted_thinking', 'tool_use', 'tool_use', 'tool_use']);
    expect(contentOf('text')).to.deep.equal([{ type: 'text', text: 'Grüße, 🌍!' }]);
  });

  it('conv G-06 puts arguments together that come value by value', () => {
    const call = contentOf('partial-arguments').find(({ type }) => type === 'tool_use');
    expect(call?.input).to.deep.equal({ file_path: '/a.txt', edits: [{ line: 3, all: true }] });
    const without = bytesOf('partial-arguments').toString('utf8').replace('{"functionCall": {}}', '{"text": ""}');
    const again = feedStream(gemini, without).message?.content.find(({ type }) => type === 'tool_use');
    expect(again?.input).to.deep.equal(call?.input);
  });

  it('conv S-06 leaves a call open whose arguments were still coming when the stream broke', () => {
    const cut = bytesOf('partial-arguments').toString('utf8').split('\r\n\r\n').slice(0, 3).join('\r\n\r\n');
    const { events, error } = feedStream(gemini, cut);
    expect(error).to.be.instanceOf(GatewayError);
    expect(events.at(-1)?.type).to.equal('content_block_start');
  });

  it('conv G-07 maps each reason: stop, length, withheld, malformed, other', () => {
    expect(read('text').message?.stop_reason).to.equal('end_turn');
    expect(read('thinking-tool').message?.stop_reason).to.equal('tool_use');
    expect(read('max-tokens').message?.stop_reason).to.equal('max_tokens');
    expect(read('safety').message).to.deep.include({
      stop_reason: 'refusal',
      stop_details: { type: 'refusal', explanation: 'SAFETY' },
    });
    expect(errorOf('malformed')).to.include({ code: 'api_error', status: 500 });
    expect(errorOf('malformed').message)
      .to.contain('MALFORMED_FUNCTION_CALL')
      .and.to.contain('Malformed function call');
    expect(errorOf('other').code).to.equal('api_error');
    const withText = feedStream(gemini, chunk([{ text: 'Yes' }], { finishReason: 'OTHER' }));
    expect(withText.message?.stop_reason).to.equal('end_turn');
  });

  it('conv G-08 takes missing arguments for none', () => {
    expect(contentOf('parallel-tools').at(-1)).to.deep.include({ name: 'ListFiles', input: {} });
  });

  it('conv R-06 tells a blocked prompt as a refusal without content', () => {
    const { message } = read('blocked');
    expect(message?.content).to.deep.equal([]);
    expect(message).to.deep.include({
      stop_reason: 'refusal',
      stop_details: { type: 'refusal', explanation: 'PROHIBITED_CONTENT' },
    });
  });

  it('conv U-09 counts thoughts as output, cache apart, and keeps what a later chunk leaves out', () => {
    expect(read('grounding').message?.usage).to.deep.equal({
      input_tokens: 60,
      cache_read_input_tokens: 100,
      cache_creation_input_tokens: 0,
      output_tokens: 94,
      output_tokens_details: { thinking_tokens: 64 },
      server_tool_use: { web_search_requests: 2 },
    });
    const early = `data: ${JSON.stringify({ usageMetadata: { promptTokenCount: 9, thoughtsTokenCount: 5 } })}\r\n\r\n`;
    const usage = feedStream(gemini, early + chunk([{ text: 'x' }], { finishReason: 'STOP' })).message?.usage;
    expect(usage).to.include({ input_tokens: 9, output_tokens: 5 });
  });

  it('conv W-04 tells each page that was found once', () => {
    const [text, call, found] = contentOf('grounding');
    expect(text).to.deep.equal({ type: 'text', text: 'Node 24 ist da.' });
    expect(call).to.deep.include({
      type: 'server_tool_use',
      name: 'web_search',
      input: { query: 'node 24, node lts' },
    });
    expect(found?.tool_use_id).to.equal(call?.id);
    expect(((found?.content ?? []) as Array<{ url: string }>).map(({ url }) => url)).to.deep.equal([
      'https://v.example/1',
      'https://v.example/2',
    ]);
  });

  it('conv M-07 cuts the text at the sequences beyond those the upstream takes', () => {
    const { message } = read('text', { stopSequences: ['🌍'] });
    expect(message?.content).to.deep.equal([{ type: 'text', text: 'Grüße, ' }]);
    expect(message).to.include({ stop_reason: 'stop_sequence', stop_sequence: '🌍' });
  });

  it('conv E-09 throws what a chunk says of a failure', () => {
    expect(errorOf('failed')).to.include({ code: 'overloaded_error', status: 529 });
    expect(read('failed').events.map(({ type }) => type)).not.to.include('message_stop');
    expect(errorOf('overflow').message).to.equal('prompt is too long: 1200345 tokens > 1048576 maximum');
  });

  it('conv G-10 reads the list of chunks that comes without server-sent events', () => {
    const { message } = feedStream(gemini, bytesOf('whole', 'json'));
    expect(message?.content.map(({ type }) => type)).to.deep.equal(['text', 'redacted_thinking', 'tool_use']);
    expect(message?.stop_reason).to.equal('tool_use');
  });

  it('reads only the first candidate', () => {
    const both = `data: ${JSON.stringify({
      candidates: [
        { index: 1, content: { parts: [{ text: 'second' }] }, finishReason: 'STOP' },
        { index: 0, content: { parts: [{ text: 'first' }] }, finishReason: 'STOP' },
      ],
    })}\n\n`;
    expect(feedStream(gemini, both).message?.content).to.deep.equal([{ type: 'text', text: 'first' }]);
  });
});
