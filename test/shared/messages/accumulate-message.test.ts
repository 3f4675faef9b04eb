import { expect } from 'chai';
import {
  createMessageAccumulator,
  StreamErrorEvent,
  type StreamEvent,
  StreamOrderError,
} from '#shared/messages/accumulate-message.ts';
import { type AnswerEvent, answerEvents, answerJson } from '../../support/answer-bytes.ts';

function fold(events: AnswerEvent[], order: 'strict' | 'lenient' = 'strict') {
  const accumulator = createMessageAccumulator({ order });
  for (const event of events) accumulator.add(event);
  return accumulator;
}

const SPEC = {
  thinking: 'let me see',
  text: 'Grüße 🦊',
  tools: [
    { name: 'Read', input: { file_path: 'a.ts' } },
    { name: 'Grep', input: { pattern: '"x"\n' } },
  ],
};
const START = answerEvents({})[0] as StreamEvent;
const open = (index: number, content_block: unknown): StreamEvent => ({
  type: 'content_block_start',
  index,
  content_block,
});
const close = (index: number): StreamEvent => ({ type: 'content_block_stop', index });
const delta = (index: number, value: unknown): StreamEvent => ({ type: 'content_block_delta', index, delta: value });
const END: StreamEvent[] = [{ type: 'message_delta', delta: { stop_reason: 'end_turn' } }, { type: 'message_stop' }];

describe('accumulate-message', () => {
  it('folds a stream into the message that the same answer has without streaming', () => {
    const accumulator = fold(answerEvents(SPEC));
    const message = accumulator.message();
    const expected = JSON.parse(answerJson(SPEC).toString());
    expect(message?.content).to.deep.equal(expected.content);
    expect(message?.stop_reason).to.equal('tool_use');
    expect(message?.usage).to.deep.equal({ input_tokens: 10, output_tokens: 20, cache_read_input_tokens: 5 });
    expect(accumulator.complete).to.equal(true);
    expect(accumulator.rawInput(2)).to.equal('{"file_path":"a.ts"}');
  });

  it('keeps unknown blocks, deltas and fields', () => {
    const message = fold([
      { ...START, message: { ...(START.message as object), brand: 1 } },
      open(0, { type: 'novel', label: 'a', list: [1] }),
      delta(0, { type: 'novel_delta', label: 'b', list: [2], extra: { x: 1 }, nothing: null }),
      close(0),
      open(1, { type: 'text', text: '' }),
      delta(1, { type: 'text_delta', text: 'hi' }),
      delta(1, { type: 'citations_delta', citation: { url: 'u' } }),
      close(1),
      {
        type: 'message_delta',
        delta: { stop_reason: 'end_turn', stop_details: { why: 1 } },
        context_management: { e: [] },
      },
      { type: 'brand_new_event' },
      { type: 'ping' },
      { type: 'message_stop' },
    ]).message();
    expect(message?.content).to.deep.equal([
      { type: 'novel', label: 'ab', list: [1, 2], extra: { x: 1 } },
      { type: 'text', text: 'hi', citations: [{ url: 'u' }] },
    ]);
    expect(message).to.include({ brand: 1 });
    expect(message?.stop_details).to.deep.equal({ why: 1 });
    expect(message?.context_management).to.deep.equal({ e: [] });
  });

  it('uses input that came whole with the start of its block, and leaves broken JSON alone', () => {
    const accumulator = fold([
      START,
      open(0, { type: 'tool_use', id: 't', name: 'A', input: { a: 1 } }),
      close(0),
      open(1, { type: 'tool_use', id: 'u', name: 'B', input: {} }),
      delta(1, { type: 'input_json_delta', partial_json: '{"a":' }),
      close(1),
      ...END,
    ]);
    expect(accumulator.message()?.content.map((block) => block.input)).to.deep.equal([{ a: 1 }, {}]);
    expect(accumulator.rawInput(1)).to.equal('{"a":');
  });

  it('names the model that took over in a fallback block', () => {
    const block = { type: 'fallback', from: { model: 'claude-a' }, to: { model: 'claude-b' } };
    expect(fold([START, open(0, block), close(0), ...END]).message()?.model).to.equal('claude-b');
  });

  const TEXT = { type: 'text', text: '' };
  const TEXT_DELTA = { type: 'text_delta', text: 'x' };
  const wrong: Array<[string, StreamEvent[]]> = [
    ['a block before message_start', [open(0, TEXT)]],
    ['a delta without a block', [START, delta(0, TEXT_DELTA)]],
    ['a delta for a closed block', [START, open(0, TEXT), close(0), delta(0, TEXT_DELTA)]],
    ['a second message_start', [START, START]],
    ['two open blocks', [START, open(0, TEXT), open(1, TEXT)]],
    ['an index that is left out', [START, open(1, TEXT)]],
    ['a stop for a closed block', [START, open(0, TEXT), close(0), close(0)]],
    ['message_delta with an open block', [START, open(0, TEXT), END[0] as StreamEvent]],
    ['message_stop without message_delta', [START, { type: 'message_stop' }]],
    ['anything after message_stop', [START, ...END, open(0, TEXT)]],
    ['a block that is no object', [START, open(0, 'text')]],
    ['message_delta before message_start', END],
  ];
  for (const [name, events] of wrong) {
    it(`throws on ${name}`, () => {
      expect(() => fold(events)).to.throw(StreamOrderError);
    });
  }

  it('still has the partial message after it threw', () => {
    const accumulator = createMessageAccumulator();
    accumulator.add(START);
    accumulator.add(open(0, TEXT));
    accumulator.add(delta(0, TEXT_DELTA));
    expect(() => accumulator.add(open(3, TEXT))).to.throw(StreamOrderError);
    expect(accumulator.message()?.content).to.deep.equal([{ type: 'text', text: 'x' }]);
    expect(accumulator.complete).to.equal(false);
  });

  it('throws an error event with its type', () => {
    expect(() => fold([START, { type: 'error', error: { type: 'overloaded_error', message: 'busy' } }]))
      .to.throw(StreamErrorEvent, 'busy')
      .with.property('errorType', 'overloaded_error');
  });

  it('takes in lenient order what servers send and clients read: late stops, a second start', () => {
    const message = fold(
      [
        START,
        { ...START, message: { id: 'msg_2', usage: { input_tokens: 99 } } },
        open(0, TEXT),
        delta(0, TEXT_DELTA),
        open(1, { type: 'tool_use', id: 't', name: 'A' }),
        delta(1, { type: 'input_json_delta', partial_json: '{}' }),
        close(0),
        ...END,
      ],
      'lenient',
    ).message();
    expect(message?.id).to.equal('msg_1');
    expect(message?.usage.input_tokens).to.equal(99);
    expect(message?.content).to.have.length(2);
  });

  it('gives a message its type and role when the server left them out', () => {
    const message = fold([{ type: 'message_start', message: { id: 'm', model: 'x' } }, ...END]).message();
    expect(message).to.include({ type: 'message', role: 'assistant', stop_reason: 'end_turn' });
  });
});
