import { expect } from 'chai';
import { GatewayError } from '#shared/errors.ts';
import { createMessageAccumulator } from '#shared/messages/accumulate-message.ts';
import { createMessageWriter } from '#shared/messages/message-writer.ts';
import { faithful } from '#shared/providers/anthropic/faithful.ts';
import { convertWith } from '../../support/target.ts';

const ASK = { model: 'claude-x', max_tokens: 10, messages: [{ role: 'user', content: 'hi' }] };
const { memory } = convertWith(faithful, ASK);

/** What a client has of these events. */
function messageOf(events: Array<Record<string, unknown>>) {
  const message = createMessageAccumulator({ order: 'strict' });
  const start = { id: 'msg_1', model: 'claude-x', usage: { input_tokens: 1, output_tokens: 0 } };
  const writer = createMessageWriter(start, (event) => {
    if (event.type !== 'ping' && event.type !== 'error') message.add(event);
  });
  const reader = faithful.createReader(writer, memory);
  for (const event of events) reader.onEvent({ event: String(event.type), data: JSON.stringify(event) });
  reader.onEnd();
  return message.message();
}

const END = [
  { type: 'message_delta', delta: { stop_reason: 'end_turn', stop_sequence: null }, usage: { output_tokens: 3 } },
  { type: 'message_stop' },
];
const block = (index: number, content_block: object, ...deltas: object[]) => [
  { type: 'content_block_start', index, content_block },
  ...deltas.map((delta) => ({ type: 'content_block_delta', index, delta })),
  { type: 'content_block_stop', index },
];

describe('the Messages API as it is', () => {
  it('changes of a request the model and the stream alone', () => {
    const odd = { ...ASK, odd: { a: [1] }, system: [{ type: 'later' }], thread: {}, context_management: null };
    const { json, path, notes } = convertWith(faithful, odd, { target: { baseUrl: 'https://a.example/v1' } });
    expect(json).to.deep.equal({ ...odd, model: 'some-model', stream: true });
    expect({ path, notes }).to.deep.equal({ path: '/messages', notes: ['converted'] });
  });

  it('leaves a conversation that is none, or of the gateway’s own thinking alone, to the upstream', () => {
    const own = { role: 'assistant', content: [{ type: 'redacted_thinking', data: 'ccproxy1.gemini.e30' }] };
    for (const messages of ['none', [7, null], [own]]) {
      expect(convertWith(faithful, { ...ASK, messages }).json.messages).to.deep.equal(messages);
    }
    expect(convertWith(faithful, { ...ASK, messages: [...ASK.messages, own] }).json.messages).to.deep.equal(
      ASK.messages,
    );
  });

  it('keeps blocks whose deltas nobody here knows, and what stands beside the stop reason', () => {
    const message = messageOf([
      ...block(
        0,
        { type: 'compaction', content: '', n: 1 },
        { type: 'compaction_delta', content: 'Long ' },
        { type: 'compaction_delta', content: 'ago.', n: 2 },
      ),
      {
        type: 'message_delta',
        delta: { stop_reason: 'end_turn', container: { id: 'c' }, stop_details: null },
        usage: {},
      },
      { type: 'message_stop' },
    ]);
    expect(message?.content).to.deep.equal([{ type: 'compaction', content: 'Long ago.', n: 2 }]);
    expect(message).to.deep.include({ container: { id: 'c' }, stop_reason: 'end_turn' });
    expect(message).to.not.have.property('stop_details');
  });

  it('keeps signatures, citations and the calls of the server', () => {
    const call = { type: 'server_tool_use', id: 'srvtoolu_1', name: 'web_search', input: {} };
    const message = messageOf([
      ...block(
        0,
        { type: 'thinking', thinking: '' },
        { type: 'thinking_delta', thinking: 'Hm.' },
        { type: 'signature_delta', signature: 'c2ln' },
      ),
      ...block(1, call, { type: 'input_json_delta', partial_json: '{"query":"x"}' }),
      ...block(
        2,
        { type: 'text', text: '' },
        { type: 'text_delta', text: 'So.' },
        { type: 'citations_delta', citation: { url: 'u' } },
      ),
      ...END,
    ]);
    expect(message?.content).to.deep.equal([
      { type: 'thinking', thinking: 'Hm.', signature: 'c2ln' },
      { ...call, input: { query: 'x' } },
      { type: 'text', text: 'So.', citations: [{ url: 'u' }] },
    ]);
  });

  it('never takes a stream without its end for a whole message', () => {
    const cut = block(0, { type: 'text', text: '' }, { type: 'text_delta', text: 'So.' });
    expect(() => messageOf(cut)).to.throw(GatewayError, 'closed the stream before finishing');
  });
});
