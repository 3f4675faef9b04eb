import { expect } from 'chai';
import { createRareLines } from '#services/gateway/rare-lines.ts';
import { until } from '../support/gateway.ts';

describe('lines that are written rarely', () => {
  it('write what happens first at once, each thing by itself', () => {
    const lines = createRareLines(60_000);
    const written: string[] = [];
    for (const what of ['full', 'full', 'lost', 'full']) lines.say(what, (count) => written.push(`${what} ${count}`));
    expect(written).to.deep.equal(['full 1', 'lost 1']);
    lines.flush();
    lines.flush();
    expect(written).to.deep.equal(['full 1', 'lost 1', 'full 2']);
  });

  it('write after a while how often it happened since', async () => {
    const lines = createRareLines(1);
    const written: string[] = [];
    const say = (what: string): void => lines.say('full', (count) => written.push(`${what} ${count}`));
    for (const what of ['a', 'b', 'c']) say(what);
    await until(() => written.length === 2);
    expect(written).to.deep.equal(['a 1', 'c 2']);
  });
});
