import { expect } from 'chai';
import fc from 'fast-check';
import { GatewayError } from '#shared/errors.ts';
import { INTERRUPTED, toTurns } from '#shared/providers/tool-results.ts';

const use = (id: string): Record<string, unknown> => ({ type: 'tool_use', id, name: 'Bash', input: {} });
const result = (id: string, content = `of ${id}`): Record<string, unknown> => ({
  type: 'tool_result',
  tool_use_id: id,
  content,
});

describe('turns of a conversation', () => {
  it('finds a result behind a system message and in a second message of the user', () => {
    const [calls] = toTurns(
      [
        { role: 'assistant', content: [use('a'), use('b')] },
        { role: 'user', content: [result('b')] },
        { role: 'system', content: 'now' },
        { role: 'user', content: [result('a')] },
      ],
      [],
    );
    expect(calls?.results.map(({ id, content }) => [id, content])).to.deep.equal([
      ['a', 'of a'],
      ['b', 'of b'],
    ]);
  });

  it('takes calls in two messages of the assistant for one turn', () => {
    const turns = toTurns(
      [
        { role: 'assistant', content: [use('a')] },
        { role: 'assistant', content: [use('b')] },
        { role: 'user', content: [result('a'), result('b')] },
      ],
      [],
    );
    expect(turns).to.have.length(1);
    expect(turns[0]?.results.map(({ content }) => content)).to.deep.equal(['of a', 'of b']);
  });

  it('gives an id that is used again in a later turn its own result', () => {
    const turns = toTurns(
      [
        { role: 'assistant', content: [use('a')] },
        { role: 'user', content: [result('a', 'first')] },
        { role: 'assistant', content: [use('a')] },
        { role: 'user', content: [result('a', 'second')] },
      ],
      [],
    );
    expect(turns.map(({ results }) => results[0]?.content)).to.deep.equal(['first', 'second']);
  });

  it('names what it cannot read', () => {
    const refused = (messages: unknown): string => {
      try {
        toTurns(messages, []);
      } catch (error) {
        return (error as GatewayError).message;
      }
      return '';
    };
    expect(refused('x')).to.match(/^messages/);
    expect(
      refused([
        { role: 'user', content: 'a' },
        { role: 'tool', content: 'b' },
      ]),
    ).to.match(/^messages\[1\]\.role/);
    expect(refused([{ role: 'user', content: [{ text: 'a' }] }])).to.match(/^messages\[0\]\.content\[0\]/);
    expect(refused([{ role: 'assistant', content: [{ type: 'tool_use', name: 'x' }] }])).to.match(
      /^messages\[0\]\.content\[0\]/,
    );
  });

  it('gives every call exactly one result and leaves no result without a call, whatever clients send', () => {
    const id = fc.constantFrom('a', 'b', 'c');
    const block = fc.oneof(
      id.map(use),
      id.map((one) => result(one)),
      fc.constant({ type: 'text', text: 'x' }),
    );
    const message = fc.record({
      role: fc.constantFrom('user', 'assistant', 'system'),
      content: fc.array(block, { maxLength: 5 }),
    });
    fc.assert(
      fc.property(fc.array(message, { minLength: 1, maxLength: 8 }), (messages) => {
        let turns: ReturnType<typeof toTurns>;
        try {
          turns = toTurns(messages, []);
        } catch (error) {
          expect(error).to.be.instanceOf(GatewayError);
          return;
        }
        for (const turn of turns) {
          const calls = turn.content.filter(({ block: one }) => one.type === 'tool_use' && turn.role === 'assistant');
          if (turn.role === 'assistant')
            expect(turn.results.map((one) => one.id)).to.deep.equal(calls.map(({ block: one }) => one.id));
          expect(turn.content.some(({ block: one }) => one.type === 'tool_result')).to.equal(false);
          for (const one of turn.results) expect([INTERRUPTED, `of ${one.id}`]).to.include(one.content);
        }
      }),
    );
  });
});
