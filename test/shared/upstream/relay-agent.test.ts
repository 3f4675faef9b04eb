import { once } from 'node:events';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { createServer as createTlsServer, getCACertificates, setDefaultCACertificates } from 'node:tls';
import { expect } from 'chai';
import type { Dispatcher } from 'undici';
import { byteKernel } from '#shared/simd/byte-kernel.ts';
import { createAgent } from '#shared/upstream/agent.ts';
import { callUpstream } from '#shared/upstream/call-upstream.ts';
import { createRelayAgent } from '#shared/upstream/relay-agent.ts';
import type { ReplyHandler, UpstreamAgent, UpstreamRequestOptions } from '#shared/upstream/upstream-agent.ts';
import { untilForgotten } from '../../support/collect-garbage.ts';
import { until } from '../../support/gateway.ts';
import { cut } from '../../support/replies/arbitrary-replies.ts';
import { type Reply, type ReplyPlayer, startReplyPlayer } from '../../support/replies/play-replies.ts';
import { makeSelfSigned } from '../../support/self-signed.ts';

const CHUNKED = 'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n';
const OK = 'HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok';
const reply = (text: string, ending: Reply['ending'] = 'keep', ...places: number[]): Reply => ({
  pieces: cut(Buffer.from(text, 'latin1'), places),
  ending,
});

interface Call {
  controller: Dispatcher.DispatchController;
  status: number;
  body: string;
  error: Error | null;
  isOver: boolean;
}

function call(
  leg: UpstreamAgent,
  request: Partial<UpstreamRequestOptions> & { origin: string },
  handler: Partial<ReplyHandler> = {},
): Call {
  const seen: Partial<Call> = { status: 0, body: '', error: null, isOver: false };
  leg.dispatch(
    { path: '/', method: 'POST', headers: [], body: Buffer.from('{}'), headersTimeout: 0, bodyTimeout: 0, ...request },
    {
      onRequestStart: (controller) => Object.assign(seen, { controller }),
      onResponseStart: (_controller, status) => Object.assign(seen, { status }),
      onResponseData: (_controller, chunk) => Object.assign(seen, { body: seen.body + chunk.toString('latin1') }),
      onResponseEnd: () => Object.assign(seen, { isOver: true }),
      onResponseError: (_controller, error) => Object.assign(seen, { isOver: true, error }),
      ...handler,
    },
  );
  return seen as Call;
}

async function turns(count: number): Promise<void> {
  for (let turn = 0; turn < count; turn++) await new Promise((resolve) => setImmediate(resolve));
}

async function finished(begun: Call): Promise<Call> {
  await until(() => begun.isOver);
  return begun;
}

