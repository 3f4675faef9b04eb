import { expect } from 'chai';
import fc from 'fast-check';
import { createRepeatedChunk } from '#shared/providers/openai-chat/repeated-chunk.ts';

type Root = Record<string, unknown>;

const chunk = (delta: Root, more: Root = {}): Root => ({
  ...{ id: 'chatcmpl-1', object: 'chat.completion.chunk', created: 1, model: 'm', usage: null },
  choices: [{ index: 0, delta, logprobs: null, finish_reason: null }],
  ...more,
});

/** What is read of `next` after `first` was kept. */
function readAfter(first: string, next: string): Root | null {
  const repeated = createRepeatedChunk();
  repeated.keep(first, JSON.parse(first));
  return repeated.read(next);
}

const readNext = (first: Root, next: Root): Root | null => readAfter(JSON.stringify(first), JSON.stringify(next));

describe('an event that repeats the one before', () => {
  const call = (json: string, more: Root = {}): Root => ({
    tool_calls: [{ index: 1, type: 'function', function: { arguments: json }, ...more }],
  });
  for (const [what, toDelta] of Object.entries<(text: string) => Root>({
    text: (content) => ({ content }),
    thinking: (text) => ({ reasoning_content: text }),
    reasoning: (text) => ({ reasoning: text }),
    arguments: call,
  }))
    it(`gives its piece of ${what}, whatever is in it`, () => {
      fc.assert(
        fc.property(fc.string({ unit: 'binary', minLength: 1 }), fc.string({ unit: 'binary' }), (first, next) => {
          expect(readNext(chunk(toDelta(first)), chunk(toDelta(next)))).to.deep.equal(toDelta(next));
        }),
      );
    });

  for (const [kind, delta] of Object.entries({ text: { content: 'a' }, thinking: { reasoning: 'a' }, null: call('a') }))
    it(`tells what stands around a piece in a stream, and that it is one of ${kind === 'null' ? 'arguments' : kind}`, () => {
      const first = JSON.stringify(chunk(delta));
      const repeated = createRepeatedChunk();
      repeated.keep(first, chunk(delta));
      const { head, tail } = repeated.frame ?? {};
      expect(`${head}a${tail}`).to.equal(`data: ${first}\n\n`);
      expect(String(repeated.kind)).to.equal(kind);
      expect(repeated.toDelta('a')).to.deep.equal(delta);
    });

  it('is not looked for in a stream where data came in several lines', () => {
    const [before, behind] = JSON.stringify(chunk({ content: 'a' })).split('"choices"');
    const first = `${before}\n"choices"${behind}`;
    const repeated = createRepeatedChunk();
    repeated.keep(first, JSON.parse(first));
    expect(repeated.read(first)).to.deep.equal({ content: 'a' });
    expect(repeated.frame).to.equal(null);
  });

  it('is read when it says anything else', () => {
    const first = chunk({ content: 'a' });
    expect(readNext(first, chunk({ content: 'a', refusal: 'no' }))).to.equal(null);
    expect(readNext(first, chunk({ content: 'a', tool_calls: [] }))).to.equal(null);
    expect(readNext(first, chunk({ content: 'a' }, { usage: { prompt_tokens: 1 } }))).to.equal(null);
    expect(readNext(first, chunk({ content: null }))).to.equal(null);
    expect(readNext(first, chunk({}))).to.equal(null);
    expect(readNext(first, { error: { message: 'busy' } })).to.equal(null);
  });

  it('is not believed to hold a text where what stands there ends it', () => {
    const [before, behind] = JSON.stringify(chunk({ content: 'a' })).split('"a"');
    const first = `${before}"a"${behind}`;
    expect(readAfter(first, `${before}"a","content":"b"${behind}`)).to.equal(null);
    expect(readAfter(first, `${before}"a\\"${behind}`)).to.equal(null);
    expect(readAfter(first, `${before}"a\nb"${behind}`)).to.equal(null);
    expect(readAfter(first, `${before}"\\x"${behind}`)).to.equal(null);
  });

  it('is not looked for in events that say more than a piece of text', () => {
    for (const first of [
      chunk({ content: 'a', refusal: 'no' }),
      chunk({ content: 'a', tool_calls: [{ index: 0 }] }),
      chunk({ content: 'a', reasoning: 'b' }),
      chunk(call('a', { id: 'call_1' })),
      chunk(call('a', { function: { name: 'f', arguments: 'a' } })),
      chunk({ tool_calls: [...(call('a').tool_calls as Root[]), ...(call('b').tool_calls as Root[])] }),
      chunk({ content: 'a' }, { usage: { prompt_tokens: 1 } }),
      chunk({ content: 'a' }, { choices: [{ index: 0, delta: { content: 'a' }, finish_reason: 'stop' }] }),
      chunk({ content: 'a' }, { choices: [{ index: 1, delta: { content: 'a' } }] }),
      chunk({ content: [{ type: 'text', text: 'a' }] }),
    ])
      expect(readNext(first, first)).to.equal(null);
  });

  it('is not cut where the same words stand in another place', () => {
    const first = '{"id":{"content":"a"},"choices":[{"delta":{"content":"a"}}]}';
    expect(readAfter(first, first)).to.equal(null);
    const twice = '{"choices":[{"delta":{"content":"a","content":"a"}}]}';
    expect(readAfter(twice, twice)).to.equal(null);
  });

  it('gives up where every event differs in more', () => {
    const repeated = createRepeatedChunk();
    const number = (id: number): string => JSON.stringify(chunk({ content: 'a' }, { id: `chatcmpl-${id}` }));
    for (let id = 0; id < 4; id++) repeated.keep(number(id), JSON.parse(number(id)));
    repeated.keep(number(4), JSON.parse(number(4)));
    expect(repeated.read(number(3))).to.deep.equal({ content: 'a' });
    expect(repeated.read(number(4))).to.equal(null);
  });
});
