import { setImmediate as nextTurn } from 'node:timers/promises';
import { expect } from 'chai';
import type { Publication, PublishResult } from '#shared/bus/bus.ts';
import { createPublicationGatherer } from '#shared/bus/gather-publications.ts';

const publication = (id: string, bodyBytes = 0): Publication => ({
  id,
  fields: {},
  body: bodyBytes === 0 ? null : Buffer.alloc(bodyBytes),
  pairs: 0,
});

describe('publications of turns of the event loop that follow each other', () => {
  let sent: string[][];
  const gather = (resultOf: (id: string) => PublishResult | 'repeated' = () => 'ok') => {
    sent = [];
    return createPublicationGatherer(async (publications) => {
      sent.push(publications.map(({ id }) => id));
      return publications.map(({ id }) => resultOf(id));
    });
  };

  it('go together, and each is told what became of it', async () => {
    const publish = gather((id) => (id === 'b' ? 'repeated' : 'ok'));
    const results = await Promise.all(['a', 'b', 'c'].map((id) => publish(publication(id))));
    expect(results).to.deep.equal(['ok', 'repeated', 'ok']);
    expect(sent).to.deep.equal([['a', 'b', 'c']]);
  });

  it('go together also where promises come between them', async () => {
    const publish = gather();
    const later = Promise.resolve().then(() => publish(publication('b')));
    await Promise.all([publish(publication('a')), later]);
    await publish(publication('c'));
    expect(sent).to.deep.equal([['a', 'b'], ['c']]);
  });

  it('go together until a turn brings no more', async () => {
    const publish = gather();
    const results = [publish(publication('a'))];
    for (const id of ['b', 'c']) {
      await nextTurn();
      results.push(publish(publication(id)));
    }
    expect(sent).to.deep.equal([]);
    await Promise.all(results);
    expect(sent).to.deep.equal([['a', 'b', 'c']]);
  });

  it('wait for no more once they are large or many, or have waited for four turns', async () => {
    for (const [most, aTurn, bodyBytes] of [
      [2, 1, 512 * 1024],
      [64, 32, 0],
      [4, 1, 0],
    ] as const) {
      const publish = gather();
      for (let turn = 0; sent.length === 0 && turn < 5; turn++) {
        for (let id = 0; id < aTurn; id++) void publish(publication(`${turn} ${id}`, bodyBytes));
        await nextTurn();
      }
      expect(sent[0]).to.have.length(most);
    }
  });

  it('are parted where they are large or many', async () => {
    const publish = gather();
    const half = 512 * 1024;
    await Promise.all(['a', 'b', 'c'].map((id) => publish(publication(id, half))));
    await publish(publication('large', 4 * half));
    expect(sent).to.deep.equal([['a', 'b'], ['c'], ['large']]);
    sent.length = 0;
    await Promise.all(Array.from({ length: 65 }, (_, index) => publish(publication(String(index)))));
    expect(sent.map(({ length }) => length)).to.deep.equal([64, 1]);
  });
});
