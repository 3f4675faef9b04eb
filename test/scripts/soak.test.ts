// What the soak makes of its samples and snapshots, and what it refuses. The soak itself is too long for a test.
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { expect } from 'chai';
import { addUp, growth, totalBytes } from '../../scripts/soak-heap.ts';
import { formatSoak, judgeFlatness } from '../../scripts/soak-report.ts';
import { ROOT } from '../support/read-imports.ts';

/** A snapshot of objects given as type, name and size. */
function snapshot(objects: Array<[type: 'object' | 'string', name: string, size: number]>) {
  const strings = [...new Set(objects.map(([, name]) => name))];
  return {
    snapshot: {
      meta: {
        node_fields: ['type', 'name', 'id', 'self_size'],
        node_types: [['object', 'string'], 'string', 'number', 'number'] as [string[], ...unknown[]],
      },
    },
    nodes: objects.flatMap(([type, name, size], id) => [type === 'object' ? 0 : 1, strings.indexOf(name), id, size]),
    strings,
  };
}

function samples(rssMb: (index: number) => number) {
  return Array.from({ length: 50 }, (_, index) => ({ minute: index, rssMb: rssMb(index) }));
}

describe('the soak', () => {
  it('adds a heap up by kind: objects by name, all else by type', () => {
    const heap = addUp(
      snapshot([
        ['object', 'Socket', 100],
        ['object', 'Socket', 50],
        ['string', 'a text', 8],
        ['string', 'another', 8],
      ]),
    );
    expect([...heap]).to.deep.equal([
      ['Socket', { count: 2, bytes: 150 }],
      ['(string)', { count: 2, bytes: 16 }],
    ]);
    expect(totalBytes(heap)).to.equal(166);
  });

  it('lists what there is more of, most bytes first, and leaves out what shrank or stayed', () => {
    const before = addUp(
      snapshot([
        ['object', 'Gone', 10],
        ['object', 'Same', 10],
        ['object', 'Kept', 10],
      ]),
    );
    const after = addUp(
      snapshot([
        ...(['Same', 'Kept', 'Kept', 'Kept'] as const).map((name): ['object', string, number] => ['object', name, 10]),
        ['object', 'New', 1000],
      ]),
    );
    expect(growth(before, after)).to.deep.equal([
      { kind: 'New', count: 1, bytes: 1000 },
      { kind: 'Kept', count: 2, bytes: 20 },
    ]);
  });

  it('calls memory flat when its last fifth is not above its second, whatever the first did', () => {
    expect(judgeFlatness(samples((index) => (index < 10 ? 500 : 200)))).to.include({ isFlat: true, lateMb: 200 });
    expect(judgeFlatness(samples((index) => 200 + index / 4))).to.include({ isFlat: true });
    expect(judgeFlatness(samples((index) => 200 + 2 * index))).to.include({ isFlat: false });
    expect(judgeFlatness(samples(() => 200).slice(0, 10))).to.equal(null);
  });

  it('writes down verdict, errors and growth', () => {
    const empty = addUp(snapshot([]));
    const page = formatSoak({
      ...{ command: 'scripts/soak', date: '2026-01-02', machine: '2 cores', minutes: 30, loads: ['paced (5 s)'] },
      ...{ samples: samples((index) => 100 + 10 * index), finished: 1234, problems: { 'short answer': 2 } },
      heaps: { before: empty, after: addUp(snapshot([['object', 'a|b', 2048]])) },
    });
    expect(page).to.include('**grows**: 250 MB in the second fifth, 550 MB in the last.');
    expect(page).to.include('1,234 right to the byte; errors: 2 short answer.');
    expect(page).to.include('| `a b` | +1 | +2 |');
  });

  for (const { args, told } of [
    { args: ['--minutes', 'all'], told: /^soak: --minutes all must be a number above 0/ },
    { args: ['--hours', '1'], told: /^soak: .*--hours/ },
  ]) {
    it(`refuses ${args.join(' ')} with 2`, () => {
      const done = spawnSync(process.execPath, ['--conditions=source', join(ROOT, 'scripts/soak.ts'), ...args], {
        encoding: 'utf8',
        timeout: 20_000,
      });
      expect(done.stderr).to.match(told);
      expect(done).to.include({ status: 2, stdout: '' });
    });
  }
});
