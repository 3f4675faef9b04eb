import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import fc from 'fast-check';
import { cut, REPLY } from '../../support/replies/arbitrary-replies.ts';
import { askBoth, difference } from '../../support/replies/compare-legs.ts';
import { type Reply, type ReplyPlayer, startReplyPlayer } from '../../support/replies/play-replies.ts';

const CASES = 700;
const STREAMS = join(import.meta.dirname, '../../fixtures/anthropic/streams');

const HEAD = 'HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n';
const CHUNKED = `${HEAD}transfer-encoding: chunked\r\n\r\n`;
const REPLIES: Array<[name: string, text: string, ending?: Reply['ending']]> = [
  ['counted', `${HEAD}content-length: 5\r\n\r\nhello`],
  ['counted and empty', `${HEAD}content-length: 0\r\n\r\n`],
  ['counted and cut off', `${HEAD}content-length: 5\r\n\r\nhel`, 'close'],
  ['counted and reset', `${HEAD}content-length: 5\r\n\r\nhel`, 'reset'],
  ['counted, with more than was counted', `${HEAD}content-length: 3\r\n\r\nabcHTTP/1.1 200 OK\r\n\r\n`],
  ['chunked', `${CHUNKED}5\r\nhello\r\n0B\r\n, wide\r\nw!!\r\n0\r\n\r\n`],
  ['chunked and empty', `${CHUNKED}0\r\n\r\n`],
  ['chunked and cut off', `${CHUNKED}5\r\nhello\r\n5\r\nwo`, 'close'],
  ['chunked and reset', `${CHUNKED}5\r\nhello\r\n`, 'reset'],
  ['chunked without a last chunk', `${CHUNKED}5\r\nhello\r\n`, 'close'],
  [
    'chunked, and closed',
    'HTTP/1.1 200 OK\r\nconnection: close\r\ntransfer-encoding: chunked\r\n\r\n1\r\na\r\n0\r\n\r\n',
    'close',
  ],
  ['a chunk extension', `${CHUNKED}5;a=b\r\nhello\r\n3\r\nabc\r\n0;c\r\n\r\n`],
  ['a chunk extension later', `${CHUNKED}5\r\nhello\r\n3;"x\r\nabc\r\n0\r\n\r\n`],
  ['trailers', `${CHUNKED}5\r\nhello\r\n0\r\nx-sum: 1\r\n\r\n`],
  ['a size of too many digits', `${CHUNKED}5\r\nhello\r\n00000000000003\r\nabc\r\n0\r\n\r\n`],
  ['a size that overflows', `${CHUNKED}5\r\nhello\r\n10000000000000003\r\nabc\r\n0\r\n\r\n`],
  ['a size that is none', `${CHUNKED}5\r\nhello\r\nxyz\r\nabc\r\n0\r\n\r\n`],
  ['a size with a minus', `${CHUNKED}-5\r\nhello\r\n0\r\n\r\n`],
  ['no size', `${CHUNKED}5\r\nhello\r\n\r\nabc\r\n0\r\n\r\n`],
  ['a bare LF after a size', `${CHUNKED}5\nhello\r\n0\r\n\r\n`],
  ['a bare LF after a chunk', `${CHUNKED}5\r\nhello\n0\r\n\r\n`],
  ['another line end after a chunk', `${CHUNKED}5\r\nhello\n\n0\r\n\r\n`],
  ['half a line end after a chunk', `${CHUNKED}5\r\nhello\rX0\r\n\r\n`],
  ['a bare LF in a last size', `${CHUNKED}5\r\nhello\r\n0\n\r\n`],
  ['a chunk longer than its size', `${CHUNKED}5\r\nhello!\r\n0\r\n\r\n`],
  ['a bare LF at the end', `${CHUNKED}5\r\nhello\r\n0\r\n\n`],
  ['until the end of the connection', `${HEAD}\r\nhello`, 'close'],
  ['HTTP/1.0', 'HTTP/1.0 200 OK\r\n\r\nhello', 'close'],
  ['100 Continue', `HTTP/1.1 100 Continue\r\n\r\n${HEAD}content-length: 1\r\n\r\na`],
  ['early hints', `HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n${HEAD}content-length: 1\r\n\r\na`],
  ['an upgrade', 'HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\nab'],
  ['no content', 'HTTP/1.1 204 No Content\r\n\r\n'],
  ['no content, chunked', 'HTTP/1.1 204 No Content\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n'],
  ['early hints, chunked', 'HTTP/1.1 103 Early Hints\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n'],
  ['not modified, with a length', 'HTTP/1.1 304 Not Modified\r\ncontent-length: 5\r\n\r\n'],
  ['both lengths', `${HEAD}content-length: 5\r\ntransfer-encoding: chunked\r\n\r\n1\r\na\r\n0\r\n\r\n`],
  ['two lengths', `${HEAD}content-length: 1\r\ncontent-length: 2\r\n\r\nab`],
  ['the same length twice', `${HEAD}content-length: 1\r\nContent-Length: 1\r\n\r\na`],
  ['a length with a sign', `${HEAD}content-length: +1\r\n\r\na`],
  ['a length beyond all bounds', `${HEAD}content-length: 99999999999999999999\r\n\r\na`, 'close'],
  ['another coding', `${HEAD}transfer-encoding: gzip, chunked\r\n\r\n1\r\na\r\n0\r\n\r\n`],
  ['chunked before another coding', `${HEAD}transfer-encoding: chunked, gzip\r\n\r\n1\r\na\r\n0\r\n\r\n`, 'close'],
  ['two codings', `${HEAD}transfer-encoding: chunked\r\ntransfer-encoding: chunked\r\n\r\n1\r\na\r\n0\r\n\r\n`],
  ['folding', `${HEAD}x: a\r\n b\r\ncontent-length: 1\r\n\r\na`],
  ['NUL in a header', `${HEAD}x: a\0b\r\ncontent-length: 1\r\n\r\na`],
  ['a space before the colon', `${HEAD}content-length : 1\r\n\r\na`],
  ['spaces around a value', `${HEAD}x:  \t a \t \r\ncontent-length: 1\r\n\r\na`],
  ['an empty value', `${HEAD}x:\r\ny: \r\ncontent-length: 1\r\n\r\na`],
  ['values beyond ASCII', `${HEAD}x: gr\u00fc\u00df\u00a0e\r\ncontent-length: 1\r\n\r\na`],
  ['bare LF in the head', 'HTTP/1.1 200 OK\ncontent-length: 1\n\na'],
  ['a bare CR in the head', `${HEAD}x: a\rb\r\ncontent-length: 1\r\n\r\na`],
  ['an empty line first', `\r\n${HEAD}content-length: 1\r\n\r\na`],
  ['no reason', 'HTTP/1.1 529\r\ncontent-length: 1\r\n\r\na'],
  ['no HTTP', 'SSH-2.0-OpenSSH_9.6\r\n\r\n'],
  ['a head cut off', 'HTTP/1.1 200 OK\r\ncontent-le', 'close'],
  ['nothing', '', 'close'],
];

