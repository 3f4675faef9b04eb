import { randomBytes } from 'node:crypto';
import { expect } from 'chai';
import { createExchangePreparer, type ExchangePreparer } from '#services/gateway/exchange-preparer.ts';
import { type ExchangeQuestion, prepareExchange } from '#services/gateway/prepare-exchange.ts';
import { createPairIdentifier } from '#services/gateway/routing/identify-pair.ts';
import { decodeBody, encodeBody, layOutBody } from '#shared/exchange/exchange.ts';
import { ThreadLostError } from '#shared/threads/ask-thread.ts';
import { answerEvents, chunksOf, recordedAnswer, sseBytes } from '../support/answer-bytes.ts';

const answer = recordedAnswer(chunksOf(sseBytes(answerEvents({ text: 'hello' })), 100, 0.123));

function question(characters: number, pack = true): ExchangeQuestion {
  const content = 'to be or not to be '.repeat(characters / 19);
  const request = Buffer.from(JSON.stringify({ model: 'm', messages: [{ role: 'user', content }] }));
  return { laidOut: layOutBody({ request, answer }), headers: {}, describe: true, identifyIn: 's', pack };
}

describe('preparing exchanges', () => {
  let preparer: ExchangePreparer;
  beforeEach(() => {
    preparer = createExchangePreparer();
  });
  afterEach(() => preparer.close());

  it('gives the same for every size, and the body back as it was', async () => {
    for (const characters of [10, 10_000, 200_000, 2_000_000]) {
      const here = prepareExchange(question(characters), createPairIdentifier());
      const asked = question(characters);
      const prepared = await preparer.prepare(asked);
      expect([prepared.turn, prepared.identity]).to.deep.equal([here.turn, here.identity]);
      expect(prepared.identity?.turnKey).to.match(/^[0-9a-f]{64}$/);
      expect(Buffer.compare(prepared.body, here.body), `${characters} characters`).to.equal(0);
      const { request } = await decodeBody(Buffer.from(prepared.body));
      expect(request.length).to.be.above(characters - 19);
    }
  });

  it('gives a large body away while it is looked at, and back', async () => {
    const asked = question(500_000, false);
    const { length } = asked.laidOut;
    const preparing = preparer.prepare(asked);
    expect(asked.laidOut.length).to.equal(0);
    expect((await preparing).body.length).to.equal(length);
  });

  it('finds no turn in a body that is no request', async () => {
    const laidOut = layOutBody({ request: Buffer.from('x'.repeat(100_000)), answer });
    const asked = { laidOut, headers: {}, describe: true, identifyIn: 's', pack: true };
    const { turn, identity, body } = await preparer.prepare(asked);
    expect([turn, identity, body.length < 1000]).to.deep.equal([null, null, true]);
  });

  it('rejects what it owes when it is closed', async () => {
    const owed = preparer.prepare(question(500_000)).catch((error: unknown) => error);
    await preparer.close();
    expect(await owed).to.be.instanceOf(ThreadLostError);
  });
});

describe('the body of an exchange', () => {
  it('comes back whole, with times to the microsecond', async () => {
    const request = Buffer.from('{"model":"m"}');
    expect(await decodeBody(encodeBody({ request, answer }))).to.deep.equal({ request, answer });
    const empty = { ...answer, chunks: [] };
    expect(await decodeBody(encodeBody({ request: Buffer.alloc(0), answer: empty }))).to.deep.equal({
      request: Buffer.alloc(0),
      answer: empty,
    });
  });

  it('is kept as it is where compression gains nothing', async () => {
    const request = randomBytes(4096);
    const body = encodeBody({ request, answer: { ...answer, chunks: [] } });
    expect([body[0], body.length > 4096]).to.deep.equal([0, true]);
    expect((await decodeBody(body)).request).to.deep.equal(request);
  });
});
