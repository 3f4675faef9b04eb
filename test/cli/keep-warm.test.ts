import { spawnSync } from 'node:child_process';
import { expect } from 'chai';
import { AFTERWARDS, keepWarm, WARM_FLAGS, warmFlags } from '#services/cli/keep-warm.ts';
import { holdTimers } from '../support/held-timers.ts';

const MB = 1024 * 1024;

describe('what keeps a gateway warm', () => {
  it('is made of switches that this engine has, with values that it takes', () => {
    const listed = spawnSync(process.execPath, ['--v8-options'], { encoding: 'utf8' }).stdout;
    for (const flag of [AFTERWARDS, ...WARM_FLAGS]) expect(listed, flag).to.include(` ${flag.split('=')[0]} (`);
    const started = spawnSync(process.execPath, [...warmFlags([], 0), AFTERWARDS, '--eval', '0'], { encoding: 'utf8' });
    expect([started.status, started.stdout, started.stderr]).to.deep.equal([0, '', '']);
  });

  it('leaves a switch as the user gave it', () => {
    const [first, ...others] = WARM_FLAGS;
    const name = first?.split('=')[0] ?? '';
    for (const given of [`${name}=7`, `--${name.slice(2).replaceAll('-', '_')}=7`]) {
      expect(warmFlags(['--enable-source-maps', given], 0).slice(1)).to.deep.equal(others);
    }
  });

  it('gives nothing back for five minutes, and then does', () => {
    const timers = holdTimers();
    const set: string[] = [];
    try {
      keepWarm((flag) => set.push(flag));
      const atFirst = `--no-${AFTERWARDS.slice(2)}`;
      expect(set).to.deep.equal([atFirst, ...WARM_FLAGS]);
      timers.pass(299_999);
      expect(set).to.not.include(AFTERWARDS);
      timers.pass(1);
      expect(set.slice(1)).to.deep.equal([...WARM_FLAGS, AFTERWARDS]);
      for (const given of [AFTERWARDS, atFirst, '--memory_reducer_favors_memory'])
        expect(warmFlags([given], 0)).to.deep.equal(WARM_FLAGS);
    } finally {
      timers.release();
    }
  });

  it('is left out where there is little memory', () => {
    expect(warmFlags([], 511 * MB)).to.deep.equal([]);
    for (const room of [0, 512 * MB, 2 ** 63]) expect(warmFlags([], room)).to.include.members([...WARM_FLAGS]);
  });
});
