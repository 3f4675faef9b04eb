import { once } from 'node:events';
import { connect } from 'node:net';
import { gzipSync, zstdCompressSync } from 'node:zlib';
import { expect } from 'chai';
import fc from 'fast-check';
import { createSimulator, type Simulator } from '#services/simulator/service.ts';
import { startTestGateway, type TestGateway, until } from '../support/gateway.ts';
import { header, json, messagesRequest, type RawAnswer, send } from '../support/raw-client.ts';

const SECRET = 'sk-ant-secret-of-the-client';

describe('bad input', () => {
  let target: Simulator;
  let gateway: TestGateway;
  before(async () => {
    target = await createSimulator({ listenAddress: '127.0.0.1:0', defaultScene: 'text', delayScale: 0, keepSeen: 3 });
    gateway = await startTestGateway({ settings: { 'target.url': target.url, 'target.model': 'glm-5' } });
  });
  after(() => gateway.stop().then(() => target.stop()));
  beforeEach(() => target.reset());

  const post = (body: Buffer | string, headers: string[] = []): Promise<RawAnswer> => {
    const bytes = Buffer.from(body);
    return send(gateway.url, {
      method: 'POST',
      path: '/v1/messages',
      headers: [
        'content-type',
        'application/json',
        'x-api-key',
        SECRET,
        'content-length',
        String(bytes.length),
        ...headers,
      ],
      body: bytes,
    });
  };
  const expectRefused = (answer: RawAnswer, status: number, type: string, message: RegExp): void => {
    expect(answer.status).to.equal(status);
    expect(json(answer)).to.include({ type: 'error' });
    expect(json(answer)).to.have.nested.property('error.type', type);
    expect(json(answer)).to.have.nested.property('error.message').that.matches(message);
    expect(json(answer)).to.have.property('request_id', header(answer, 'x-ccproxy-request-id'));
    expect(answer.body.toString()).to.not.include(SECRET);
    expect(target.seen()).to.have.length(0);
  };

  it('a body that is not JSON, not an object, or without a model is a 400 that names the fault', async () => {
    expectRefused(await post('hello'), 400, 'invalid_request_error', /not valid JSON/);
    expectRefused(await post(''), 400, 'invalid_request_error', /empty/);
    expectRefused(await post('{"model":"m","messages":['), 400, 'invalid_request_error', /not valid JSON/);
    expectRefused(await post('[{"model":"m"}]'), 400, 'invalid_request_error', /must be a JSON object/);
    expectRefused(await post('{"messages":[]}'), 400, 'invalid_request_error', /^model: /);
    expectRefused(await post('{"model":""}'), 400, 'invalid_request_error', /^model: /);
    expectRefused(await post('{"model":{"a":1}}'), 400, 'invalid_request_error', /^model: /);
    expectRefused(await post('{"model":"a","model":"b"}'), 400, 'invalid_request_error', /^model: .*twice/);
  });

  it('nesting of 10,000 levels is a 400 and costs nothing', async () => {
    expectRefused(
      await post(`{"model":"m","messages":${'['.repeat(10_000)}${']'.repeat(10_000)}}`),
      400,
      'invalid_request_error',
      /nested deeper/,
    );
  });

  it('31 MiB pass, 33 MiB are a 413, declared or not', async () => {
    const filled = (mib: number): Buffer => {
      const head = Buffer.from('{"model":"m","messages":[],"pad":"');
      return Buffer.concat([head, Buffer.alloc(mib * 1024 * 1024 - head.length - 2, 'a'), Buffer.from('"}')]);
    };
    expect((await post(filled(31))).status).to.equal(200);
    target.reset();
    expectRefused(await post(filled(33)), 413, 'request_too_large', /33554432/);
    const chunked = await send(gateway.url, {
      method: 'POST',
      path: '/v1/messages',
      headers: ['transfer-encoding', 'chunked'],
      body: filled(33),
    });
    expectRefused(chunked, 413, 'request_too_large', /33554432/);
  }).timeout(20_000);

  it('compressed bodies are decoded within the limit, and a bomb is a 413', async () => {
    const body = messagesRequest().body;
    for (const [encoding, bytes] of [
      ['gzip', gzipSync(body)],
      ['zstd', zstdCompressSync(body)],
    ] as const) {
      target.reset();
      expect((await post(bytes, ['content-encoding', encoding])).status).to.equal(200);
      expect(target.seen()[0]?.headers['content-encoding']).to.equal(undefined);
      expect(target.seen()[0]?.body).to.have.property('model', 'glm-5');
    }
    target.reset();
    expectRefused(
      await post(gzipSync(Buffer.alloc(64 * 1024 * 1024)), ['content-encoding', 'gzip']),
      413,
      'request_too_large',
      /larger than/,
    );
    expectRefused(await post('not gzip', ['content-encoding', 'gzip']), 400, 'invalid_request_error', /not valid gzip/);
    expectRefused(await post(body, ['content-encoding', 'rot13']), 415, 'invalid_request_error', /rot13/);
  });

  it('a header bomb is a 431 in the client’s error shape', async () => {
    const answer = await raw(`POST /v1/messages HTTP/1.1\r\nhost: x\r\nx-bomb: ${'a'.repeat(100_000)}\r\n\r\n`);
    expect(answer)
      .to.match(/^HTTP\/1\.1 431 /)
      .and.include('"type":"invalid_request_error"');
    const many = await raw(`POST /v1/messages HTTP/1.1\r\nhost: x\r\n${'x-many: 1\r\n'.repeat(20_000)}\r\n`);
    expect(many).to.match(/^HTTP\/1\.1 431 /);
  });

  it('broken chunking and broken HTTP are a 400 in the client’s error shape', async () => {
    const broken = await raw(
      'POST /v1/messages HTTP/1.1\r\nhost: localhost\r\ntransfer-encoding: chunked\r\n\r\nZZZ\r\n{"model"',
    );
    expect(broken)
      .to.match(/^HTTP\/1\.1 400 /)
      .and.include('"type":"error"');
    expect(await raw('NONSENSE\r\n\r\n')).to.match(/^HTTP\/1\.1 400 /);
    const smuggling = await raw(
      'POST /v1/messages HTTP/1.1\r\nhost: x\r\ncontent-length: 5\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n',
    );
    expect(smuggling).to.match(/^HTTP\/1\.1 400 /);
    expect(target.seen()).to.have.length(0);
  });

  it('a client that leaves in the middle of its body is no error', async () => {
    const own = await startTestGateway({ settings: { 'target.url': target.url } });
    const { hostname, port } = new URL(own.url);
    const socket = connect(Number(port), hostname);
    socket.write(
      'POST /v1/messages HTTP/1.1\r\nhost: localhost\r\nexpect: 100-continue\r\ncontent-length: 1000\r\n\r\n{"model"',
    );
    const [interim] = (await once(socket, 'data')) as [Buffer];
    expect(interim.toString()).to.match(/^HTTP\/1\.1 100 /);
    socket.destroy();
    await until(async () => (await own.metric('ccproxy_gateway_requests_total', { outcome: 'client_abort' })) === 1);
    expect(own.lines.filter(({ level }) => level === 'error')).to.deep.equal([]);
    await own.stop();
  });

  it('a model name that no header may hold is served', async () => {
    const answer = await post(JSON.stringify({ model: 'mödel\r\nx-evil: 1 世界 \ud800', messages: [], max_tokens: 1 }));
    expect(answer.status).to.equal(200);
    const free = await startTestGateway({ settings: { 'target.url': target.url } });
    const named = await send(free.url, messagesRequest({ body: { model: 'mödel\r\nx-evil: 1 世界' } }));
    expect(named.status).to.equal(200);
    expect(header(named, 'x-evil')).to.equal(undefined);
    await free.stop();
  });

  it('arbitrary bodies never crash it and always get an answer', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.oneof(
          fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.from(bytes)),
          fc.json().map((text) => Buffer.from(text)),
        ),
        async (body) => {
          const answer = await post(body);
          expect(answer.status).to.be.oneOf([200, 400]);
          if (answer.status === 400) expect(json(answer)).to.have.property('type');
        },
      ),
      { numRuns: 150 },
    );
    expect(gateway.lines.filter((line) => line.event === 'request.failed')).to.deep.equal([]);
    expect((await send(gateway.url, messagesRequest())).status).to.equal(200);
  });

  it('fix-unreadable-turn: odd names and missing messages are recorded like any other request', async () => {
    const own = await startTestGateway({ settings: { 'target.url': target.url } });
    const odd = [
      { model: 'm' },
      { model: 'm', tools: [{ name: { toString: 1 } }], messages: 7 },
      { model: 'm', tools: [null] },
    ];
    for (const body of odd) await send(own.url, messagesRequest({ body: { messages: undefined, ...body } }));
    await until(async () => (await own.bus.counters('history')).published === odd.length);
    expect(own.lines.filter((line) => line.event === 'exchange.failed')).to.deep.equal([]);
    await own.stop();
  });

  it('fix-prototype-block-type: a block named like a method is counted once, like any other', async () => {
    const own = await startTestGateway({ settings: { 'target.url': target.url } });
    const messages = [{ role: 'user', content: [{ type: 'constructor', x: 1 }] }];
    await send(own.url, messagesRequest({ body: { messages } }));
    await until(async () => (await own.metric('ccproxy_drift_total', { kind: 'block' })) === 1);
    expect(own.lines.filter((line) => line.event === 'request.finished')).to.have.length(1);
    expect(own.lines.filter((line) => line.fields.what === 'inspection')).to.deep.equal([]);
    await own.stop();
  });

  it('fix-prototype-encoding: an encoding named like a method is unknown', async () => {
    expectRefused(await post('{}', ['content-encoding', 'constructor']), 415, 'invalid_request_error', /constructor/);
  });

  it('fix-tiny-chunks: a body in pieces of one byte is held as its bytes', async () => {
    const body = messagesRequest().body;
    const { hostname, port } = new URL(gateway.url);
    const socket = connect(Number(port), hostname);
    socket.write(
      'POST /v1/messages HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\ntransfer-encoding: chunked\r\n\r\n',
    );
    for (const byte of body)
      socket.write(Buffer.concat([Buffer.from('1\r\n'), Buffer.from([byte]), Buffer.from('\r\n')]));
    socket.write('0\r\n\r\n');
    const [head] = (await once(socket, 'data')) as [Buffer];
    expect(head.toString()).to.match(/^HTTP\/1\.1 200 /);
    socket.destroy();
    expect(target.seen()[0]?.body).to.have.property('messages').with.length(1);
  });

  it('never logs a credential', () => {
    expect(JSON.stringify(gateway.lines)).to.not.include(SECRET);
  });

  /** Sends bytes as they are and returns what comes back until the connection ends. */
  function raw(text: string): Promise<string> {
    const { hostname, port } = new URL(gateway.url);
    return new Promise((resolve, reject) => {
      const socket = connect(Number(port), hostname, () => socket.write(text));
      let received = '';
      socket.on('data', (chunk) => {
        received += chunk.toString('latin1');
        if (received.includes('\r\n\r\n')) socket.end();
      });
      socket.on('close', () => resolve(received));
      socket.on('error', (error) => (received ? resolve(received) : reject(error)));
    });
  }
});
