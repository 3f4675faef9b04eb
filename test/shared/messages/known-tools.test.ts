import { expect } from 'chai';
import { keepMade, madeOnce } from '#shared/made-once.ts';
import { estimateTokens } from '#shared/messages/estimate-tokens.ts';
import { createKnownTools } from '#shared/messages/known-tools.ts';
import { createToolNames, OPENAI_TOOL_NAMES } from '#shared/providers/tool-names.ts';

const toolsOf = (name: string): Buffer =>
  Buffer.from(JSON.stringify([{ name, description: 'Reads.', input_schema: { type: 'object', properties: {} } }]));

describe('tools that came before', () => {
  it('are the same list for the same bytes, wherever they stand, and another for others', () => {
    const known = createKnownTools({ nowMs: () => 0 });
    const first = known.read(toolsOf('read'));
    expect(first).to.deep.equal(JSON.parse(toolsOf('read').toString()));
    expect(known.read(Buffer.concat([Buffer.from('x'), toolsOf('read')]).subarray(1))).to.equal(first);
    expect(known.read(toolsOf('edit'))).to.deep.equal(JSON.parse(toolsOf('edit').toString()));
    expect(known.read(toolsOf('read'))).to.equal(first);
  });

  it('are kept as they came, whatever becomes of the body they stood in', () => {
    const known = createKnownTools({ nowMs: () => 0 });
    const body = toolsOf('read');
    const first = known.read(body);
    body.fill(0x20);
    expect(known.read(toolsOf('read'))).to.equal(first);
  });

  for (const [what, limits] of [
    ['number', { most: 2 }],
    ['bytes', { mostBytes: 2 * toolsOf('a').length }],
  ] as const)
    it(`are forgotten beyond so many by ${what}, the least recently used first`, () => {
      const known = createKnownTools({ nowMs: () => 0, ...limits });
      const [a, b] = ['a', 'b'].map((name) => known.read(toolsOf(name)));
      expect(known.read(toolsOf('a'))).to.equal(a);
      known.read(toolsOf('c'));
      expect(known.read(toolsOf('a'))).to.equal(a);
      expect(known.read(toolsOf('b'))).not.to.equal(b);
    });

  it('are forgotten a while after they were used last', () => {
    let now = 0;
    const known = createKnownTools({ nowMs: () => now, keptMs: 100 });
    const [a, b] = ['a', 'b'].map((name) => known.read(toolsOf(name)));
    now = 90;
    expect(known.read(toolsOf('a'))).to.equal(a);
    now = 180;
    expect(known.read(toolsOf('a'))).to.equal(a);
    expect(known.read(toolsOf('b'))).not.to.equal(b);
  });

  it('are read each time where they alone are more than may be kept', () => {
    const known = createKnownTools({ nowMs: () => 0, mostBytes: 10 });
    const first = known.read(toolsOf('a'));
    expect(known.read(toolsOf('a'))).not.to.equal(first);
  });

  it('do not make others forgotten where they are too many to be kept', () => {
    const known = createKnownTools({ nowMs: () => 0, mostBytes: toolsOf('a').length });
    const a = known.read(toolsOf('a'));
    known.read(toolsOf('a long name'));
    expect(known.read(toolsOf('a'))).to.equal(a);
  });

  it('are read each time where they are more tools than any agent has, however short', () => {
    const known = createKnownTools({ nowMs: () => 0, mostTools: 2 });
    const listOf = (count: number) => Buffer.from(JSON.stringify(Array.from({ length: count }, () => ({}))));
    const two = known.read(listOf(2));
    expect(known.read(listOf(2))).to.equal(two);
    const three = known.read(listOf(3));
    expect(three).to.have.length(3);
    expect(known.read(listOf(3))).not.to.equal(three);
  });

  it('are no list where the request has something else there, and an error where it is no JSON', () => {
    const known = createKnownTools({ nowMs: () => 0 });
    for (const json of ['null', '{"0":1}', '"tools"']) expect(known.read(Buffer.from(json))).to.equal(null);
    expect(() => known.read(Buffer.from('[1,]'))).to.throw(SyntaxError);
  });

  it('are weighed once', () => {
    const tools = createKnownTools({ nowMs: () => 0 }).read(toolsOf('read')) ?? [];
    const request = { model: 'm', max_tokens: 1, messages: [], tools } as Parameters<typeof estimateTokens>[0];
    let weighed = 0;
    const estimates = [1, 2].map(() =>
      estimateTokens(request, (text) => {
        weighed++;
        return text.length;
      }),
    );
    expect(weighed).to.equal(1);
    expect(estimates[0]).to.equal(estimates[1]);
  });

  it('keep their names whatever other tools the histories of requests name', () => {
    const tools = keepMade([{ name: 'a.b' }, { name: 'read' }]);
    const one = createToolNames(tools, OPENAI_TOOL_NAMES);
    const sent = one.toUpstream('a.b');
    one.toUpstream('gone.now');
    const other = createToolNames(tools, OPENAI_TOOL_NAMES);
    expect(other.toUpstream('a.b')).to.equal(sent);
    expect([...other.renamed]).to.deep.equal([[sent, 'a.b']]);
    expect(one.renamed.size).to.equal(2);
  });
});

describe('what is made once', () => {
  it('is made once of a value that is kept, each thing by itself, and each time of others', () => {
    let made = 0;
    const make = () => ({ number: made++ });
    const kept = keepMade({});
    expect(madeOnce(kept, 'a', make)).to.equal(madeOnce(kept, 'a', make));
    expect(madeOnce(kept, 'b', make)).not.to.equal(madeOnce(kept, 'a', make));
    const other = {};
    expect(madeOnce(other, 'a', make)).not.to.equal(madeOnce(other, 'a', make));
    expect(made).to.equal(4);
  });

  it('is no part of the value', () => {
    const kept = keepMade([1]);
    madeOnce(kept, 'a', () => 1);
    expect(kept).to.deep.equal([1]);
    expect(JSON.stringify({ ...keepMade({ a: 1 }) })).to.equal('{"a":1}');
  });

  it('is bounded: what was made first is made again', () => {
    const kept = keepMade({});
    let made = 0;
    for (let what = 0; what < 40; what++) madeOnce(kept, what, () => made++);
    expect(madeOnce(kept, 39, () => made++)).to.equal(39);
    expect(madeOnce(kept, 0, () => made++)).to.equal(40);
  });

  it('is nothing where making it fails, which is tried again', () => {
    const kept = keepMade({});
    const fail = () =>
      madeOnce(kept, 'a', () => {
        throw new Error('no');
      });
    expect(fail).to.throw('no');
    expect(fail).to.throw('no');
    expect(madeOnce(kept, 'a', () => 1)).to.equal(1);
  });
});
