import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { createFileControl } from '#shared/control/file-control.ts';
import { describeControl, ONE, until } from '../../contract/control.contract.ts';
import { holdTimers } from '../../support/held-timers.ts';

describeControl('files', async () => {
  const root = await mkdtemp(join(tmpdir(), 'ccproxy-control-'));
  let folder = join(root, '0');
  let tests = 0;
  return {
    open: () => createFileControl({ folder }),
    clear: async () => {
      tests += 1;
      folder = join(root, String(tests));
    },
    end: () => rm(root, { recursive: true, force: true }),
  };
});

describe('control over files: the files', () => {
  let folder: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'ccproxy-control-'));
  });
  afterEach(() => rm(folder, { recursive: true, force: true }));

  it('are readable by their owner alone, and no drafts stay behind', async () => {
    const control = createFileControl({ folder });
    await control.set('mode', '"a"');
    await control.addStats(ONE);
    await control.close();
    const files = await readdir(folder);
    expect(files.sort()).to.deep.equal(['mode.json', 'stats.json']);
    for (const file of files) expect((await stat(join(folder, file))).mode & 0o777).to.equal(0o600);
  });

  it('hold the last of many values set at once', async () => {
    const control = createFileControl({ folder });
    await Promise.all(Array.from({ length: 20 }, (_, n) => control.set('mode', String(n))));
    expect(await control.get('mode')).to.equal('19');
    await control.close();
  });

  it('get the statistics by themselves, in one write for many additions', async () => {
    const control = createFileControl({ folder });
    const timers = holdTimers(1000);
    try {
      for (let n = 0; n < 50; n += 1) await control.addStats(ONE);
      expect(await readdir(folder)).to.deep.equal([]);
      timers.pass(1000);
    } finally {
      timers.release();
    }
    await until(async () => (await readdir(folder)).includes('stats.json'));
    const kept = JSON.parse(await readFile(join(folder, 'stats.json'), 'utf8'));
    expect(kept).to.deep.include({ total_requests: 50, input_tokens: 500 });
    await control.close();
  });

  it('are reported when damaged, and counting starts anew', async () => {
    await writeFile(join(folder, 'stats.json'), '{"total_requests": 12');
    const troubles: string[] = [];
    const control = createFileControl({ folder, onTrouble: (what) => troubles.push(what) });
    await control.addStats(ONE);
    expect(await control.readStats()).to.deep.include({ total_requests: 1 });
    expect(troubles.join()).to.include('stats.json');
    await control.close();
  });

  it('that cannot be written fail the set and keep the statistics for later', async () => {
    const troubles: string[] = [];
    const control = createFileControl({ folder, onTrouble: (what) => troubles.push(what) });
    await control.addStats(ONE);
    await rm(folder, { recursive: true });
    await writeFile(folder, 'a file in the way of the folder');
    let failure: unknown;
    await control.set('mode', '"a"').catch((error: unknown) => {
      failure = error;
    });
    expect(failure).to.be.instanceOf(Error);
    await control.close();
    expect(troubles.join()).to.include('stats.json could not be written');
    await rm(folder);
    await control.close();
    expect(JSON.parse(await readFile(join(folder, 'stats.json'), 'utf8'))).to.deep.include({ total_requests: 1 });
  });
});
