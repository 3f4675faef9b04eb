import { expect } from 'chai';
import { createTraitMemory } from '#shared/upstream/learned-traits.ts';
import { testTarget } from '../../support/target.ts';

describe('the memory of what upstreams taught', () => {
  let nowMs = 0;
  const memory = () => createTraitMemory({ nowMs: () => nowMs, most: 3, keptMs: 1000 });
  const target = testTarget({ provider: 'one' });

  beforeEach(() => {
    nowMs = 0;
  });

  it('adds lessons of one provider and model, and tells them to no other', () => {
    const learned = memory();
    learned.add(target, 'a', { maxStops: 0 });
    learned.add(target, 'a', { sampling: 'none' });
    expect(learned.of(target, 'a')).to.deep.equal({ maxStops: 0, sampling: 'none' });
    expect(learned.of(target, 'b')).to.deep.equal({});
    expect(learned.of(testTarget({ provider: 'two' }), 'a')).to.deep.equal({});
  });

  it('forgets after a while', () => {
    const learned = memory();
    learned.add(target, 'a', { maxStops: 0 });
    nowMs = 999;
    expect(learned.of(target, 'a')).to.deep.equal({ maxStops: 0 });
    nowMs = 1000;
    expect(learned.of(target, 'a')).to.deep.equal({});
  });

  it('holds so many and no more, and forgets first what nobody asked for', () => {
    const learned = memory();
    for (const model of ['a', 'b', 'c']) learned.add(target, model, { maxStops: 0 });
    learned.of(target, 'a');
    learned.add(target, 'd', { maxStops: 0 });
    const known = ['a', 'b', 'c', 'd'].filter((model) => 'maxStops' in learned.of(target, model));
    expect(known).to.deep.equal(['a', 'c', 'd']);
  });

  it('holds so many lessons of one model, the newest, whatever clients make an upstream say', () => {
    const learned = memory();
    for (let at = 0; at < 1000; at++) learned.add(target, 'a', { [`without:field_${at}`]: true });
    const names = Object.keys(learned.of(target, 'a'));
    expect(names).to.have.length.below(100).and.include('without:field_999').and.not.include('without:field_0');
  });

  it('holds nothing where nothing was learned', () => {
    const learned = memory();
    learned.add(target, 'a', { maxStops: 0 });
    for (const model of ['b', 'c', 'd']) learned.add(target, model, {});
    expect(learned.of(target, 'a')).to.deep.equal({ maxStops: 0 });
  });
});
