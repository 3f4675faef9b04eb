// What holds for every input, on a few thousand of them chosen anew each time; `npm run fuzz` tries a million.
import { expect } from 'chai';
import { shareCases } from './support/properties/fuzz-property.ts';
import { allProperties } from './support/properties/index.ts';

const CASES = 6000;

describe('whatever comes', () => {
  const seed = Math.floor(Math.random() * 2 ** 31);
  for (const [property, cases] of shareCases(allProperties(), CASES)) {
    it(property.name, async () => {
      const { hasFailed, report } = await property.run(cases, seed);
      expect(hasFailed, report).to.equal(false);
    });
  }
});
