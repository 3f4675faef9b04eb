// The entry of an exchange survives its way over the bus, null or not in every field that may be null.
import { expect } from 'chai';
import { decodeEntry, type ExchangeEntry, encodeEntry } from '#shared/exchange/exchange.ts';
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
});
