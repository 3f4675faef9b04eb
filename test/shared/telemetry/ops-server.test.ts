// The operators' listener, asked over real HTTP.
import { request as httpRequest } from 'node:http';
import { expect } from 'chai';
import { ConfigError } from '#shared/errors.ts';
import { createMetrics } from '#shared/telemetry/metrics.ts';
import { type OpsServer, type OpsServerOptions, startOpsServer } from '#shared/telemetry/ops-server.ts';

describe('ops server', () => {
  const running: OpsServer[] = [];

  async function start(ready: OpsServerOptions['ready'], more: Partial<OpsServerOptions> = {}): Promise<string> {
    const metrics = createMetrics({ processMetrics: false });
    const server = await startOpsServer({ address: '127.0.0.1:0', metrics, ready, ...more });
    running.push(server);
    return server.url;
  }

  afterEach(async () => {
    for (const server of running.splice(0)) await server.stop();
  });

  const isReady: OpsServerOptions['ready'] = async () => ({ ready: true, checks: { bus: 'ok' } });

  it('is ready when the service says so, and shows each check', async () => {
    const response = await fetch(`${await start(isReady)}/readyz`);
    expect(response.status).to.equal(200);
    expect(await response.json()).to.deep.equal({ ready: true, checks: { bus: 'ok' } });
  });

  it('stays alive when nothing it depends on is there', async () => {
    const url = await start(() => Promise.reject(new Error('store is gone')));
    const ready = await fetch(`${url}/readyz`);
    expect(ready.status).to.equal(503);
    expect(await ready.json()).to.deep.equal({ ready: false, checks: { readiness: 'store is gone' } });
    expect((await fetch(`${url}/healthz`)).status).to.equal(200);
  });

  it('is not ready when the check throws at once or never answers', async () => {
    const throwing = await start(() => {
      throw new Error('at once');
    });
    expect((await fetch(`${throwing}/readyz`)).status).to.equal(503);
    const silent = await start(() => new Promise(() => {}), { readyTimeoutMs: 20 });
    const response = await fetch(`${silent}/readyz`);
    expect(response.status).to.equal(503);
    expect(await response.text()).to.include('no answer within 20 ms');
  });

  it('serves the registry as OpenMetrics', async () => {
    const response = await fetch(`${await start(isReady)}/metrics?x=1`);
    expect(response.headers.get('content-type')).to.include('application/openmetrics-text');
    const text = await response.text();
    expect(text).to.include('ccproxy_gateway_requests_total{').and.include('# EOF');
  });

  it('answers everything else with 404, and other methods with 405', async () => {
    const url = await start(isReady);
    expect((await fetch(`${url}/`)).status).to.equal(404);
    expect((await fetch(`${url}/healthz/x`)).status).to.equal(404);
    const post = await fetch(`${url}/metrics`, { method: 'POST' });
    expect(post.status).to.equal(405);
    expect(post.headers.get('allow')).to.equal('GET, HEAD');
    const head = await fetch(`${url}/healthz`, { method: 'HEAD' });
    expect(head.status).to.equal(200);
    expect(await head.text()).to.equal('');
  });

  it('stops twice, and with a client that keeps its connection', async () => {
    const server = await startOpsServer({
      address: '127.0.0.1:0',
      metrics: createMetrics({ processMetrics: false }),
      ready: isReady,
    });
    const socketClosed = new Promise<void>((resolve, reject) => {
      const request = httpRequest(`${server.url}/healthz`, { agent: false, headers: { connection: 'keep-alive' } });
      request.on('socket', (socket) => socket.on('close', () => resolve()));
      request.on('response', (response) => {
        response.resume();
        response.on('end', () => {
          server.stop().catch(reject);
        });
      });
      request.on('error', reject);
      request.end();
    });
    await socketClosed;
    await server.stop();
    await server.stop();
  });

  it('refuses an address it cannot use by the name of the setting', async () => {
    const url = await start(isReady);
    const taken = url.replace('http://', '');
    for (const address of [taken, 'nonsense', '127.0.0.1:99999', '9464']) {
      const failure = await start(isReady, { address }).then(
        () => null,
        (error: unknown) => error,
      );
      expect(failure, address).to.be.instanceOf(ConfigError);
      expect(String(failure)).to.include('ops.listen_address');
    }
  });
});
