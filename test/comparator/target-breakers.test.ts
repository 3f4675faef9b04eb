import { expect } from 'chai';
import { Stopping } from '#services/comparator/stopping.ts';
import { createTargetBreakers } from '#services/comparator/target-breakers.ts';

function setup() {
  let nowMs = 0;
  const changes: string[] = [];
  let unavailableSecs = 0;
  const breakers = createTargetBreakers({
    targets: ['a', 'b'],
    config: { failures: 5, openMs: 15_000, maxOpenMs: 120_000 },
    clock: { nowMs: () => nowMs, monotonicMs: () => nowMs },
    onChange: (target, state) => changes.push(`${target} ${state}`),
    onUnavailable: (_target, seconds) => {
      unavailableSecs += seconds;
    },
  });
  const signal = new AbortController();
  return {
    breakers,
    changes,
    signal,
    unavailableSecs: () => unavailableSecs,
    advance: (ms: number) => {
      nowMs += ms;
    },
    async fail(times: number, target = 'a') {
      for (let n = 0; n < times; n++) (await breakers.admit(target, signal.signal)).report(false);
    },
  };
}

describe('target-breakers', () => {
  it('opens after five failures in a row, not after four and a success', async () => {
    const { breakers, fail, signal } = setup();
    await fail(4);
    (await breakers.admit('a', signal.signal)).report(true);
    await fail(4);
    expect(breakers.isReady('a')).to.equal(true);
    await fail(1);
    expect(breakers.isReady('a')).to.equal(false);
    expect(breakers.isReady('b')).to.equal(true);
    expect(breakers.allOpen()).to.equal(false);
    expect(breakers.nextProbeMs()).to.equal(0);
  });

  it('doubles its pause with each failed probe up to its limit, and starts anew after a success', async () => {
    const { breakers, fail, signal, advance, changes, unavailableSecs } = setup();
    await fail(5);
    for (const pauseMs of [15_000, 30_000, 60_000, 120_000, 120_000]) {
      advance(pauseMs - 1);
      expect(breakers.isReady('a'), `just before ${pauseMs}`).to.equal(false);
      advance(1);
      await fail(1);
    }
    expect(unavailableSecs()).to.equal(345);
    advance(120_000);
    (await breakers.admit('a', signal.signal)).report(true);
    expect(changes.at(-1)).to.equal('a closed');
    await fail(5);
    advance(15_000);
    expect(breakers.isReady('a')).to.equal(true);
  });

  it('lets one probe through at a time', async () => {
    const { breakers, fail, signal, advance } = setup();
    await fail(5);
    advance(15_000);
    const probe = await breakers.admit('a', signal.signal);
    expect(breakers.isReady('a')).to.equal(false);
    let isAdmitted = false;
    const second = breakers.admit('a', signal.signal).then((admission) => {
      isAdmitted = true;
      return admission;
    });
    await Promise.resolve();
    expect(isAdmitted).to.equal(false);
    probe.report(true);
    probe.report(false);
    (await second).report(null);
    expect(breakers.status()[0]).to.include({ state: 'closed', failures: 0 });
  });

  it('hands the probe on when its holder made no call', async () => {
    const { breakers, fail, signal, advance } = setup();
    await fail(5);
    advance(15_000);
    const probe = await breakers.admit('a', signal.signal);
    const next = breakers.admit('a', signal.signal);
    probe.report(null);
    (await next).report(true);
    expect(breakers.isReady('a')).to.equal(true);
  });

  it('stops waiting at a stop', async () => {
    const { breakers, fail, signal } = setup();
    await fail(5);
    const waiting = breakers.admit('a', signal.signal).catch((error: unknown) => error);
    signal.abort();
    expect(await waiting).to.be.instanceOf(Stopping);
  });

  it('knows when no target at all may be called, and for how long', async () => {
    const { breakers, fail, advance } = setup();
    await fail(5, 'a');
    advance(5_000);
    await fail(5, 'b');
    expect(breakers.allOpen()).to.equal(true);
    expect(breakers.nextProbeMs()).to.equal(10_000);
  });
});
