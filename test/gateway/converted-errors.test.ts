// What clients see when an upstream refuses, whichever protocol it speaks and whoever's key it was.
import { expect } from 'chai';
import type { Scene } from '#services/simulator/script.ts';
import { createSimulator, type Simulator } from '#services/simulator/service.ts';
import {
  CONVERTED_ROUTES,
  type EveryRoute,
  NATIVE_ROUTE,
  readStream,
  startEveryRoute,
} from '../support/every-route.ts';
import { startTestGateway, type TestGateway, until } from '../support/gateway.ts';
import { header, json, messagesRequest, type RawAnswer, send } from '../support/raw-client.ts';

const NAMES = CONVERTED_ROUTES.map(({ name }) => name);
const WORDS = 'this exact wording of the upstream';

describe('errors of every protocol', () => {
  let bed: EveryRoute;
  before(async () => {
    bed = await startEveryRoute();
  });
  after(() => bed.stop());

  function expectEnvelope(answer: RawAnswer, status: number, type: string): string {
    expect(answer.status, answer.body.toString()).to.equal(status);
    expect(header(answer, 'content-type')).to.equal('application/json');
    const { type: kind, error, request_id } = json(answer) as Record<string, unknown> & { error: { message: string } };
    expect(kind).to.equal('error');
    expect(error).to.have.property('type', type);
    expect(request_id).to.be.a('string');
    return error.message;
  }

  for (const name of NAMES) {
    it(`S1-14 have the client's envelope, the type and status that belong together, and the upstream's words: ${name}`, async () => {
      for (const [status, type, shown = status] of [
        [400, 'invalid_request_error'],
        [422, 'invalid_request_error', 400],
        [402, 'billing_error'],
        [404, 'not_found_error'],
        [413, 'request_too_large'],
        [429, 'rate_limit_error'],
        [500, 'api_error'],
        [502, 'api_error'],
        [504, 'timeout_error'],
        [529, 'overloaded_error'],
      ] as const) {
        for (const stream of [true, false]) {
          const answer = await bed.ask(name, { scene: { status, error: { message: WORDS } }, stream });
          const message = expectEnvelope(answer, shown, type);
          expect(message).to.include(WORDS);
          if (shown === 400) expect(message, 'says who refused').to.equal(`${name}: ${WORDS}`);
        }
      }
    });

    it(`S1-14 are never text, a page, or nothing: ${name}`, async () => {
      for (const [status, body] of [
        [400, 'plain words'],
        [502, '<html><head><title>502 Bad Gateway</title></head></html>'],
        [500, ''],
      ] as const) {
        const answer = await bed.ask(name, { scene: { status, body } });
        const message = expectEnvelope(answer, status, status === 400 ? 'invalid_request_error' : 'api_error');
        expect(message).to.be.a('string').with.length.above(0);
        expect(message).to.not.include('<');
      }
    });

    it(`S1-14 inside a stream are one event of the same shape: ${name}`, async () => {
      const content = [{ type: 'text', text: 'Begun, and more of it. '.repeat(20) }];
      const scene: Scene = { content, fault: { kind: 'error-event', after: 5 } };
      const { types, events } = readStream(await bed.ask(name, { scene }));
      expect(types.filter((type) => type === 'error')).to.have.length(1);
      expect(events.at(-1))
        .to.have.nested.property('error.type')
        .that.matches(/_error$/);
      expect(events.at(-1)).to.have.nested.property('error.message').that.is.a('string').with.length.above(0);
    });

    it(`S1-14 say in whole seconds how long to wait, at most 60 where that helps: ${name}`, async () => {
      for (const [said, shown, isHopeless] of [
        ['7', '7', false],
        ['1.2', '2', false],
        ['90', '60', false],
        ['86000', '86000', true],
      ] as const) {
        const headers = { 'retry-after': said };
        const answer = await bed.ask(name, { scene: { status: 429, error: { message: WORDS }, headers } });
        // Gemini says in its body, too, how long: the longer counts.
        const wanted = name === 'gemini' ? String(Math.max(35, Number(shown))) : shown;
        expect(header(answer, 'retry-after')).to.equal(wanted);
        expect(header(answer, 'x-should-retry')).to.equal(isHopeless ? 'false' : undefined);
      }
      const none = await bed.ask(name, { scene: { status: 400, error: { message: WORDS } } });
      expect(header(none, 'retry-after')).to.equal(undefined);
    });
  }

  for (const name of [NATIVE_ROUTE.name, ...NAMES]) {
    it(`S1-14 a refused key of the gateway is a 502 that nobody tries again, counted and logged for the operator: ${name}`, async () => {
      const labels = { upstream: name, error_type: 'credential_refused' };
      const lines = () =>
        bed.gateway.lines.filter(
          ({ event, fields }) => event === 'upstream.credential_refused' && fields.provider === name,
        );
      for (const [index, status] of [401, 403].entries()) {
        const error = { message: `Incorrect API key provided: key-of-${name}` };
        const answer = await bed.ask(name, { scene: { status, error } });
        const message = expectEnvelope(answer, 502, 'api_error');
        expect(message).to.include("rejected the gateway's credentials").and.not.include('key-of');
        expect(header(answer, 'x-should-retry')).to.equal('false');
        await bed.gateway.until(
          async () => (await bed.gateway.metric('ccproxy_upstream_attempts_total', labels)) === index + 1,
        );
        expect(lines()).to.have.length(index + 1);
        expect(lines().at(-1)).to.have.property('level', 'error');
      }
      expect(JSON.stringify(bed.gateway.lines)).to.not.include(`key-of-${name}`);
    });

    it(`S1-14 a 403 about a model or a region is the client's to read, and no alert: ${name}`, async () => {
      const labels = { upstream: name, error_type: 'credential_refused' };
      const before = await bed.gateway.metric('ccproxy_upstream_attempts_total', labels);
      for (const message of ['You have no access to this model.', 'Not available in your region.']) {
        const answer = await bed.ask(name, { scene: { status: 403, error: { message } } });
        expect(expectEnvelope(answer, 403, 'permission_error')).to.include(message);
      }
      const forbidden = (): number =>
        bed.gateway.lines.filter(
          ({ event, fields }) => event === 'request.finished' && fields.upstream === name && fields.status === 403,
        ).length;
      await until(() => forbidden() === 2);
      expect(await bed.gateway.metric('ccproxy_upstream_attempts_total', labels)).to.equal(before);
    });
  }
});

