// How a process of the bench tells its parent where it listens, and ends with it.
import type { Server } from 'node:net';

/** Thousands of connections may be opened at once. */
const BACKLOG = 4096;

/** Listens on a free port of the loopback and sends it to the parent. Without a parent the process ends. */
export function reportReady(server: Server): void {
  server.listen({ port: 0, host: '127.0.0.1', backlog: BACKLOG }, () => {
    const address = server.address();
    if (address !== null && typeof address === 'object') process.send?.({ port: address.port });
  });
  endWithParent();
}

export function endWithParent(): void {
  process.once('disconnect', () => process.exit(0));
}
