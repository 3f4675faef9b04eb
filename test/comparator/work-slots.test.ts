import { expect } from 'chai';
import { Stopping } from '#services/comparator/stopping.ts';
import { createWorkSlots } from '#services/comparator/work-slots.ts';

const signal = (): AbortSignal => new AbortController().signal;

describe('work-slots', () => {
  it('says how many are free, and waits until one is', async () => {
    const slots = createWorkSlots({ limit: 2, maxParked: 10 });
    expect(await slots.whenFree(signal())).to.equal(2);
    const share = slots.take(3);
    const waiting = slots.whenFree(signal());
    share.release();
    expect(slots.busy).to.equal(2);
    share.end();
    share.end();
    expect(await waiting).to.be.greaterThan(0);
    expect(slots.busy).to.equal(0);
  });

  it('gives the slot of a waiting pair to others and hands one back before anything new is read', async () => {
    const slots = createWorkSlots({ limit: 1, maxParked: 10 });
    const parked = slots.take(1);
    let endWait = (): void => {};
    const wait = parked.without(() => new Promise<void>((resolve) => (endWait = resolve)));
    expect(slots).to.include({ busy: 0, parked: 1 });
    const other = slots.take(1);
    endWait();
    let isBack = false;
    const back = wait.then(() => {
      isBack = true;
    });
    await new Promise((resolve) => setImmediate(resolve));
    expect(isBack).to.equal(false);
    other.end();
    await back;
    expect(slots).to.include({ busy: 1, parked: 0 });
    parked.end();
    expect(slots.busy).to.equal(0);
  });

  it('is not free while too many are parked', async () => {
    const slots = createWorkSlots({ limit: 2, maxParked: 1 });
    const share = slots.take(1);
    let endWait = (): void => {};
    const wait = share.without(() => new Promise<void>((resolve) => (endWait = resolve)));
    const waiting = slots.whenFree(signal());
    endWait();
    await wait;
    expect(await waiting).to.equal(1);
  });

  it('keeps its count when a wait fails', async () => {
    const slots = createWorkSlots({ limit: 1, maxParked: 1 });
    const share = slots.take(1);
    const failed = await share.without(() => Promise.reject(new Stopping())).catch((error: unknown) => error);
    expect(failed).to.be.instanceOf(Stopping);
    share.end();
    expect(slots).to.include({ busy: 0, parked: 0 });
  });

  it('stops waiting at a stop', async () => {
    const slots = createWorkSlots({ limit: 1, maxParked: 1 });
    slots.take(1);
    const controller = new AbortController();
    const waiting = slots.whenFree(controller.signal).catch((error: unknown) => error);
    controller.abort();
    expect(await waiting).to.be.instanceOf(Stopping);
  });
});
