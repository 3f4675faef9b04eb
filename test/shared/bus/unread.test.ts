import { expect } from 'chai';
import { GROUPS } from '#shared/bus/bus.ts';
import { createUnreadBus } from '#shared/bus/unread.ts';

describe('a bus without readers', () => {
  it('says so, keeps nothing of what is published, and claims nothing', async () => {
    const bus = createUnreadBus();
    expect(bus.readers).to.equal(false);
    await bus.publish({ id: 'a', fields: {}, body: Buffer.alloc(1024), pairs: 1 });
    expect(await bus.body('a')).to.equal(null);
    for (const group of GROUPS) {
      expect(await bus.counters(group)).to.deep.equal({ published: 0, finished: 0, dead: 0, pending: 0 });
      expect(await bus.backlog(group)).to.deep.equal({ length: 0, pending: 0, oldestAgeMs: 0, deadLetters: 0 });
      const options = { count: 1, waitMs: 0, claimIdleMs: 1, maxDeliveries: 1 };
      expect(await bus.read(group, 'consumer', options)).to.deep.equal([]);
    }
  });
});
