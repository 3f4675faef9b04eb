import { IncomingMessage, ServerResponse } from 'node:http';
import { expect } from 'chai';
import { createSimulator, type Simulator } from '#services/simulator/service.ts';
import { startTestGateway, type TestGateway } from '../support/gateway.ts';
import { messagesRequest, send } from '../support/raw-client.ts';

describe("the gateway's requests and responses", () => {
  let upstream: Simulator;
  let gateway: TestGateway;
  const { setPrototypeOf } = Object;

  before(async () => {
    upstream = await createSimulator({ listenAddress: '127.0.0.1:0', defaultScene: 'text', delayScale: 0 });
    gateway = await startTestGateway({ settings: { 'target.url': upstream.url, 'passthrough.url': upstream.url } });
  });
  afterEach(() => Object.assign(Object, { setPrototypeOf }));
  after(() => gateway.stop().then(() => upstream.stop()));

  for (const { what, request } of [
    { what: 'a message', request: messagesRequest() },
    { what: 'its own API', request: { ...messagesRequest(), method: 'GET', path: '/api/mode' } },
    { what: 'another path', request: { ...messagesRequest(), path: '/v1/files' } },
  ]) {
    it(`get no other prototype from Express, which would make them slow: ${what}`, async () => {
      const asked: string[] = [];
      const changed: string[] = [];
      Object.setPrototypeOf = <T>(value: T, prototype: object | null): T => {
        const isMessage = value instanceof IncomingMessage || value instanceof ServerResponse;
        if (isMessage) asked.push(value.constructor.name);
        if (isMessage && Object.getPrototypeOf(value) !== prototype) changed.push(value.constructor.name);
        return setPrototypeOf(value, prototype) as T;
      };

      const { status } = await send(gateway.url, request);

      expect(status).to.be.below(500);
      expect(asked).to.not.deep.equal([]);
      expect(changed).to.deep.equal([]);
    });
  }
});
