import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { gzipSync } from 'node:zlib';
import { expect } from 'chai';
import { createCallMemory } from '#services/gateway/call-memory.ts';
import { createSimulator } from '#services/simulator/service.ts';
import type { Bus, Group, Publication } from '#shared/bus/bus.ts';
import { DEFAULT_BUS_LIMITS } from '#shared/bus/limits.ts';
import { createMemoryBus } from '#shared/bus/memory.ts';
import { systemClock } from '#shared/clock.ts';
import { decodeBody } from '#shared/exchange/exchange.ts';
import { observe } from '#shared/exchange/read-exchange.ts';
import { noTracing, type SpanRecord } from '#shared/telemetry/tracing.ts';
import { startTestGateway, until } from '../support/gateway.ts';
import { messagesRequest, send } from '../support/raw-client.ts';
import { saidAttributes } from '../support/said-attributes.ts';

describe('the memory of a call', () => {
  const large = (): Buffer => Buffer.allocUnsafeSlow(20_000);

  it('is given back when the last of its readers is done, and not before', () => {
    const [request, answer] = [large(), large()];
    const memory = createCallMemory([request, answer]);
    memory.hold();
    memory.hold();
    memory.letGo();
    expect([request.length, answer.length]).to.deep.equal([20_000, 20_000]);
    memory.letGo();
    expect([request.length, answer.length]).to.deep.equal([0, 0]);
  });

  const SETTINGS: Array<Record<string, unknown>> = [{}, { 'target.type': 'openai-chat', 'target.model': 'm' }];
  for (const settings of SETTINGS) {
    it(`holds for all who read it later, however many calls there are at once: ${settings['target.type'] ?? 'native'}`, async () => {
      const simulator = await createSimulator({ listenAddress: '127.0.0.1:0', defaultScene: 'text', delayScale: 0 });
      const bodies = new Map<string, number>();
      const memory = createMemoryBus({ clock: systemClock, limits: DEFAULT_BUS_LIMITS });
      const bus: Bus = Object.assign(Object.create(memory) as Bus, {
        publish: async ({ id, body }: Publication) => {
          if (body === null) throw new Error('no body');
          const { request, answer } = await decodeBody(body);
          bodies.set(id, request.length);
          expect((await observe(answer)).complete).to.equal(true);
          return 'ok';
        },
        hasRoomFor: (bytes: number) => memory.hasRoomFor(bytes),
        counters: (group: Group) => memory.counters(group),
        backlog: (group: Group) => memory.backlog(group),
      });
      const spans: SpanRecord[] = [];
      const gateway = await startTestGateway({
        settings: { 'target.url': settings['target.type'] ? `${simulator.url}/v1` : simulator.url, ...settings },
        parts: { bus, tracing: { ...noTracing, enabled: true, emit: (emitted) => void spans.push(...emitted) } },
      });
      const sent = Array.from({ length: 30 }, (_, index) => {
        const content = `${index} ${'long '.repeat(20_000)}`;
        return messagesRequest({ body: { messages: [{ role: 'user', content }] } });
      });
      await Promise.all(sent.map((request) => send(gateway.url, request)));
      const lengths = sent.map(({ body }) => body.length).sort();
      await until(() => bodies.size === sent.length);
      const roots = (): SpanRecord[] => spans.filter(({ name }) => name === 'proxy_request');
      await until(() => roots().length === sent.length);
      await Promise.all([gateway.stop(), simulator.stop()]);
      expect([...bodies.values()].sort()).to.deep.equal(lengths);
      const told = roots().map((root) => Number(saidAttributes(root)['ccproxy.request.bytes']));
      expect(told.sort()).to.deep.equal(lengths);
      expect(
        gateway.lines
          .filter(({ event }) => event === 'request.finished')
          .map(({ fields }) => fields.request_bytes)
          .sort(),
      ).to.deep.equal(lengths);
    });
  }

  it('is left to the collector where the answer came compressed: its decoder may outlive who reads it', async () => {
    const freed: number[] = [];
    const { transfer } = ArrayBuffer.prototype;
    ArrayBuffer.prototype.transfer = function (length) {
      if (length === 0) freed.push(this.byteLength);
      return Reflect.apply(transfer, this, [length]);
    };
    const answer = JSON.stringify({ type: 'message', role: 'assistant', content: [], usage: {} });
    const upstream = createServer((request, response) => {
      const isPacked = request.headers['accept-encoding'] === 'gzip';
      const headers = { 'content-type': 'application/json', ...(isPacked ? { 'content-encoding': 'gzip' } : {}) };
      request.resume().on('end', () => response.writeHead(200, headers).end(isPacked ? gzipSync(answer) : answer));
    });
    await new Promise<void>((resolve) => upstream.listen(0, '127.0.0.1', resolve));
    const { port } = upstream.address() as AddressInfo;
    const gateway = await startTestGateway({ settings: { 'target.url': `http://127.0.0.1:${port}` } });
    const [packed, plain] = ['gzip', 'identity'].map((encoding, index) => {
      const messages = [{ role: 'user', content: 'x'.repeat(50_000 + index) }];
      return messagesRequest({ stream: false, headers: ['accept-encoding', encoding], body: { messages } });
    });
    try {
      for (const request of [packed, plain])
        if (request) expect((await send(gateway.url, request)).status).to.equal(200);
      await until(() => freed.includes(plain?.body.length ?? 0));
      expect(freed).not.to.include(packed?.body.length);
    } finally {
      ArrayBuffer.prototype.transfer = transfer;
      await gateway.stop();
      upstream.close();
    }
  });

  it('is left alone where it is small or shared with others', () => {
    const small = Buffer.allocUnsafeSlow(100);
    const shared = Buffer.allocUnsafeSlow(100_000).subarray(0, 50_000);
    const memory = createCallMemory([small, shared]);
    memory.hold();
    memory.letGo();
    expect([small.length, shared.length]).to.deep.equal([100, 50_000]);
  });
});
