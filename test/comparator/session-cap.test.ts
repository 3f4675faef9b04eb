import { expect } from 'chai';
import { createSessionCap } from '#services/comparator/session-cap.ts';

describe('session-cap', () => {
  it('counts turns that are kept and turns that are being asked', async () => {
    let kept = 1;
    const cap = createSessionCap(3, { countSessionPairs: async () => kept });
    const turns = [1, 2, 3].map(() => cap.turn('s', 't'));
    expect(await Promise.all(turns.map((turn) => turn.take()))).to.deep.equal([true, true, false]);
    expect(await cap.turn('s', 'another target').take()).to.equal(true);
    expect(await cap.turn('another session', 't').take()).to.equal(true);
    for (const turn of turns) turn.release();
    kept = 3;
    expect(await cap.turn('s', 't').take()).to.equal(false);
  });

  it('gives back what was taken once, and nothing that was not', async () => {
    const cap = createSessionCap(1, { countSessionPairs: async () => 0 });
    const turn = cap.turn('s', 't');
    turn.release();
    expect(await turn.take()).to.equal(true);
    turn.release();
    turn.release();
    expect(await Promise.all([cap.turn('s', 't').take(), cap.turn('s', 't').take()])).to.deep.equal([true, false]);
  });

  it('gives the turn back where the store cannot be asked', async () => {
    let isDown = true;
    const cap = createSessionCap(1, {
      countSessionPairs: async () => {
        if (isDown) throw new Error('down');
        return 0;
      },
    });
    const turn = cap.turn('s', 't');
    const failure = await turn.take().catch((error: unknown) => error);
    expect(failure).to.be.instanceOf(Error);
    turn.release();
    isDown = false;
    expect(await cap.turn('s', 't').take()).to.equal(true);
  });

  it('asks nobody without a cap', async () => {
    const cap = createSessionCap(null, { countSessionPairs: () => Promise.reject(new Error('asked')) });
    expect(await cap.turn('s', 't').take()).to.equal(true);
  });
});
