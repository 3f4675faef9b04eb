import { spawnSync } from 'node:child_process';
import { mock } from 'node:test';
import { expect } from 'chai';
import { forgettingFlag, keepWarm, WARM_FLAGS, warmFlags } from '#services/cli/keep-warm.ts';

const MB = 1024 * 1024;

describe('what keeps a gateway warm', () => {
  it('is made of switches that this engine has, with values that it takes', () => {
    const listed = spawnSync(process.execPath, ['--v8-options'], { encoding: 'utf8' }).stdout;
    for (const flag of [forgettingFlag(Number.POSITIVE_INFINITY, 0), ...WARM_FLAGS])
      expect(listed, flag).to.include(` ${flag.split('=')[0]} (`);
    const started = spawnSync(process.execPath, [...warmFlags([], 0), '--eval', '0'], { encoding: 'utf8' });
    expect([started.status, started.stdout, started.stderr]).to.deep.equal([0, '', '']);
  });

  it('leaves a switch as the user gave it', () => {
    const [first, ...others] = WARM_FLAGS;
    const name = first?.split('=')[0] ?? '';
    for (const given of [`${name}=7`, `--${name.slice(2).replaceAll('-', '_')}=7`]) {
      expect(warmFlags(['--enable-source-maps', given], 0).slice(0, -1)).to.deep.equal(others);
    }
  });

  it('gives memory back where the process takes much, or half of what it may', () => {
    const [keeps, gives] = ['--no-memory-reducer-favors-memory', '--memory-reducer-favors-memory'];
    for (const room of [0, 1536 * MB, 2 ** 63]) {
      expect([forgettingFlag(768 * MB, room), forgettingFlag(768 * MB + 1, room)]).to.deep.equal([keeps, gives]);
    }
    expect([forgettingFlag(512 * MB, 1024 * MB), forgettingFlag(512 * MB + 1, 1024 * MB)]).to.deep.equal([
      keeps,
      gives,
    ]);
    for (const given of [keeps, gives, '--memory_reducer_favors_memory'])
      expect(warmFlags([given], 0)).to.deep.equal(WARM_FLAGS);
  });

  it('is looked after each minute', () => {
    const set: string[] = [];
    mock.timers.enable({ apis: ['setInterval'] });
    try {
      keepWarm((flag) => set.push(flag));
      expect(set).to.deep.equal([...WARM_FLAGS, '--no-memory-reducer-favors-memory']);
      mock.timers.tick(60_000);
      expect(set[WARM_FLAGS.length + 1]).to.match(/^--(no-)?memory-reducer-favors-memory$/);
    } finally {
      mock.timers.reset();
    }
  });

  it('is left out where there is little memory', () => {
    expect(warmFlags([], 511 * MB)).to.deep.equal([]);
    for (const room of [0, 512 * MB, 2 ** 63]) expect(warmFlags([], room)).to.include.members([...WARM_FLAGS]);
  });
});
