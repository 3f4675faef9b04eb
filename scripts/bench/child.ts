// How a process of the bench tells its parent where it listens, and ends with it.
import type { Server } from 'node:net';

/** Listens on a free port of the loopback and sends it to the parent. Without a parent the process ends. */
export function reportReady(server: Server): void {
  server.listen(0, '127.0.0.1', () => {
    const address = server.address();
    if (address !== null && typeof address === 'object') process.send?.({ port: address.port });
  });
  endWithParent();
}

export function endWithParent(): void {
  process.once('disconnect', () => process.exit(0));
}
