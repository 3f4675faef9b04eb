import { expect } from 'chai';
import fc from 'fast-check';
import { createKeptChunks } from '#services/gateway/messages/kept-chunks.ts';

describe('the chunks that are kept of an answer', () => {
  const piece = fc.oneof(
    { weight: 4, arbitrary: fc.uint8Array({ maxLength: 300 }) },
    fc.uint8Array({ minLength: 2000, maxLength: 5000 }),
  );

  it('are those that passed, with their times, whatever their sizes', () => {
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 60 }), fc.nat({ max: 6000 }), (pieces, count) => {
        const kept = createKeptChunks(Number.POSITIVE_INFINITY);
        for (const [index, bytes] of pieces.entries()) kept.push(index, Buffer.from(bytes));
        expect(kept.chunks.map(({ atMs, bytes }) => [atMs, bytes.toString('hex')])).to.deep.equal(
          pieces.map((bytes, index) => [index, Buffer.from(bytes).toString('hex')]),
        );
        const all = Buffer.concat(pieces);
        expect(kept.totalBytes).to.equal(all.length);
        expect(kept.tail(count).equals(all.subarray(Math.max(0, all.length - count)))).to.equal(true);
      }),
    );
  });

  it('are copied where they are small, so that who wrote them may use their memory again', () => {
    const kept = createKeptChunks(1000);
    const bytes = Buffer.from('abc');
    kept.push(1, bytes);
    bytes.fill('x');
    kept.push(2, bytes);
    expect(kept.chunks.map((chunk) => chunk.bytes.toString())).to.deep.equal(['abc', 'xxx']);
    expect(kept.blocks).to.have.length(1);
  });

  it('take little more memory than they are long, however large and small ones take turns', () => {
    const kept = createKeptChunks(Number.POSITIVE_INFINITY);
    for (let index = 0; index < 500; index++) {
      for (const length of [10, 10, 4096, 1]) kept.push(index, Buffer.allocUnsafeSlow(length));
    }
    const taken = kept.blocks.reduce((sum, { buffer }) => sum + buffer.byteLength, 0);
    expect(taken).to.be.below(2 * kept.totalBytes);
  });

  it('are only the last ones beyond the limit, and never many more than are needed', () => {
    const kept = createKeptChunks(100_000);
    for (let index = 0; index < 5000; index++) kept.push(index, Buffer.from(String(index).padStart(200, '.')));
    expect([kept.isPartial, kept.totalBytes]).to.deep.equal([true, 1_000_000]);
    const texts = kept.chunks.map(({ atMs, bytes }) => [atMs, Number(bytes.toString().replaceAll('.', ''))]);
    expect(texts.at(-1)).to.deep.equal([4999, 4999]);
    expect(texts.every(([atMs, told]) => atMs === told)).to.equal(true);
    expect(texts.length * 200).to.be.within(65_536, 5 * 65_536);
    expect(kept.tail(65_536)).to.have.length(65_536);
  });
});
