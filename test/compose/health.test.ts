// The health check that every image and the compose file run, against what it asks.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { expect } from 'chai';
import { createSimulator } from '#services/simulator/service.ts';
import { ROOT } from '../support/read-imports.ts';

describe('deploy/image/health.mjs', () => {
  const servers: Server[] = [];
  afterEach(async () => {
    await Promise.all(servers.splice(0).map((server) => once(server.close(), 'close')));
  });

  /** @returns its address; it answers at one path alone */
  async function answering(path: string, status: number): Promise<string> {
    const server = createServer((request, response) => {
      response.writeHead(request.url === path ? status : 404).end();
    });
    servers.push(server);
    await once(server.listen(0, '127.0.0.1'), 'listening');
    return `127.0.0.1:${(server.address() as AddressInfo).port}`;
  }

  /** @returns an address where nobody listens any more */
  async function nobody(): Promise<string> {
    const address = await answering('/', 200);
    await once((servers.pop() as Server).close(), 'close');
    return address;
  }

  async function exitCode(ops: string, simulator: string): Promise<number> {
    const env = { CC_OPS__LISTEN_ADDRESS: ops, CC_SIMULATOR__LISTEN_ADDRESS: simulator };
    const child = spawn(process.execPath, [join(ROOT, 'deploy/image/health.mjs')], { env, stdio: 'ignore' });
    const [code] = (await once(child, 'exit')) as [number];
    return code;
  }

  it('S4-31 is good where the ops listener is ready, and not where it drains', async () => {
    expect(await exitCode(await answering('/readyz', 200), await nobody())).to.equal(0);
    expect(await exitCode(await answering('/readyz', 503), await nobody())).to.equal(1);
  });

  it('S4-31 a simulator in the image of all commands is healthy: it has no ops listener and is asked itself', async () => {
    const simulator = await createSimulator({ listenAddress: '127.0.0.1:0', delayScale: 0 });
    try {
      expect(await exitCode(await nobody(), simulator.url.replace('http://', ''))).to.equal(0);
    } finally {
      await simulator.stop();
    }
  });

  it('does not take a simulator for a service that drains, and is bad where nobody listens at all', async () => {
    expect(await exitCode(await answering('/readyz', 503), await answering('/__scene', 200))).to.equal(1);
    expect(await exitCode(await nobody(), await nobody())).to.equal(1);
  });
});
