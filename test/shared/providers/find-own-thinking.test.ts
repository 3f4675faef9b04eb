import { expect } from 'chai';
import fc from 'fast-check';
import { editBytes } from '#shared/messages/edit-bytes.ts';
import { scanTopLevel } from '#shared/messages/scan-top-level.ts';
import { findOwnThinking } from '#shared/providers/find-own-thinking.ts';
import { encodeThinkingState } from '#shared/providers/thinking-state.ts';
import { cpuMs } from '../../support/patience.ts';

const SIGNED = encodeThinkingState('gemini', { a: 1 });
const own = { type: 'thinking', thinking: 'hm', signature: SIGNED };
const redacted = { type: 'redacted_thinking', data: SIGNED };
const empty = { type: 'thinking', thinking: '', signature: SIGNED };
const foreign = { type: 'thinking', thinking: 'hm', signature: 'EqQB' };
const text = { type: 'text', text: `the mark is ${SIGNED}` };
const user = { role: 'user', content: 'hi' };

function cut(body: Buffer): { body: Buffer; blocks: number } {
  const { cuts, blocks } = findOwnThinking(body, scanTopLevel(body, 512, new Set()).get('messages'));
  return { body: editBytes(body, cuts), blocks };
}

function cutOf(messages: unknown, indent?: number): { messages: unknown; blocks: number } {
  const { body, blocks } = cut(Buffer.from(JSON.stringify({ model: 'm', messages, max_tokens: 1 }, null, indent)));
  const parsed = JSON.parse(body.toString('utf8')) as { model: string; messages: unknown; max_tokens: number };
  expect(parsed).to.include({ model: 'm', max_tokens: 1 });
  return { messages: parsed.messages, blocks };
}

const assistant = (...content: unknown[]) => ({ role: 'assistant', content });

describe('thinking that the gateway signed', () => {
  for (const [where, content, kept] of [
    ['first', [own, text], [text]],
    ['last', [text, own], [text]],
    ['in the middle', [foreign, own, text], [foreign, text]],
    ['several in a row', [own, redacted, empty, text, own, own], [text]],
    ['everywhere', [own, text, redacted, foreign, empty], [text, foreign]],
  ] as const) {
    for (const indent of [0, 2]) {
      it(`conv T-03 conv T-13 is cut out, indented by ${indent}: ${where}`, () => {
        const messages = [user, assistant(...content), user];
        const { messages: left, blocks } = cutOf(messages, indent);
        expect(left).to.deep.equal([user, assistant(...kept), user]);
        expect(blocks).to.equal(content.length - kept.length);
      });
    }
  }

  it('conv T-03 takes a message that holds nothing else with it, wherever it stands', () => {
    const gone = assistant(own, redacted);
    for (const [messages, kept] of [
      [
        [user, gone, user],
        [user, user],
      ],
      [[gone, user], [user]],
      [[user, gone], [user]],
      [
        [user, gone, gone, user, gone],
        [user, user],
      ],
    ]) {
      expect(cutOf(messages).messages).to.deep.equal(kept);
    }
  });

  it('conv T-03 leaves a body as it is where the mark stands in something else', () => {
    for (const messages of [
      [user, assistant(text, foreign)],
      [{ role: 'user', content: `what is ${SIGNED}?` }],
      [user, assistant({ type: 'tool_use', id: 'a', name: 'Bash', input: { signature: SIGNED, type: 'thinking' } })],
      [user, { role: 'user', content: [{ type: 'tool_result', tool_use_id: 'a', content: [own] }] }],
      'messages',
      { own },
    ]) {
      const body = Buffer.from(JSON.stringify({ messages, model: 'm' }));
      expect(cut(body)).to.deep.equal({ body, blocks: 0 });
    }
  });

  it('conv T-03 leaves what is no JSON to the upstream', () => {
    for (const broken of [`{"messages":[{"content":[{"a" "b"} ${SIGNED}]}]}`, `{"messages":[1 2,"${SIGNED}"]}`]) {
      const body = Buffer.from(broken);
      expect(cut(body)).to.deep.equal({ body, blocks: 0 });
    }
    expect(findOwnThinking(Buffer.from(SIGNED), undefined).cuts).to.deep.equal([]);
  });

  it('conv T-03 changes no other byte: numbers, escapes, spaces and the order of keys stay', () => {
    const before = '{ "messages" : [ {"content":[ ';
    const after = '{"text":"\\u00fc \\/ 1e400", "n": 1.0e+2 ,"type":"text"} ] , "role":"assistant"}\n], "model":"m"}';
    const { body } = cut(Buffer.from(`${before}${JSON.stringify(own)} ,  ${after}`));
    expect(body.toString()).to.equal(before + after);
  });

  it('conv T-03 leaves what filtering the parsed body would leave', () => {
    const block = fc.constantFrom<unknown>(own, redacted, empty, foreign, text, { type: 'odd', n: [1, { a: ',]' }] });
    const message = fc.record({
      content: fc.oneof(fc.array(block, { maxLength: 5 }), fc.string(), fc.constant(SIGNED)),
      role: fc.constantFrom('user', 'assistant'),
    });
    fc.assert(
      fc.property(fc.array(message, { maxLength: 6 }), fc.constantFrom(0, 1), (messages, indent) => {
        const isOwn = (one: unknown): boolean => one === own || one === redacted || one === empty;
        const wanted = messages.flatMap(({ content, role }): Array<{ content: unknown; role: string }> => {
          if (typeof content === 'string') return [{ content, role }];
          const kept = content.filter((one) => !isOwn(one));
          return kept.length === 0 && content.length > 0 ? [] : [{ content: kept, role }];
        });
        // Nothing left to say is the upstream's to refuse.
        if (wanted.length > 0) expect(cutOf(messages, indent).messages).to.deep.equal(wanted);
      }),
      { numRuns: 500 },
    );
  });

  it('costs little: a megabyte without the mark under 5 ms, one with ten blocks under 50 ms', () => {
    const filler = { role: 'user', content: 'x'.repeat(10_000) };
    const plain = Array.from({ length: 100 }, () => filler);
    const mixed = plain.map((one, index) => (index % 10 === 0 ? assistant(own, text) : one));
    for (const [messages, mostMs] of [
      [plain, 5],
      [mixed, 50],
    ] as const) {
      const body = Buffer.from(JSON.stringify({ messages }));
      const span = scanTopLevel(body, 512, new Set()).get('messages');
      const cut = (): void => void editBytes(body, findOwnThinking(body, span).cuts);
      const times = Array.from({ length: 5 }, () => cpuMs(cut));
      expect(Math.min(...times)).to.be.below(mostMs);
    }
  });
});
