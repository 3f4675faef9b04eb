import { expect } from 'chai';
import { createRoomyAttributes } from '#services/gateway/roomy-attributes.ts';

const present = (attributes: object) =>
  Object.fromEntries(Object.entries(attributes).filter(([, value]) => value !== null));

describe('attributes with room for what spans like theirs have said', () => {
  it('say what is given, and have a place for each name that was learned', () => {
    const roomy = createRoomyAttributes();
    expect({ ...roomy.places(), a: 1 }).to.deep.equal({ a: 1 });
    roomy.learn({ a: 1, b: 'x', c: ['y'] });
    const next = { ...roomy.places(), c: 'z', d: true };
    expect(present(next)).to.deep.equal({ c: 'z', d: true });
    expect(Object.keys(next)).to.deep.equal(['a', 'b', 'c', 'd']);
  });

  it('forget nothing over a span that says less', () => {
    const roomy = createRoomyAttributes();
    roomy.learn({ a: 1, b: 2 });
    roomy.learn({ a: 1 });
    expect(roomy.places()).to.deep.equal({ a: null, b: null });
  });

  it('learn no more names than a span of ours has', () => {
    const roomy = createRoomyAttributes();
    const many = (count: number) =>
      Object.fromEntries(Array.from({ length: count }, (_, index) => [`n${index}`, index]));
    roomy.learn(many(128));
    roomy.learn(many(129));
    expect(Object.keys(roomy.places())).to.have.length(128);
  });
});
