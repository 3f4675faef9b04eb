import { expect } from 'chai';
import fc from 'fast-check';
import { createRepeatedAttributes, type RepeatedAttributes } from '#shared/telemetry/repeated-attributes.ts';

type Values = Parameters<RepeatedAttributes>[0];

describe('repeated attributes', () => {
  let made: number;
  let repeated: RepeatedAttributes;
  beforeEach(() => {
    made = 0;
    repeated = createRepeatedAttributes();
  });
  const of = (...values: Values) =>
    repeated(values, () => {
      made += 1;
      return { said: JSON.stringify(values) };
    });

  it('are one object for the same values, and never that of others', () => {
    const value = fc.constantFrom(...['', 'a', 'a,b', '1', 'x'.repeat(300)], 0, 1, true, false, null, undefined);
    const values = fc.array(value, { maxLength: 3 });
    fc.assert(
      fc.property(fc.array(values, { maxLength: 20 }), (all) => {
        repeated = createRepeatedAttributes();
        for (const each of [...all, ...all]) expect(of(...each)).to.deep.equal({ said: JSON.stringify(each) });
      }),
    );
    made = 0;
    const first = of('m', 200, null);
    expect([of('m', 200), of('m', 200, undefined), of('m', 200, null), of('m', '200', null)][2]).to.equal(first);
    expect(made).to.equal(4);
  });

  it('are kept of so many kinds, the newest', () => {
    const all = Array.from({ length: 64 }, (_, index) => of(index));
    expect(all.map((_, index) => of(index))).to.deep.equal(all);
    expect(made).to.equal(64);
    of('one more');
    expect(of(1)).to.equal(all[1]);
    expect(made).to.equal(65);
    expect(of(0)).to.not.equal(all[0]);
  });

  it('are not kept of a long text', () => {
    expect(of('x'.repeat(256))).to.equal(of('x'.repeat(256)));
    expect(of('x'.repeat(257))).to.not.equal(of('x'.repeat(257)));
    expect(of(1, 'x'.repeat(257), 2)).to.not.equal(of(1, 'x'.repeat(257), 2));
  });
});
