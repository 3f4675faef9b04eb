// Ports for programs that are told where to listen. One that the system chose may be another connection's a moment later,
// so they lie below what it chooses from, and nobody in this process is given the same twice.
import { once } from 'node:events';
import { createServer } from 'node:net';

/** Linux gives outgoing connections ports from 32768 on, others from 49152. */
const FIRST = 15_000;
const PORTS = 17_000;

const given = new Set<number>();

/** On the loopback. @throws when none is free */
export async function freePort(): Promise<number> {
  while (given.size < PORTS) {
    const port = FIRST + Math.floor(Math.random() * PORTS);
    if (given.has(port)) continue;
    given.add(port);
    if (await isFree(port)) return port;
  }
  throw new Error(`no port from ${FIRST} to ${FIRST + PORTS - 1} is free`);
}

async function isFree(port: number): Promise<boolean> {
  const probe = createServer().listen(port, '127.0.0.1');
  try {
    await once(probe, 'listening');
  } catch {
    return false;
  }
  probe.close();
  await once(probe, 'close');
  return true;
}
