import { expect } from 'chai';
import { endWorkers } from '#services/cli/workers/run-workers.ts';

describe('the end of workers', () => {
  function worker(endsAt: 'stop' | 'kill') {
    const told: string[] = [];
    const end = Promise.withResolvers<number>();
    const hear = (what: 'stop' | 'kill') => () => {
      told.push(what);
      if (what === endsAt) end.resolve(0);
    };
    return { told, exited: end.promise, stop: hear('stop'), kill: hear('kill') };
  }

  it('waits for each that ends by itself, and kills the one that hangs', async () => {
    const [good, hung] = [worker('stop'), worker('kill')];
    const lines: unknown[] = [];
    const log = { error: (event: string, fields: unknown) => lines.push([event, fields]) };
    const members = new Map([good, hung].map((member, index) => [index + 1, member]));
    await endWorkers(members, 20, log);
    expect(good.told).to.deep.equal(['stop']);
    expect(hung.told).to.deep.equal(['stop', 'kill']);
    expect(lines).to.deep.equal([['worker.killed', { worker: 2, limitMs: 20 }]]);
  });
});
