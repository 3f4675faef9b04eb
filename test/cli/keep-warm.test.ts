import { spawnSync } from 'node:child_process';
import { expect } from 'chai';
import { WARM_FLAGS } from '#services/cli/keep-warm.ts';

describe('what keeps a gateway warm', () => {
  it('is made of switches that this engine has, with values that it takes', () => {
    const listed = spawnSync(process.execPath, ['--v8-options'], { encoding: 'utf8' }).stdout;
    for (const flag of WARM_FLAGS) expect(listed, flag).to.include(` ${flag.split('=')[0]} (`);
    const started = spawnSync(process.execPath, [...WARM_FLAGS, '--eval', '0'], { encoding: 'utf8' });
    expect([started.status, started.stdout, started.stderr]).to.deep.equal([0, '', '']);
  });
});
