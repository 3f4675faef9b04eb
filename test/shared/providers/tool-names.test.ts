import { expect } from 'chai';
import fc from 'fast-check';
import { CLIENT_TOOL_IDS, createToolNames, OPENAI_TOOL_NAMES, toToolId } from '#shared/providers/tool-names.ts';

describe('names and ids of tools', () => {
  it('keeps a legal name, and never gives it to another tool', () => {
    const long = 'x'.repeat(70);
    const first = createToolNames([{ name: long }], OPENAI_TOOL_NAMES).toUpstream(long);
    const names = createToolNames([{ name: long }, { name: first }], OPENAI_TOOL_NAMES);
    expect(names.toUpstream(first)).to.equal(first);
    expect(names.toUpstream(long)).not.to.equal(first);
    expect([...names.renamed.values()]).to.deep.equal([long]);
  });

  it('puts something in front of a name that may not begin so', () => {
    const rule = { max: 64, illegal: /[^a-zA-Z0-9_-]/g, start: /^[a-zA-Z_]/ };
    expect(createToolNames([{ name: '9lives' }], rule).toUpstream('9lives')).to.match(/^_9lives_[0-9a-f]{8}$/);
  });

  it('makes legal, distinct names that lead back to the originals, the same every time', () => {
    fc.assert(
      fc.property(fc.uniqueArray(fc.string({ minLength: 1, maxLength: 100 }), { maxLength: 20 }), (originals) => {
        const names = createToolNames(
          originals.map((name) => ({ name })),
          OPENAI_TOOL_NAMES,
        );
        const sent = originals.map(names.toUpstream);
        for (const name of sent) expect(name).to.match(/^[a-zA-Z0-9_-]{1,64}$/);
        expect(new Set(sent).size).to.equal(originals.length);
        expect(sent.map((name) => names.renamed.get(name) ?? name)).to.deep.equal(originals);
        expect(
          originals.map(
            createToolNames(
              originals.map((name) => ({ name })),
              OPENAI_TOOL_NAMES,
            ).toUpstream,
          ),
        ).to.deep.equal(sent);
      }),
    );
  });

  it('fix-underscore-id: an underscore is no letter where only letters and digits are allowed', () => {
    const rule = { max: 9, illegal: /[^a-zA-Z0-9]/g, exact: true };
    expect(toToolId('A_0000000', rule)).to.match(/^[a-zA-Z0-9]{9}$/);
  });

  it('makes ids of the shape a server wants, equal for equal ids', () => {
    const rules = [
      { rule: CLIENT_TOOL_IDS, shape: /^[a-zA-Z0-9_-]+$/ },
      { rule: { max: 40, illegal: /[^a-zA-Z0-9_-]/g }, shape: /^[a-zA-Z0-9_-]{1,40}$/ },
      { rule: { max: 9, illegal: /[^a-zA-Z0-9]/g, exact: true }, shape: /^[a-zA-Z0-9]{9}$/ },
    ];
    fc.assert(
      fc.property(fc.string({ maxLength: 300 }), fc.constantFrom(...rules), (id, { rule, shape }) => {
        expect(toToolId(id, rule)).to.match(shape);
        expect(toToolId(id, rule)).to.equal(toToolId(id, rule));
        expect(toToolId(toToolId(id, rule), rule)).to.equal(toToolId(id, rule));
      }),
    );
  });
});
