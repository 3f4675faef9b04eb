// The entry of an exchange survives its way over the bus, null or not in every field that may be null.
import { expect } from 'chai';
import { decodeEntry, type ExchangeEntry, ExchangeSchemaError, encodeEntry } from '#shared/exchange/exchange.ts';
import { entry } from '../../console/console-bed.ts';

describe('encodeEntry and decodeEntry', () => {
  const cases: Array<Partial<ExchangeEntry>> = [
    { skip: null, experiment: null, classKind: null, ttfbMs: null, shadow: ['a', 'b'] },
    { skip: 'not_sampled', experiment: 'null', classKind: 'title', ttfbMs: 0 },
    { modelAsked: 'null', route: '{"a":1}', sessionId: '1', tracestate: '' },
  ];
  for (const changes of cases) {
    it(`give back ${JSON.stringify(changes)}`, () => {
      const one = entry(changes);
      expect(decodeEntry(encodeEntry(one))).to.deep.equal(one);
    });
  }

  it('refuse what is no whole entry', () => {
    const { provider: _left, ...others } = entry();
    const cases: Array<[string, Record<string, string>]> = [
      ['is not JSON', { v: '1', entry: '{' }],
      ['is not JSON', { v: '1' }],
      ['is no object', { v: '1', entry: 'null' }],
      ['lacks provider', { v: '1', entry: JSON.stringify(others) }],
      ['lacks provider', { v: '1', entry: JSON.stringify({ ...others, provider: 7 }) }],
      ['has version "99"', { ...encodeEntry(entry()), v: '99' }],
    ];
    for (const [why, fields] of cases) expect(() => decodeEntry(fields), why).to.throw(ExchangeSchemaError, why);
  });
});
