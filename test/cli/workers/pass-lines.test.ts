import { PassThrough } from 'node:stream';
import { expect } from 'chai';
import fc from 'fast-check';
import { type LineSink, passLines } from '#services/cli/workers/pass-lines.ts';
import { until } from '../../support/gateway.ts';

describe('lines of several workers', () => {
  /** Takes each write a turn later, as a slow reader does. */
  function slow(fails: () => boolean = () => false): LineSink & { text(): string; readonly failed: number } {
    let text = '';
    let failed = 0;
    return {
      write: (bytes, done) =>
        setImmediate(() => {
          const error = fails() ? new Error('no space left') : null;
          if (error) failed++;
          else text += bytes.toString();
          done(error);
        }),
      text: () => text,
      get failed() {
        return failed;
      },
    };
  }

  it('stay whole and in order, wherever they are cut on their way', async () => {
    const cuts = fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1, maxLength: 20 });
    await fc.assert(
      fc.asyncProperty(fc.tuple(cuts, cuts), async (sizes) => {
        const to = slow();
        const wanted = ['a', 'b'].map((name) => Array.from({ length: 12 }, (_, at) => `${name}${at}`.repeat(at + 1)));
        const sources = wanted.map(() => new PassThrough());
        for (const from of sources) passLines(from, to, () => {});
        for (const [at, lines] of wanted.entries()) {
          let text = lines.map((line) => `${line}\n`).join('');
          for (let turn = 0; text !== ''; turn++) {
            const size = sizes[at]?.[turn % (sizes[at]?.length ?? 1)] ?? 1;
            sources[at]?.write(text.slice(0, size));
            text = text.slice(size);
          }
          sources[at]?.end();
        }
        const total = wanted.flat().length;
        await until(() => to.text().split('\n').length - 1 === total);
        const seen = to.text().split('\n').slice(0, -1);
        for (const [at, name] of ['a', 'b'].entries())
          expect(seen.filter((line) => line.startsWith(name))).to.deep.equal(wanted[at]);
      }),
      { numRuns: 30 },
    );
  });

  it('end with the words of a worker that died while it wrote', async () => {
    const to = slow();
    const from = new PassThrough();
    passLines(from, to, () => {});
    from.end('whole\nhal');
    await until(() => to.text() === 'whole\nhal\n');
  });

  it('are counted when they are not taken, and told of when lines are taken again', async () => {
    let isFull = true;
    const to = slow(() => isFull);
    const from = new PassThrough();
    const lost: number[] = [];
    passLines(from, to, (lines) => lost.push(lines));
    from.write('one\ntwo\n');
    await until(() => to.failed === 1);
    expect(lost).to.deep.equal([]);
    isFull = false;
    from.write('three\n');
    await until(() => lost.length > 0);
    expect(lost).to.deep.equal([2]);
  });
});
