import { createServer, type Server } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { text } from 'node:stream/consumers';
import { expect } from 'chai';
import fc from 'fast-check';
import { relayChunks } from '#services/gateway/messages/relay-chunks.ts';
import type { Answer, AnswerSink } from '#shared/upstream/call-upstream.ts';

describe('relayChunks', () => {
  let server: Server;
  let pieces: Buffer[] = [];
  const written: Buffer[] = [];

  before(async () => {
    server = createServer((request, response) => {
      written.length = 0;
      const length = String(Buffer.concat(pieces).length);
      const known = request.url === '/known' ? ['content-length', length] : [];
      response.writeHead(200, ['content-type', 'text/event-stream', ...known]);
      relayChunks(answerOf(pieces), {
        response,
        headFirst: true,
        stalledMs: 10_000,
        onWritten: (piece) => written.push(piece),
        onEnd: () => response.end(),
      });
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  });

  after(() => {
    server.close();
    server.closeAllConnections();
  });

  /** All that comes of requests sent at once, of which the last ends the connection. */
  const ask = (...lines: string[]): Promise<string> => {
    const socket = connect((server.address() as AddressInfo).port, '127.0.0.1');
    const last = lines.length - 1;
    const requests = lines.map((line, at) => `${line}\r\nhost: a\r\n${at === last ? 'connection: close\r\n' : ''}\r\n`);
    socket.write(requests.join(''));
    return text(socket.setEncoding('latin1'));
  };

  it('frames each piece as a chunk of its own, and ends with the last chunk', async () => {
    pieces = [Buffer.from('event: ping\n\n'), Buffer.alloc(5000, 'x'), Buffer.from('data: 1\n\n')];

    const [, body] = halves(await ask('GET / HTTP/1.1'));

    expect(body).to.equal(`d\r\nevent: ping\n\n\r\n1388\r\n${'x'.repeat(5000)}\r\n9\r\ndata: 1\n\n\r\n0\r\n\r\n`);
    expect(written).to.deep.equal(pieces);
  });

  it('frames nothing for a client that knows no chunks', async () => {
    pieces = [Buffer.from('event: ping\n\n'), Buffer.from('data: 1\n\n')];

    const [head, body] = halves(await ask('GET / HTTP/1.0'));

    expect(head).to.not.match(/transfer-encoding/i);
    expect(body).to.equal('event: ping\n\ndata: 1\n\n');
  });

  it('frames nothing of an answer whose length is known, and sends nothing after a head alone', async () => {
    pieces = [Buffer.from('event: ping\n\n'), Buffer.from('data: 1\n\n')];

    const [, known] = halves(await ask('GET /known HTTP/1.1'));
    const [, nothing] = halves(await ask('HEAD / HTTP/1.1'));

    expect(known).to.equal('event: ping\n\ndata: 1\n\n');
    expect(nothing).to.equal('');
  });

  it('keeps answers to requests that were sent at once apart and in their order', async () => {
    pieces = [Buffer.from('one'), Buffer.from('two')];

    const answers = (await ask('GET / HTTP/1.1', 'GET /known HTTP/1.1', 'GET / HTTP/1.1')).split(/(?=HTTP\/1\.1 200)/);

    const chunks = '3\r\none\r\n3\r\ntwo\r\n0\r\n\r\n';
    expect(answers.map((answer) => halves(answer)[1])).to.deep.equal([chunks, 'onetwo', chunks]);
  });

  it('gives a client the bytes of all pieces, whatever their sizes', async () => {
    const piece = fc.oneof(
      fc.uint8Array({ minLength: 0, maxLength: 40 }),
      fc.nat(9000).map((size) => Buffer.alloc(size, 'y')),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(piece, { maxLength: 8 }), async (given) => {
        pieces = given.map((bytes) => Buffer.from(bytes));
        const { port } = server.address() as AddressInfo;

        const received = Buffer.from(await (await fetch(`http://127.0.0.1:${port}/`)).arrayBuffer());

        expect(received.equals(Buffer.concat(pieces))).to.equal(true);
      }),
      { numRuns: 60 },
    );
  });
});

/** One piece in each turn of the loop. */
function answerOf(pieces: readonly Buffer[]): Answer {
  const start = (sink: AnswerSink) => {
    const next = (index: number): void => {
      const piece = pieces[index];
      if (piece === undefined) {
        sink.onEnd();
        return;
      }
      sink.onChunk(piece);
      setImmediate(next, index + 1);
    };
    setImmediate(next, 0);
    return { pause: () => {}, resume: () => {}, abort: () => {} };
  };
  return { status: 200, rawHeaders: [], start };
}

function halves(message: string): [string, string] {
  const border = message.indexOf('\r\n\r\n');
  return [message.slice(0, border), message.slice(border + 4)];
}