describe('errors of a native upstream that has the gateway’s own key', () => {
  let upstream: Simulator;
  let gateway: TestGateway;
  before(async () => {
    upstream = await createSimulator({ listenAddress: '127.0.0.1:0', seed: 4, delayScale: 0 });
    gateway = await startTestGateway({ settings: { 'target.url': upstream.url, 'target.api_key': 'key-of-target' } });
  });
  after(() => gateway.stop().then(() => upstream.stop()));

  for (const body of [
    '{"type":"error","error":{"type":"forbidden","message":"Request not allowed"}}',
    '',
    '<html><head><title>Attention Required! | A wall before the API</title></head></html>',
    '{"type":"error","error":{"type":"permission_error","message":"Your API key does not have permission to use the specified model."}}',
    '{"type":"error","error":{"type":"permission_error","message":"File file_011 does not belong to this organization."}}',
    '{"type":"error","error":{"type":"permission_error","message":"The long context beta is not available for this subscription."}}',
    '{"type":"error","error":{"type":"permission_error","message":"max_tokens above 8192 is not allowed on your plan."}}',
  ]) {
    it(`S1-14 stay as they are where a 403 does not blame the key: ${body || 'nothing said'}`, async () => {
      upstream.use({ status: 403, body });
      const answer = await send(gateway.url, messagesRequest());
      expect([answer.status, answer.body.toString()]).to.deep.equal([403, body]);
    });
  }

  it('S1-14 are the gateway’s where a 403 blames it, however large and however packed the rest is', async () => {
    const message = 'The credential you sent has been revoked.';
    for (const filled of [message, message + ' '.repeat(200_000)]) {
      upstream.use({ status: 403, error: { message: filled }, compress: 'gzip' });
      const answer = await send(gateway.url, messagesRequest());
      expect([answer.status, json(answer)]).to.have.nested.property('1.error.type', 'api_error');
      expect(answer.status).to.equal(502);
    }
  });
});

describe('errors of a native upstream that has the client’s own credential', () => {
  let upstream: Simulator;
  let gateway: TestGateway;
  before(async () => {
    upstream = await createSimulator({ listenAddress: '127.0.0.1:0', seed: 3, delayScale: 0 });
    const settings = { default_mode: 'anthropic-only', 'passthrough.url': upstream.url };
    gateway = await startTestGateway({ settings, allowAnthropicOnly: true });
  });
  after(() => gateway.stop().then(() => upstream.stop()));

  it('S1-14 pass with status and bytes: a refused one is the client’s own 401, and no alert', async () => {
    for (const scene of ['error-401', 'error-400', 'error-429', 'error-529', 'error-500']) {
      upstream.use(scene);
      const direct = await send(upstream.url, messagesRequest());
      const through = await send(gateway.url, messagesRequest());
      expect(through.status).to.equal(direct.status);
      const plain = (body: Buffer): string => body.toString().replace(/req_\w+/g, 'req');
      expect(plain(through.body)).to.equal(plain(direct.body));
      expect(header(through, 'retry-after')).to.equal(header(direct, 'retry-after'));
    }
    await until(async () => (await gateway.metric('ccproxy_upstream_attempts_total')) === 5);
    expect(gateway.lines.map(({ event }) => event)).to.not.include('upstream.credential_refused');
    expect(await gateway.metric('ccproxy_upstream_attempts_total', { error_type: 'credential_refused' })).to.equal(0);
  });

  it('S1-14 conv E-11 of the gateway itself have the same envelope', async () => {
    const broken = {
      ...messagesRequest(),
      body: Buffer.from('{"model":'),
      headers: ['content-type', 'application/json', 'content-length', '9'],
    };
    const answer = await send(gateway.url, broken);
    expect(answer.status).to.equal(400);
    expect(json(answer)).to.have.nested.property('error.type', 'invalid_request_error');
    expect(json(answer)).to.have.property('type', 'error');
  });
});
