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
    server = createServer((_request, response) => {
      written.length = 0;
      response.writeHead(200, ['content-type', 'text/event-stream']);
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

  const ask = (version: string): Promise<string> => {
    const socket = connect((server.address() as AddressInfo).port, '127.0.0.1');
    socket.write(`GET / HTTP/${version}\r\nhost: gateway\r\nconnection: close\r\n\r\n`);
    return text(socket.setEncoding('latin1'));
  };

  it('frames each piece as a chunk of its own, and ends with the last chunk', async () => {
    pieces = [Buffer.from('event: ping\n\n'), Buffer.alloc(5000, 'x'), Buffer.from('data: 1\n\n')];

    const [, body] = halves(await ask('1.1'));

    expect(body).to.equal(`d\r\nevent: ping\n\n\r\n1388\r\n${'x'.repeat(5000)}\r\n9\r\ndata: 1\n\n\r\n0\r\n\r\n`);
    expect(written).to.deep.equal(pieces);
  });

  it('frames nothing for a client that knows no chunks', async () => {
    pieces = [Buffer.from('event: ping\n\n'), Buffer.from('data: 1\n\n')];

    const [head, body] = halves(await ask('1.0'));

    expect(head).to.not.match(/transfer-encoding/i);
    expect(body).to.equal('event: ping\n\ndata: 1\n\n');
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
