import { getHeapSpaceStatistics, setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { expect } from 'chai';
import { createCallReader } from '#services/gateway/call-reading.ts';
import type { FinishedCall } from '#services/gateway/messages/finished-call.ts';

describe('reading calls', () => {
  const call = (extra: object = {}): FinishedCall =>
    ({ answer: null, request: null, ...extra }) as unknown as FinishedCall;

  it('reads each once, whoever asks, and another reader once more', () => {
    const finished = call();
    const read = createCallReader();
    expect(read(finished)).to.equal(read(finished));
    expect(createCallReader()(finished)).to.not.equal(read(finished));
  });

  it('lets calls that nobody holds go with the next collection of the young heap', () => {
    setFlagsFromString('--expose-gc');
    const collect: (options: { type: 'major' | 'minor' }) => void = runInNewContext('gc');
    const oldBytes = (): number =>
      getHeapSpaceStatistics().find((space) => space.space_name === 'old_space')?.space_used_size ?? 0;
    const read = createCallReader();
    read(call());
    collect({ type: 'major' });
    const before = oldBytes();
    for (let round = 0; round < 20; round++) {
      for (let index = 0; index < 100; index++) read(call({ weight: new Array(500).fill(index) }));
      for (let times = 0; times < 2; times++) collect({ type: 'minor' });
    }
    expect(oldBytes() - before).to.be.below(2 * 1024 * 1024);
  });
});
