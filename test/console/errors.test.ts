// Errors by their cause, from the gateway's answers to the console's list.
import { expect } from 'chai';
import request from 'supertest';
import { type CompareBed, startCompareBed } from '../support/compare-bed.ts';

interface ErrorList {
  data: Array<{
    fingerprint: string;
    error_code: string;
    provider: string;
    route: string;
    count: number;
    first_at: string;
    last_at: string;
    sample_id: string;
  }>;
  next_cursor: null;
}

describe('GET /api/errors', () => {
  let bed: CompareBed;
  before(async () => {
    bed = await startCompareBed({ default_mode: 'target' });
  });
  after(() => bed.stop());

  const list = (query: Record<string, string> = {}) => request(bed.started.consoleUrl).get('/api/errors').query(query);

  it('S4-26 counts what clients were refused by its cause, with the first, the last and one to look at', async () => {
    const ids: string[] = [];
    for (const scene of ['error-529', 'error-529', 'error-429'] as const) {
      bed.secondary.use(scene);
      const { id } = await bed.ask();
      await bed.settled(id);
      ids.push(id);
    }
    bed.secondary.use('text');
    await bed.settled((await bed.ask()).id);

    const { body } = (await list().expect(200)) as { body: ErrorList };
    expect(body.next_cursor).to.equal(null);
    expect(body.data.map(({ error_code, count, sample_id }) => [error_code, count, sample_id])).to.deep.equal([
      ['overloaded_error', 2, ids[1]],
      ['rate_limit_error', 1, ids[2]],
    ]);
    const [group] = body.data;
    expect(group?.fingerprint).to.match(/^[0-9a-f]{16}$/);
    expect(group).to.include({ provider: 'target', route: 'forced' });
    const [first, last] = await Promise.all([bed.exchange(ids[0] ?? ''), bed.exchange(ids[1] ?? '')]);
    expect([group?.first_at, group?.last_at]).to.deep.equal([first?.started_at, last?.started_at]);
    const again = (await list({ error_code: 'overloaded_error' }).expect(200)) as { body: ErrorList };
    expect(again.body.data.map(({ fingerprint }) => fingerprint)).to.deep.equal([group?.fingerprint]);
  });

  it('S4-26 tells a refused key of the gateway from what upstreams refuse, and makes no row of their own words', async () => {
    const since = new Date().toISOString();
    bed.secondary.use('error-401');
    await bed.settled((await bed.ask()).id);
    for (const type of ['PROMPTWORD-0.60', 'PROMPTWORD-0.61', 'PROMPTWORD-0.62']) {
      bed.secondary.use({ status: 400, error: { type, message: 'no' } });
      await bed.settled((await bed.ask()).id);
    }
    const { body } = (await list({ since }).expect(200)) as { body: ErrorList };
    expect(body.data.map(({ error_code, count }) => [error_code, count])).to.deep.equal([
      ['invalid_request_error', 3],
      ['credential_refused', 1],
    ]);
  });

  for (const [query, named] of [
    [{ since: 'yesterday-ish' }, 'since'],
    [{ cursor: 'abc' }, 'cursor'],
    [{ limit: '0' }, 'limit'],
    [{ colour: 'red' }, 'colour'],
  ] as Array<[Record<string, string>, string]>) {
    it(`refuses ${JSON.stringify(query)} by name`, async () => {
      const { body } = await list(query).expect(400);
      expect(body.error.message).to.include(named);
    });
  }
});
