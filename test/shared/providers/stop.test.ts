import { expect } from 'chai';
import fc from 'fast-check';
import { createStopWatch } from '#shared/providers/stop.ts';

function watch(text: string, sequences: string[], size: number): { text: string; matched: string | null } {
  const stops = createStopWatch(sequences);
  let shown = '';
  for (let at = 0; at < text.length; at += size) {
    const step = stops.push(text.slice(at, at + size));
    shown += step.text;
    if (step.matched !== null) return { text: shown, matched: step.matched };
  }
  return { text: shown + stops.flush(), matched: null };
}

describe('stopping at a sequence', () => {
  it('ends before the first one that comes', () => {
    expect(watch('one END two STOP', ['STOP', 'END'], 100)).to.deep.equal({ text: 'one ', matched: 'END' });
    expect(watch('nothing here', ['END'], 3)).to.deep.equal({ text: 'nothing here', matched: null });
  });

  it('shows at once what cannot become one', () => {
    const stops = createStopWatch(['END']);
    expect(stops.push('abcE').text).to.equal('abc');
    expect(stops.push('x').text).to.equal('Ex');
  });

  it('shows the same however the text is cut', () => {
    const alphabet = fc.string({ unit: fc.constantFrom('a', 'b'), maxLength: 40 });
    const sequence = fc.string({ unit: fc.constantFrom('a', 'b'), minLength: 1, maxLength: 4 });
    fc.assert(
      fc.property(alphabet, sequence, fc.integer({ min: 1, max: 7 }), (text, stop, size) => {
        const at = text.indexOf(stop);
        const wanted = at === -1 ? { text, matched: null } : { text: text.slice(0, at), matched: stop };
        expect(watch(text, [stop], size)).to.deep.equal(wanted);
      }),
    );
  });
});
