// Room that is given out in pieces: no two of them at once in the same memory, and none lost.
import { expect } from 'chai';
import fc from 'fast-check';
import { createSharedRoom, type Place } from '#shared/threads/shared-room.ts';

const isShared = ({ bytes }: Place): boolean => bytes.buffer instanceof SharedArrayBuffer;

describe('shared room', () => {
  it('gives again what was given back, from the lowest on', () => {
    const room = createSharedRoom(100);
    const [first, second] = [room.take(40), room.take(40)];
    expect([first, second].map(({ bytes }) => bytes.byteOffset)).to.deep.equal([0, 40]);
    first.release();
    expect([30, 20, 10].map((size) => room.take(size).bytes.byteOffset)).to.deep.equal([0, 80, 30]);
  });

  it('gives a buffer alone, to be given away, where it has no gap of that size', () => {
    const room = createSharedRoom(100);
    room.take(60);
    const alone = room.take(41);
    expect([isShared(alone), alone.bytes.length, alone.transferred]).to.deep.equal([false, 41, [alone.bytes.buffer]]);
    alone.release();
    expect(isShared(room.take(40))).to.equal(true);
  });

  it('takes a place back once, whoever has it by then', () => {
    const room = createSharedRoom(100);
    const place = room.take(100);
    place.release();
    expect(isShared(room.take(100))).to.equal(true);
    place.release();
    expect(isShared(room.take(1))).to.equal(false);
  });

  it('never gives what somebody has, and all of it once everybody is done', () => {
    const step = fc.record({ size: fc.nat({ max: 60 }), gives: fc.boolean(), which: fc.nat() });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const room = createSharedRoom(200);
        const held: Array<{ place: Place; mark: number }> = [];
        for (const [mark, { size, gives, which }] of steps.entries()) {
          if (gives) held.splice(which % Math.max(1, held.length), 1)[0]?.place.release();
          const place = room.take(size);
          held.push({ place, mark });
          expect(place.bytes.fill(mark).length).to.equal(size);
          for (const other of held) expect(other.place.bytes.every((byte) => byte === other.mark)).to.equal(true);
        }
        for (const { place } of held) place.release();
        expect(isShared(room.take(200))).to.equal(true);
      }),
    );
  });
});
