// How long a request waited for a connection: as long as its handshake was held, whoever speaks HTTP.
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import { createServer as createTlsServer, getCACertificates, setDefaultCACertificates } from 'node:tls';
import { expect } from 'chai';
import { createUpstreamAgent } from '#shared/upstream/agent.ts';
import { callUpstream } from '#shared/upstream/call-upstream.ts';
import { until } from '../../support/gateway.ts';
import { makeSelfSigned } from '../../support/self-signed.ts';

const OK = 'HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok';
const TIMEOUTS = { connectMs: 5000, firstByteMs: 5000, idleMs: 5000, deadlineMs: null };

describe('the wait for a connection', () => {
  const signed = makeSelfSigned('localhost');
  const servers: Server[] = [];
  const held: Socket[] = [];
  const sockets: Socket[] = [];
  let origin = '';

  const listen = async (server: Server): Promise<number> => {
    servers.push(server);
    server.on('connection', (socket: Socket) => {
      sockets.push(socket);
      socket.on('error', () => {});
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return (server.address() as AddressInfo).port;
  };
  const letGo = (port: number): void => {
    for (const socket of held.splice(0))
      socket
        .pipe(connect(port, '127.0.0.1'))
        .on('error', () => {})
        .pipe(socket);
  };
  const trusted = getCACertificates('default');
  let behind = 0;
  beforeEach(async () => {
    setDefaultCACertificates([...trusted, signed.cert]);
    behind = await listen(
      createTlsServer(signed, (socket) => socket.on('data', () => socket.write(OK)).on('error', () => {})),
    );
    origin = `https://localhost:${await listen(createServer((socket) => held.push(socket)))}`;
  });
  afterEach(() => {
    setDefaultCACertificates(trusted);
    for (const socket of sockets.splice(0)) socket.destroy();
    for (const server of servers.splice(0)) server.close();
  });

  for (const leg of ['own', 'undici'] as const) {
    it(`is known for a new connection and a kept one: ${leg}`, async () => {
      const dispatcher = createUpstreamAgent(5000, leg);
      const ask = () =>
        callUpstream(
          { origin, path: '/', method: 'POST', headers: ['content-type', 'text/plain'], body: Buffer.from('{}') },
          { dispatcher, timeouts: TIMEOUTS },
        );
      const drain = (answer: Awaited<ReturnType<typeof ask>>): Promise<void> =>
        new Promise((onEnd, onError) => answer.start({ onChunk: () => {}, onEnd, onError }));
      try {
        const startedAt = performance.now();
        const asking = ask();
        const askedAt = performance.now();
        await until(() => held.length === 1);
        const heldFor = performance.now() - askedAt;
        letGo(behind);
        const first = await asking;
        expect(first.connectionWaitMs).to.be.at.least(heldFor);
        expect(first.connectionWaitMs).to.be.at.most(performance.now() - startedAt);
        await drain(first);
        await until(() => dispatcher.pools().some(({ free }) => free === 1));
        const begunAt = performance.now();
        const second = await ask();
        expect(held, 'the connection was kept').to.have.length(0);
        expect(second.connectionWaitMs).to.be.within(0, performance.now() - begunAt);
        await drain(second);
      } finally {
        await dispatcher.destroy();
      }
    });
  }
});
