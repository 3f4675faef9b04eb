// Large exchanges are read in a thread: they become the same rows, stop nobody, and survive the thread's death.
import { expect } from 'chai';
import { createExchangeReader } from '#services/console/history/read-exchanges.ts';
import { EXCHANGE_VERSION, isSchemaError } from '#shared/exchange/exchange.ts';
import { ThreadLostError } from '#shared/threads/ask-thread.ts';
import { answer, ConsoleBed, entry, publication } from './console-bed.ts';

const SETTINGS = { captureLevel: 'redacted', prices: {}, redaction: { hmacKey: 'test' } } as const;

/** As an agent's long session: tool calls and results, with addresses in them. */
function longRequest(bytes: number): { model: string; messages: unknown[] } {
  const messages: unknown[] = [];
  for (let index = 0; index * 2_600 < bytes; index++) {
    const text = `const a${index} = f(b); // by user${index}@example.com\n`.repeat(50);
    messages.push({ role: index % 2 ? 'assistant' : 'user', content: [{ type: 'text', text }] });
  }
  return { model: 'claude-opus-4-5', messages };
}

describe('large exchanges', () => {
  let bed: ConsoleBed;
  beforeEach(() => {
    bed = new ConsoleBed();
  });
  afterEach(() => bed.end());

  it('become the row that a small one becomes', async () => {
    const reader = createExchangeReader(SETTINGS);
    const request = longRequest(200_000);
    const one = entry({ requestBytes: 200_000 });
    const { body } = await publication(one, request, answer('mail me@example.com'));
    if (body === null) throw new Error('no body');
    const large = await reader.toRow(one, body);
    const small = await reader.toRow({ ...one, requestBytes: 1 }, body);
    await reader.close();
    expect(large).to.deep.equal(small);
    expect(JSON.stringify(large)).to.contain('[[secret:').and.to.not.contain('@example.com');
    expect(body.length, 'the body was given away').to.be.greaterThan(0);
  });

  it('are stored with their texts', async function () {
    this.timeout(20_000);
    const request = longRequest(8_000_000);
    const one = entry({ requestBytes: 8_000_000 });
    await bed.start();
    await bed.bus.publish(await publication(one, request));
    await bed.settled();
    const row = await bed.store.exchange(one.id);
    expect(row?.request).to.have.property('messages').with.length(request.messages.length);
    expect(row?.response).to.have.property('id', 'msg_1');
  });

  it('are tried again when the thread died with them, and none is lost', async () => {
    const reader = createExchangeReader(SETTINGS);
    let deaths = 1;
    await bed.start(
      {},
      {
        exchanges: {
          ...reader,
          toRow: async (one, body) => {
            if (deaths-- > 0) throw new ThreadLostError('it ended');
            return reader.toRow(one, body);
          },
        },
      },
    );
    const one = entry({ requestBytes: 100_000 });
    await bed.bus.publish(await publication(one, longRequest(100_000)));
    await bed.settled();
    expect((await bed.store.exchange(one.id))?.request).to.have.property('messages');
    expect([await bed.count('failed'), await bed.count('stored'), await bed.count('dead')]).to.deep.equal([1, 1, 0]);
  });

  it('of a newer version are refused for their schema, whichever thread meets them', async () => {
    const reader = createExchangeReader(SETTINGS);
    const one = entry({ requestBytes: 100_000, v: EXCHANGE_VERSION });
    const error = await reader.toRow(one, Buffer.from([9, 9, 9])).catch((thrown: unknown) => thrown);
    await reader.close();
    expect(isSchemaError(error)).to.equal(true);
  });
});
