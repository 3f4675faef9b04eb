import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createServer, request, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect } from 'chai';
import { readBody } from '#services/gateway/read-body.ts';

describe('the body of a request', () => {
  let server: Server;
  let read: Promise<Buffer>;
  const { allocUnsafeSlow } = Buffer;

  beforeEach(async () => {
    server = createServer((req, res) => {
      read = readBody(req, { limitBytes: 8_000_000 });
      read.then(() => res.end());
    }).listen(0, '127.0.0.1');
    await once(server, 'listening');
  });
  afterEach(() => {
    Buffer.allocUnsafeSlow = allocUnsafeSlow;
    server.close();
  });

  /** The buffers that are made from now on, and how large they were. */
  function watchBuffers(): Array<{ made: Buffer; size: number }> {
    const all: Array<{ made: Buffer; size: number }> = [];
    Buffer.allocUnsafeSlow = (size) => {
      const made = allocUnsafeSlow(size);
      all.push({ made, size });
      return made;
    };
    return all;
  }

  async function send(body: Buffer, headers: Record<string, string | number>): Promise<Buffer> {
    const { port } = server.address() as AddressInfo;
    const sent = request({ host: '127.0.0.1', port, method: 'POST', headers, agent: false });
    sent.end(body);
    const [response] = await once(sent, 'response');
    response.resume();
    return read;
  }

  for (const size of [0, 1, 1000, 16_384, 65_536, 100_000, 3_000_000]) {
    it(`is read as it was sent, in pieces of any size: ${size} bytes, declared or not`, async () => {
      const body = randomBytes(size);
      const buffers = watchBuffers();
      const declared = await send(body, { 'content-length': size });
      for (const buffer of buffers) expect(buffer.size).to.be.at.most(size);
      const open = await send(body, { 'transfer-encoding': 'chunked' });
      expect(open.equals(body)).to.equal(true);
      // Of others no memory could be freed when it is not needed any more.
      for (const { buffer } of [declared, open]) expect(buffer.byteLength).to.equal(size);
      const held = buffers.filter(({ made }) => made !== declared && made !== open && made.length > 16_384);
      expect(held).to.deep.equal([]);
    });
  }
});
