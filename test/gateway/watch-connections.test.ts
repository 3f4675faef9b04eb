// Connections to upstreams on /metrics: opened, carrying a request, kept and closed.
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect } from 'chai';
import { watchConnections } from '#services/gateway/watch-connections.ts';
import { createMetrics } from '#shared/telemetry/metrics.ts';
import { createUpstreamAgent } from '#shared/upstream/agent.ts';
import { callUpstream } from '#shared/upstream/call-upstream.ts';
import type { UpstreamAgent } from '#shared/upstream/upstream-agent.ts';
import { seriesValue, until } from '../support/gateway.ts';
import { testTarget } from '../support/target.ts';

describe('connections to upstreams', () => {
  let server: Server;
  let url: string;
  let endAnswer: () => void;
  beforeEach(async () => {
    server = createServer((_request, response) => {
      response.write('begun');
      endAnswer = () => response.end();
    });
    await new Promise<void>((resolve) => {
      server.listen(0, '127.0.0.1', resolve);
    });
    url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  });
  afterEach(async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });

  for (const http1 of ['own', 'undici'] as const) {
    it(`are counted by what they do, and timed when they open (${http1})`, async () => {
      const metrics = createMetrics({ processMetrics: false });
      const agents = new Map<string, UpstreamAgent>();
      const target = testTarget({ provider: 'glm', baseUrl: `${url}/v1` });
      const watch = watchConnections([target], agents, metrics);
      const agent = createUpstreamAgent(1000, http1, watch.onConnected);
      agents.set('one', agent);
      const gauges = async (): Promise<number[]> => {
        watch.look();
        const names = ['pending', 'running', 'free'].map((name) => `ccproxy_upstream_pool_${name}`);
        return Promise.all(names.map((name) => seriesValue(metrics, name, { upstream: 'glm' })));
      };
      const opened = () => seriesValue(metrics, 'ccproxy_upstream_connect_seconds', { upstream: 'glm' });
      try {
        expect(await gauges()).to.deep.equal([0, 0, 0]);
        const request = { origin: url, path: '/', method: 'GET' as const, headers: [], body: null };
        const answer = await callUpstream(request, { dispatcher: agent, timeouts: target.timeouts });
        expect(await gauges()).to.deep.equal([0, 1, 0]);
        await new Promise<void>((resolve, reject) => {
          answer.start({ onChunk: () => {}, onEnd: resolve, onError: reject });
          endAnswer();
        });
        await until(async () => (await gauges()).join() === '0,0,1');
        expect(await opened()).to.be.greaterThan(0);
      } finally {
        watch.stop();
        await agent.destroy();
      }
    });
  }
});