describe('undici with a short cut for chunks', () => {
  let player: ReplyPlayer;
  let undici: UpstreamAgent;
  let own: UpstreamAgent;
  const opened: Array<Server | Socket> = [];

  beforeEach(async () => {
    player = await startReplyPlayer();
    undici = createAgent(5000);
    own = createRelayAgent({ connectTimeoutMs: 5000 });
  });
  afterEach(async () => {
    await Promise.all([own.destroy(), undici.destroy(), player.stop()]);
    for (const part of opened.splice(0)) 'destroy' in part ? part.destroy() : part.close();
  });

  /** A server that does with each connection as the test says. */
  async function serve(onSocket: (socket: Socket) => void): Promise<string> {
    const server = createServer((socket) => {
      opened.push(socket);
      socket.on('error', () => {});
      onSocket(socket);
    });
    return listen(server);
  }

  async function listen(server: Server): Promise<string> {
    opened.push(server);
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return `127.0.0.1:${(server.address() as AddressInfo).port}`;
  }

  it('holds nothing of a call that is over on the connection that waits for the next', async () => {
    const address = await serve((socket) =>
      socket.on('data', (bytes) => {
        if (bytes.includes('end')) socket.write(OK);
      }),
    );
    const ask = async (): Promise<WeakRef<Buffer>> => {
      const body = Buffer.from(`${'x'.repeat(100_000)}end`);
      await finished(call(own, { origin: `http://${address}`, body }));
      return new WeakRef(body);
    };
    for (const body of [await ask(), await ask()]) await untilForgotten(body);
    expect(opened.filter((part) => 'destroyed' in part && !part.destroyed)).to.have.length(1);
  });

  it('knows whether all of a request was sent when its reply is over', async () => {
    const answeredEarly = await serve((socket) => {
      socket.pause();
      socket.write(OK);
    });
    const answeredLate = await serve((socket) =>
      socket.on('data', (bytes) => {
        if (bytes.includes('end')) socket.write(OK);
      }),
    );
    const isSent = async (leg: UpstreamAgent, address: string): Promise<boolean | undefined> => {
      const answer = await callUpstream(
        {
          origin: `http://${address}`,
          path: '/',
          method: 'POST',
          headers: [],
          body: Buffer.from(`${'x'.repeat(30_000_000)}end`),
        },
        { dispatcher: leg, timeouts: { connectMs: 5000, firstByteMs: 5000, idleMs: 5000, deadlineMs: null } },
      );
      await new Promise<void>((resolve, reject) => {
        answer.start({ onChunk: () => {}, onEnd: resolve, onError: reject });
      });
      return answer.isRequestSent;
    };
    expect(await isSent(own, answeredEarly)).to.equal(false);
    expect(own.pools(), 'the next would wait behind it').to.deep.equal([
      { origin: `http://${answeredEarly}`, pending: 0, running: 0, free: 0 },
    ]);
    expect(await isSent(own, answeredLate)).to.equal(true);
    expect(await isSent(undici, answeredLate), 'undici does not say').to.equal(false);
  });

  describe('a request', () => {
    const REQUESTS: Array<[string, Partial<UpstreamRequestOptions>]> = [
      ['plain', { headers: ['Content-Type', 'application/json', 'x-odd', 'a\tb \u00fc'] }],
      ['large', { body: Buffer.alloc(3_000_000, 'x') }],
      ['without a body', { body: null }],
      ['GET', { method: 'GET', body: null }],
      ['PUT', { method: 'PUT' }],
      ['a header twice', { headers: ['x', '1', 'x', '2'] }],
      ['a host of its own', { headers: ['host', 'elsewhere'] }],
      ['an empty body', { body: Buffer.alloc(0) }],
      ['an empty header', { headers: ['x', ''] }],
    ];
    for (const [name, request] of REQUESTS) {
      it(`is written as undici writes it: ${name}`, async () => {
        const path = { path: '/same?a=b%20c' };
        for (const leg of [own, undici]) {
          await player.ask(leg, reply(OK), { ...request });
        }
        const [ours, theirs] = player.requests.map((bytes) =>
          bytes.toString('latin1').replace(/ \/\d+ /, ` ${path.path} `),
        );
        expect(ours?.length).to.be.greaterThan(10);
        expect(ours === theirs, `${ours?.slice(0, 400)}\nbut undici\n${theirs?.slice(0, 400)}`).to.equal(true);
      });
    }

    const REFUSED: Array<[string, Partial<UpstreamRequestOptions>]> = [
      ['a line end in a value', { headers: ['x', 'a\r\nevil: 1'] }],
      ['a bare LF in a value', { headers: ['x', 'a\nevil: 1'] }],
      ['NUL in a value', { headers: ['x', 'a\0b'] }],
      ['a value beyond latin1', { headers: ['x', 'a\u010a'] }],
      ['a line end in a name', { headers: ['x\r\nevil', '1'] }],
      ['no name', { headers: ['', '1'] }],
      ['a line end in the path', { path: '/ HTTP/1.1\r\nevil: 1\r\n\r\n' }],
      ['a space in the path', { path: '/a b' }],
      ['a line end in the method', { method: 'POST / HTTP/1.1\r\nx' as Dispatcher.HttpMethod }],
      ['a coding of its own', { headers: ['transfer-encoding', 'chunked'] }],
      ['a wrong length', { headers: ['content-length', '1'] }],
      ['a name without a value', { headers: ['x'] }],
    ];
    for (const [name, request] of REFUSED) {
      it(`is refused before anything is sent: ${name}`, async () => {
        let refusal: unknown;
        try {
          const refused = await finished(call(own, { origin: player.origin, ...request }));
          refusal = refused.error;
        } catch (error) {
          refusal = error;
        }
        expect(refusal).to.be.instanceOf(Error);
        expect(player.requests).to.deep.equal([]);
      });
    }
  });

  describe('a connection', () => {
    it('is used for one request after the other', async () => {
      for (const text of [OK, `${CHUNKED}2\r\nok\r\n0\r\n\r\n`, `${CHUNKED}2;x\r\nok\r\n0\r\n\r\n`, OK]) {
        expect((await player.ask(own, reply(text))).body).to.equal('ok');
      }
      expect(player.connections).to.equal(1);
    });

    const LAST: Array<[string, Reply]> = [
      ['the server closes it', reply(OK, 'close')],
      ['the server resets it', reply(OK, 'reset')],
      ['the reply says so', reply('HTTP/1.1 200 OK\r\nConnection: close\r\ncontent-length: 2\r\n\r\nok')],
      [
        'the server keeps it for two seconds',
        reply('HTTP/1.1 200 OK\r\nkeep-alive: timeout=2\r\ncontent-length: 2\r\n\r\nok'),
      ],
      ['more came than the reply', reply(`${OK}HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nevil`)],
      ['more came after the reply', reply(`${OK}HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nevil`, 'keep', OK.length)],
    ];
    for (const [name, last] of LAST) {
      it(`is not used again when ${name}`, async () => {
        expect((await player.ask(own, last)).body).to.equal('ok');
        expect((await player.ask(own, reply(OK))).body).to.equal('ok');
        expect(player.connections).to.equal(2);
      });
    }

    it('that dies with a request on it fails that request, which is not sent twice', async () => {
      await player.ask(own, reply(OK));
      expect((await player.ask(own, reply('', 'reset'))).end).to.equal('broken');
      expect(player.requests.length).to.equal(2);
    });

    it('is one for each request in flight', async () => {
      let sockets = 0;
      const host = await serve((socket) => {
        socket.once('data', () => {
          if (++sockets === 3) for (const part of opened) if ('write' in part) part.write(OK);
        });
      });
      const calls = [1, 2, 3].map(() => call(own, { origin: `http://${host}` }));
      for (const begun of calls) expect((await finished(begun)).body).to.equal('ok');
    });

    it('is kept after its reply, up to 256 of an origin', async () => {
      const sockets: Socket[] = [];
      const host = await serve((socket) => socket.once('data', () => sockets.push(socket)));
      const calls = Array.from({ length: 260 }, () => call(own, { origin: `http://${host}` }));
      await until(() => sockets.length === 260);
      expect(own.pools()).to.deep.equal([{ origin: `http://${host}`, pending: 0, running: 260, free: 0 }]);
      for (const socket of sockets) socket.write(OK);
      for (const begun of calls) expect((await finished(begun)).body).to.equal('ok');
      await until(() => sockets.filter(({ readableEnded }) => readableEnded).length === 4);
      expect(own.pools()).to.deep.equal([{ origin: `http://${host}`, pending: 0, running: 0, free: 256 }]);
    });

    it('to nowhere is an error that says so', async () => {
      const server = createServer();
      const host = await listen(server);
      server.close();
      await once(server, 'close');
      const { error } = await finished(call(own, { origin: `http://${host}` }));
      expect(error).to.have.property('code', 'ECONNREFUSED');
    });
  });

  describe('time', () => {
    it('runs out for a connection that is not made', async () => {
      const host = await serve(() => {});
      const hasty = createRelayAgent({ connectTimeoutMs: 30 });
      const { error } = await finished(call(hasty, { origin: `https://${host}` }));
      expect(error).to.have.property('code', 'UND_ERR_CONNECT_TIMEOUT');
      await hasty.destroy();
    });

    it('runs out for a reply that does not begin', async () => {
      const host = await serve(() => {});
      const { error } = await finished(call(own, { origin: `http://${host}`, headersTimeout: 30 }));
      expect(error).to.have.property('code', 'UND_ERR_HEADERS_TIMEOUT');
    });

    for (const [name, text] of [
      ['a plain', `${CHUNKED}2\r\nok\r\n`],
      ['an odd', `${CHUNKED}2;x\r\nok\r\n`],
    ]) {
      it(`runs out for ${name} reply that falls silent`, async () => {
        const host = await serve((socket) => socket.once('data', () => socket.write(text ?? '')));
        const { error, body } = await finished(call(own, { origin: `http://${host}`, bodyTimeout: 30 }));
        expect(error).to.have.property('code', 'UND_ERR_BODY_TIMEOUT');
        expect(body).to.equal('ok');
      });
    }
  });

  it('takes nothing for silence once a pause holds', async () => {
    let sent: Socket | undefined;
    const host = await serve((socket) => {
      sent = socket;
      socket.once('data', () => socket.write(`${CHUNKED}2\r\nok\r\n`));
    });
    const begun = call(own, { origin: `http://${host}`, bodyTimeout: 200 });
    await until(() => begun.body === 'ok');
    begun.controller.pause();
    sent?.write('1\r\n!\r\n');
    await until(() => begun.body === 'ok!');
    const startedAt = performance.now();
    await until(() => performance.now() - startedAt > 2500);
    expect(begun.error).to.equal(null);
    begun.controller.resume();
    expect((await finished(begun)).error).to.have.property('code', 'UND_ERR_BODY_TIMEOUT');
  });

  it('pauses after the head when it was paused before', async () => {
    let sent: Socket | undefined;
    const host = await serve((socket) => {
      sent = socket;
    });
    const begun = call(own, { origin: `http://${host}` });
    await until(() => begun.controller !== undefined && sent !== undefined);
    begun.controller.pause();
    sent?.write(`${CHUNKED}2\r\nok\r\n`);
    await until(() => begun.status === 200);
    sent?.write('2\r\n, \r\n3\r\nsir\r\n0\r\n\r\n');
    await until(() => sent?.writableLength === 0);
    expect([begun.isOver, begun.body]).to.deep.equal([false, '']);
    begun.controller.resume();
    expect((await finished(begun)).body).to.equal('ok, sir');
  });

  it('hands on all bytes in their order, whenever it is paused', async () => {
    const wanted = Array.from({ length: 400 }, (_, index) => `event ${index};`);
    const host = await serve((socket) =>
      socket.once('data', async () => {
        socket.write(CHUNKED);
        for (const text of wanted) {
          socket.write(`${text.length.toString(16)}\r\n${text}\r\n`);
          await turns(1);
        }
        socket.write('0\r\n\r\n');
      }),
    );
    let body = '';
    let pauses = 0;
    const request = { origin: `http://${host}`, bodyTimeout: 40 };
    const begun = call(own, request, {
      onResponseData: (controller, chunk) => {
        body += chunk.toString('latin1');
        if (body.length % 3 === 0) return;
        pauses++;
        controller.pause();
        void turns(body.length % 4).then(() => controller.resume());
      },
    });
    expect([(await finished(begun)).error, body]).to.deep.equal([null, wanted.join('')]);
    expect(pauses).to.be.greaterThan(20);
  });

  it('hands over what one read holds of chunks in one piece, in bytes that no later read changes', async () => {
    const [first, ...others] = [
      '3\r\none\r\n4\r\n t',
      'wo\r',
      '\n1',
      '2\r\n three and',
      ' 4',
      '. five\r\n0',
      '\r\n\r\n',
    ];
    const sent: Socket[] = [];
    const host = await serve((socket) => {
      sent.push(socket);
      socket.once('data', () => socket.write(`${CHUNKED}${first}`));
    });
    const held: Buffer[] = [];
    const begun = call(own, { origin: `http://${host}` }, { onResponseData: (_controller, chunk) => held.push(chunk) });
    await until(() => held.length === 1);
    for (const piece of others) {
      sent[0]?.write(piece);
      await until(() => sent[0]?.writableLength === 0);
      await turns(4);
      byteKernel.input.fill('1');
      byteKernel.output.fill('!');
      byteKernel.run.joinChunks(9, 0, 7, 0);
    }
    await finished(begun);
    expect(held.map(String)).to.deep.equal(['one t', 'wo', ' three and', ' 4', '. five']);
  });

  it('strikes for silence although a chunk came through each time before, and not while they come', async () => {
    let sent: Socket | undefined;
    const host = await serve((socket) => {
      sent = socket;
      socket.once('data', () => socket.write(CHUNKED));
    });
    const begun = call(own, { origin: `http://${host}`, bodyTimeout: 400 });
    await until(() => begun.status === 200);
    const startedAt = performance.now();
    await until(() => {
      sent?.write('1\r\nx\r\n');
      return performance.now() - startedAt > 3000;
    });
    expect(begun.error).to.equal(null);
    expect((await finished(begun)).error).to.have.property('code', 'UND_ERR_BODY_TIMEOUT');
  });

  describe('an abort', () => {
    for (const [name, text] of [
      ['before the reply', ''],
      ['inside a plain reply', `${CHUNKED}2\r\nok\r\n`],
      ['inside an odd reply', `${CHUNKED}2;x\r\nok\r\n`],
    ]) {
      it(`closes the connection ${name}, and nothing more is told`, async () => {
        let isGone = false;
        let hasAsked = false;
        const host = await serve((socket) => {
          socket.on('close', () => {
            isGone = true;
          });
          socket.once('data', () => {
            hasAsked = true;
            socket.write(text ?? '');
          });
        });
        const begun = call(own, { origin: `http://${host}` });
        await until(() => (text === '' ? hasAsked : begun.body === 'ok'));
        const reason = new Error('enough');
        begun.controller.abort(reason);
        expect(begun.error).to.equal(reason);
        await until(() => isGone);
        expect(begun.body).to.equal(text === '' ? '' : 'ok');
      });
    }

    it('before the connection is there is heard at once and sends nothing', async () => {
      let abort: (() => void) | undefined;
      const options = {
        ...{ path: '/', method: 'POST', headers: [], body: Buffer.from('{}') },
        ...{ origin: player.origin },
      } as const;
      const timeouts = { connectMs: 5000, firstByteMs: 5000, idleMs: 5000, deadlineMs: null };
      const asking = callUpstream(
        { ...options, headers: [] },
        {
          ...{ dispatcher: own, timeouts },
          onAbortable: (way) => {
            abort = way;
          },
        },
      );
      expect(own.pools()).to.deep.equal([{ origin: player.origin, pending: 1, running: 0, free: 0 }]);
      abort?.();
      expect(await asking.catch((failure: unknown) => failure)).to.include({ kind: 'reset' });
      expect(own.pools(), 'nothing is opened for it').to.deep.equal([
        { origin: player.origin, pending: 0, running: 0, free: 0 },
      ]);
      let isAsked = false;
      const late = callUpstream(
        { ...options, headers: [] },
        {
          dispatcher: { ...own, dispatch: () => (isAsked = true) },
          timeouts,
          onAbortable: (way) => way(),
        },
      );
      expect(await late.catch((failure: unknown) => failure)).to.include({ kind: 'reset' });
      expect(isAsked).to.equal(false);
      expect((await player.ask(own, reply(OK))).body).to.equal('ok');
      expect(player.requests.length).to.equal(1);
    });

    it('at the head tells nothing of the body that came with it', async () => {
      const told: unknown[] = [];
      const host = await serve((socket) => socket.once('data', () => socket.write(`${CHUNKED}2\r\nok\r\n0\r\n\r\n`)));
      const reason = new Error('enough');
      call(
        own,
        { origin: `http://${host}` },
        {
          onResponseStart: (controller) => controller.abort(reason),
          onResponseData: (_controller, chunk) => told.push(String(chunk)),
          onResponseEnd: () => told.push('the end'),
          onResponseError: (_controller, error) => told.push(error),
        },
      );
      await until(() => told.length > 0 && own.pools().every(({ running }) => running === 0));
      await turns(4);
      expect(told).to.deep.equal([reason]);
    });

    it('after the end changes nothing for the next request on the connection', async () => {
      const host = await serve((socket) => socket.on('data', () => socket.write(OK)));
      const first = await finished(call(own, { origin: `http://${host}` }));
      const second = call(own, { origin: `http://${host}` });
      first.controller.abort(new Error('too late'));
      first.controller.pause();
      expect((await finished(second)).body).to.equal('ok');
    });

    it('comes from a handler that throws', async () => {
      const seen: Error[] = [];
      const host = await serve((socket) => socket.once('data', () => socket.write(`${CHUNKED}2\r\nok\r\n`)));
      const broken = new Error('cannot take it');
      call(
        own,
        { origin: `http://${host}` },
        {
          onResponseData: () => {
            throw broken;
          },
          onResponseEnd: () => seen.push(new Error('ended')),
          onResponseError: (_controller, error) => seen.push(error),
        },
      );
      await until(() => seen.length > 0);
      expect(seen).to.deep.equal([broken]);
    });
  });

  it('holds back an upstream whose reply is not taken, and gets all of it later', async () => {
    const total = 40_000_000;
    const oneChunk = `${CHUNKED}${total.toString(16)}\r\n`;
    const counted = `HTTP/1.1 200 OK\r\ncontent-length: ${total}\r\n\r\n`;
    for (const framing of [oneChunk, counted, 'HTTP/1.1 200 OK\r\n\r\n']) {
      let sent: Socket | undefined;
      const host = await serve((socket) => {
        sent = socket;
        socket.once('data', () => {
          socket.write(framing);
          socket.write(Buffer.alloc(total, 'x'));
          socket.end(framing === oneChunk ? '\r\n0\r\n\r\n' : '');
        });
      });
      let taken = 0;
      let isWhole = false;
      let pausedAt = 0;
      let controller: Dispatcher.DispatchController | undefined;
      const body = Buffer.from('{}');
      own.dispatch(
        { origin: `http://${host}`, path: '/', method: 'POST', headers: [], body, headersTimeout: 0, bodyTimeout: 0 },
        {
          onRequestStart: (begun) => {
            controller = begun;
          },
          onResponseStart: () => {},
          onResponseData: (begun, chunk) => {
            taken += chunk.length;
            if (pausedAt > 0) return;
            pausedAt = taken;
            begun.pause();
          },
          onResponseEnd: () => {
            isWhole = true;
          },
          onResponseError: () => {},
        },
      );
      let unsent = -1;
      let still = 0;
      await until(() => {
        still = pausedAt > 0 && sent?.writableLength === unsent ? still + 1 : 0;
        unsent = sent?.writableLength ?? -1;
        return still > 20;
      });
      expect(unsent).to.be.greaterThan(total / 2);
      expect(taken).to.be.lessThan(1_000_000);
      controller?.resume();
      await until(() => isWhole);
      expect(taken).to.equal(total);
    }
  });

  it('hands a call to one connection only, although a handler throws at the end of the one before', async () => {
    const sockets: Socket[] = [];
    const host = await serve((socket) => {
      sockets.push(socket);
      socket.once('data', () => socket.write(OK));
    });
    let ends = 0;
    call(
      own,
      { origin: `http://${host}` },
      {
        onResponseEnd: () => {
          ends++;
          throw new Error('cannot end');
        },
      },
    );
    await until(() => ends === 1 && own.pools().every(({ running }) => running === 0));
    expect(own.pools().map(({ pending, free }) => [pending, free])).to.deep.equal([[0, 1]]);
    const both = [1, 2].map(() => call(own, { origin: `http://${host}` }));
    await until(() => sockets.length === 2);
    sockets[0]?.write(OK);
    for (const begun of both) expect((await finished(begun)).body).to.equal('ok');
  });

  it('tells of a line end that is missing after what came before it was told, however it was paused', async () => {
    let sent: Socket | undefined;
    const host = await serve((socket) => {
      sent = socket;
    });
    const begun = call(own, { origin: `http://${host}` });
    await until(() => begun.controller !== undefined && sent !== undefined);
    begun.controller.pause();
    sent?.write(CHUNKED);
    await until(() => begun.status === 200);
    for (const text of ['2\r\nok\r\n', '2\r\nmo\r\n', '2\r\nreXX']) {
      sent?.write(text);
      await turns(4);
    }
    expect([begun.isOver, begun.body]).to.deep.equal([false, '']);
    begun.controller.resume();
    await finished(begun);
    expect([begun.body, begun.error?.name]).to.deep.equal(['okmore', 'HTTPParserError']);
  });

  it('sends a body of pieces whole, and leaves the pieces alone', async () => {
    const pieces = [Buffer.alloc(30_000, 'a'), Buffer.from('bcd'), Buffer.alloc(90_000, 'e')];
    const wanted = Buffer.concat(pieces);
    expect((await player.ask(own, reply(OK), { body: pieces })).body).to.equal('ok');
    const [seen] = player.requests;
    expect(seen?.subarray(-wanted.length).equals(wanted)).to.equal(true);
    expect(Buffer.concat(pieces).equals(wanted)).to.equal(true);
  });

  it('leaves no attempt to connect behind when it is destroyed', async () => {
    const attempts: Socket[] = [];
    const host = await serve((socket) => attempts.push(socket.resume()));
    const patient = createRelayAgent({ connectTimeoutMs: 60_000 });
    const begun = call(patient, { origin: `https://${host}` });
    await until(() => attempts.length === 1);
    await patient.destroy();
    expect((await finished(begun)).error).to.have.property('code', 'UND_ERR_DESTROYED');
    await until(() => attempts[0]?.destroyed === true || attempts[0]?.readableEnded === true);
  });

  it('fails what is in flight when it is destroyed', async () => {
    const host = await serve(() => {});
    const begun = call(own, { origin: `http://${host}` });
    await until(() => opened.length > 1);
    await own.destroy();
    expect((await finished(begun)).error).to.have.property('code', 'UND_ERR_DESTROYED');
  });

  it('opens nothing more when it is destroyed, not even for a request that waits for a kept connection', async () => {
    let connections = 0;
    const host = await serve((socket) => {
      connections++;
      socket.on('data', () => socket.write(OK));
    });
    await finished(call(own, { origin: `http://${host}` }));
    const waiting = call(own, { origin: `http://${host}` });
    await own.destroy();
    const late = call(own, { origin: `http://${host}` });
    for (const begun of [waiting, late])
      expect((await finished(begun)).error).to.have.property('code', 'UND_ERR_DESTROYED');
    expect(connections).to.equal(1);
  });

  it('takes a new connection where the server has left the kept one, and keeps both connections', async () => {
    const sockets: Socket[] = [];
    const host = await serve((socket) => sockets.push(socket));
    const both = [1, 2].map(() => call(own, { origin: `http://${host}` }));
    await until(() => sockets.length === 2);
    for (const [index, socket] of sockets.entries()) {
      socket.write(OK);
      await until(() => both.filter(({ isOver }) => isOver).length === index + 1);
    }
    // The last one kept is the first one taken; its server has left before its turn comes.
    sockets[1]?.destroy();
    const next = call(own, { origin: `http://${host}` });
    await until(() => sockets.length === 3);
    sockets[2]?.write(OK);
    expect((await finished(next)).body).to.equal('ok');
    await until(() => own.pools().every(({ running, pending }) => running + pending === 0));
    expect(own.pools().map(({ free }) => free)).to.deep.equal([2]);
  });

  describe('over TLS', () => {
    const signed = makeSelfSigned('localhost');
    const names: unknown[] = [];
    const reused: boolean[] = [];
    const received: Buffer[] = [];
    let host = '';
    beforeEach(async () => {
      names.length = 0;
      reused.length = 0;
      received.length = 0;
      const server = createTlsServer({ ...signed, ALPNProtocols: ['h2', 'http/1.1'] }, (socket) => {
        names.push([socket.servername, socket.alpnProtocol]);
        socket.on('data', (bytes) => received.push(bytes));
        reused.push(socket.isSessionReused());
        opened.push(socket);
        socket.on('error', () => {});
        socket.on('data', () => socket.write(`${CHUNKED}2\r\nok\r\n5\r\n, sir\r\n0\r\n\r\n`));
      });
      server.on('tlsClientError', () => {});
      host = `localhost:${(await listen(server)).split(':')[1]}`;
    });

    async function trusting(test: () => Promise<void>): Promise<void> {
      const known = getCACertificates('default');
      setDefaultCACertificates([...known, signed.cert]);
      try {
        await test();
      } finally {
        setDefaultCACertificates(known);
      }
    }

    it('speaks HTTP/1.1 to the server of that name, one request after the other', () =>
      trusting(async () => {
        for (let turn = 0; turn < 3; turn++) {
          const { error, body } = await finished(call(own, { origin: `https://${host}` }));
          expect([error, body]).to.deep.equal([null, 'ok, sir']);
        }
        expect(names).to.deep.equal([['localhost', 'http/1.1']]);
      }));

    it('takes the session of one connection for the next', () =>
      trusting(async () => {
        const first = await finished(call(own, { origin: `https://${host}` }));
        expect(first.body).to.equal('ok, sir');
        const both = [1, 2].map(() => call(own, { origin: `https://${host}` }));
        for (const begun of both) expect((await finished(begun)).body).to.equal('ok, sir');
        expect(reused).to.deep.equal([false, true]);
      }));

    it('sends nothing to a server nobody vouches for', async () => {
      const { error } = await finished(call(own, { origin: `https://${host}` }));
      expect(error).to.have.property('code', 'DEPTH_ZERO_SELF_SIGNED_CERT');
      expect(received).to.deep.equal([]);
    });

    it('sends nothing to a server of another name', () =>
      trusting(async () => {
        const { error } = await finished(call(own, { origin: `https://${host.replace('localhost', '127.0.0.1')}` }));
        expect(error).to.have.property('code', 'ERR_TLS_CERT_ALTNAME_INVALID');
        expect(received).to.deep.equal([]);
      }));
  });
});
