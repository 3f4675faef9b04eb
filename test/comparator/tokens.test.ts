// A secondary model that is asked with a token, beside a gateway in the same process that has the same source.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import type { ExchangeDetail, PairRow } from '#shared/store/store.ts';
import { ANSWER, startCompareBed } from '../support/compare-bed.ts';
import { until } from '../support/gateway.ts';

describe('a secondary with a token', () => {
  it('S2-28 is not asked while there is none, which the pair says and nobody holds against it', async () => {
    const bed = await startCompareBed({
      'tokens.t.file': '/nonexistent/token',
      'tokens.t.hosts': ['127.0.0.1'],
      'target.token': 't',
    });
    try {
      bed.primary.use(ANSWER);
      const { id } = await bed.ask();
      const { pairs, reason } = await bed.settled(id);
      expect(reason).to.equal('no_credential');
      expect(pairs.map(({ status, verdict, secondary }) => [status, verdict, secondary])).to.deep.equal([
        ['orphan', 'orphan', null],
      ]);
      expect(bed.secondary.seen()).to.deep.equal([]);
      await bed.expectAccounted(1);
    } finally {
      await bed.stop();
    }
  }).timeout(20_000);

  it('S2-28 is asked with it, has it renewed on a 401, and leaves it in no row', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'cc-proxy-tokens-'));
    const path = join(folder, 'token');
    const reads = join(folder, 'reads');
    writeFileSync(path, 'expired.canary');
    const script = `const fs = require('fs'); fs.appendFileSync(${JSON.stringify(reads)}, 'r'); console.log(fs.readFileSync(${JSON.stringify(path)}, 'utf8'))`;
    const bed = await startCompareBed({
      'tokens.t.command': [process.execPath, '-e', script],
      'tokens.t.hosts': ['127.0.0.1'],
      'target.token': 't',
    });
    try {
      expect(readFileSync(reads, 'utf8'), 'one source for both services').to.equal('r');
      bed.primary.use(ANSWER);
      bed.secondary.use({ status: 401, error: { message: 'expired.canary is not valid' } });
      writeFileSync(path, 'renewed.canary');
      await bed.ask();
      await bed.expectAccounted(1);
      await until(() => readFileSync(reads, 'utf8') === 'rr');
      bed.secondary.use(ANSWER);
      let turns = 1;
      await until(async () => {
        await bed.ask();
        await bed.expectAccounted(++turns);
        return bed.secondary.seen().at(-1)?.headers.authorization === 'Bearer renewed.canary';
      });
      expect(bed.secondary.seen()[0]?.headers.authorization).to.equal('Bearer expired.canary');
      expect(bed.primary.seen().every(({ headers }) => headers.authorization === undefined)).to.equal(true);
      const pairs = await bed.all<PairRow>('/api/pairs');
      const history = await bed.all<ExchangeDetail>('/api/history');
      expect(JSON.stringify([pairs, history])).to.not.include('canary');
      expect(pairs.map(({ secondary }) => secondary?.http_status)).to.include.members([401, 200]);
    } finally {
      await bed.stop();
      rmSync(folder, { recursive: true, force: true });
    }
  }).timeout(20_000);
});
