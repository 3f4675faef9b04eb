import { spawnSync } from 'node:child_process';
import { expect } from 'chai';
import { THEN, WARM_FLAGS, warmFlags } from '#services/cli/keep-warm.ts';

const MB = 1024 * 1024;

describe('what keeps a gateway warm', () => {
  it('is made of switches that this engine has, with values that it takes', () => {
    const listed = spawnSync(process.execPath, ['--v8-options'], { encoding: 'utf8' }).stdout;
    for (const flag of [THEN, ...WARM_FLAGS]) expect(listed, flag).to.include(` ${flag.split('=')[0]} (`);
    const started = spawnSync(process.execPath, [...warmFlags([], 0), THEN, '--eval', '0'], { encoding: 'utf8' });
    expect([started.status, started.stdout, started.stderr]).to.deep.equal([0, '', '']);
  });

  it('leaves a switch as the user gave it', () => {
    const [first, ...others] = WARM_FLAGS;
    const name = first?.split('=')[0] ?? '';
    for (const given of [`${name}=7`, `--${name.slice(2).replaceAll('-', '_')}=7`]) {
      expect(warmFlags(['--enable-source-maps', given], 0).slice(1)).to.deep.equal(others);
    }
  });

  it('gives nothing back for the first minutes, and then does', () => {
    const [atFirst, ...others] = warmFlags([], 0);
    expect([atFirst, others]).to.deep.equal([`--no-${THEN.slice(2)}`, WARM_FLAGS]);
    for (const given of [THEN, `${atFirst}`, '--memory_reducer_favors_memory'])
      expect(warmFlags([given], 0)).to.deep.equal(WARM_FLAGS);
  });

  it('is left out where there is little memory', () => {
    expect(warmFlags([], 511 * MB)).to.deep.equal([]);
    for (const room of [0, 512 * MB, 2 ** 63]) expect(warmFlags([], room)).to.include.members([...WARM_FLAGS]);
  });
});
