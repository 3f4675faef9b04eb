import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { expect } from 'chai';
import { createRedisConnection } from '#shared/bus/redis-connection.ts';
import { until } from '../../support/gateway.ts';

describe('a connection to Redis that is closed', () => {
  it('leaves no socket behind, not even one that was being opened to a server that says nothing', async () => {
    const sockets = new Set<Socket>();
    let accepted = 0;
    const server = createServer((socket) => {
      accepted += 1;
      sockets.add(socket);
      socket.on('error', () => {});
      socket.resume().on('close', () => sockets.delete(socket));
    }).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    const connection = createRedisConnection({
      url: `redis://127.0.0.1:${port}`,
      purpose: 'tests',
      onTrouble: () => {},
    });
    connection.recycle();
    connection.close();
    await until(() => accepted === 2);
    try {
      await until(() => sockets.size === 0);
    } finally {
      for (const socket of sockets) socket.destroy();
      server.close();
    }
    expect(accepted).to.equal(2);
  });
});