describe('replies with the short cut past undici and without', () => {
  let player: ReplyPlayer;
  before(async () => {
    player = await startReplyPlayer();
  });
  after(() => player.stop());

  async function expectSame(replies: Reply[]): Promise<void> {
    await askBoth(player, replies, (own, undicis, reply) => expect(difference(own, undicis, reply)).to.equal(null));
  }

  for (const [name, text, ending = 'keep'] of REPLIES) {
    it(`are the same, cut anywhere: ${name}`, async () => {
      const bytes = Buffer.from(text, 'latin1');
      const after: Reply = { pieces: [Buffer.from(`${HEAD}content-length: 4\r\n\r\nnext`)], ending: 'keep' };
      const bodyAt = Math.max(0, text.indexOf('\r\n\r\n'));
      // A head in pieces, and all after it, is undici's on both sides.
      const single = [...bytes.keys()].filter((place) => place >= bodyAt || place % 9 === 0).map((place) => [place]);
      for (const places of [[], [...bytes.keys()], ...single]) {
        await expectSame([{ pieces: cut(bytes, places), ending }, after]);
      }
    }).timeout(20_000);
  }

  it('are the same for every recorded stream, in chunks of any size', async () => {
    for (const file of readdirSync(STREAMS)) {
      const payload = readFileSync(join(STREAMS, file));
      for (const size of [1, 100, 5000]) {
        const chunks = Array.from({ length: Math.ceil(payload.length / size) }, (_, index) => {
          const chunk = payload.subarray(index * size, (index + 1) * size);
          return Buffer.concat([Buffer.from(`${chunk.length.toString(16)}\r\n`), chunk, Buffer.from('\r\n')]);
        });
        const bytes = Buffer.concat([Buffer.from(CHUNKED), ...chunks, Buffer.from('0\r\n\r\n')]);
        await expectSame([{ pieces: cut(bytes, [70, 71, 1000, 3001, 7777]), ending: 'keep' }]);
      }
    }
  }).timeout(20_000);

  it('are the same whatever comes, and so is the reply after it', async () => {
    const property = fc.asyncProperty(fc.array(REPLY, { minLength: 1, maxLength: 4 }), expectSame);
    await fc.assert(property, { numRuns: CASES });
  }).timeout(60_000);
});
