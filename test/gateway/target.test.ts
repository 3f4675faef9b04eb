import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect } from 'chai';
import type { Scene } from '#services/simulator/script.ts';
import { createSimulator, type Simulator } from '#services/simulator/service.ts';
import { ConfigError } from '#shared/errors.ts';
import { createTargets } from '#shared/upstream/create-targets.ts';
import { startTestGateway, type TestGateway, testConfig, until } from '../support/gateway.ts';
import { attemptInTime } from '../support/patience.ts';
import { header, json, messagesRequest, type RawAnswer, send } from '../support/raw-client.ts';
import { loadRecordings } from '../support/recordings.ts';

describe('the target', () => {
  let passthrough: Simulator;
  let target: Simulator;
  const open: TestGateway[] = [];
  const start = async (settings: Record<string, unknown> = {}, env: Record<string, string> = {}) => {
    const all = { 'target.url': target.url, 'passthrough.url': passthrough.url, ...settings };
    const gateway = await startTestGateway({ settings: all, env });
    open.push(gateway);
    return gateway;
  };
  before(async () => {
    passthrough = await createSimulator({ listenAddress: '127.0.0.1:0', seed: 9, defaultScene: 'text' });
    target = await createSimulator({ listenAddress: '127.0.0.1:0', seed: 10, defaultScene: 'text' });
  });
  after(() => Promise.all([passthrough.stop(), target.stop()]));
  afterEach(async () => {
    await Promise.all(open.splice(0).map((gateway) => gateway.stop()));
    passthrough.reset();
    target.reset();
  });

  it('S0-06 --model forces the model for every request a client makes, titles, subagents and classifiers too', async () => {
    const gateway = await start({ 'target.model': 'glm-5-fp8' });
    const names = new Set<string>();
    for (const recorded of loadRecordings().filter(({ url }) => url.startsWith('/v1/messages'))) {
      const raw = { method: recorded.method, path: recorded.url, headers: recorded.rawHeaders, body: recorded.body };
      names.add((JSON.parse(recorded.body.toString()) as { model: string }).model);
      const answer = await send(gateway.url, raw);
      if (answer.status === 200 && recorded.url.startsWith('/v1/messages?')) {
        expect(header(answer, 'x-ccproxy-route')).to.equal('forced');
      }
    }
    expect(names.size, 'different models were asked for').to.be.greaterThan(5);
    expect(new Set(target.seen().map((seen) => (seen.body as { model: string }).model))).to.deep.equal(
      new Set(['glm-5-fp8']),
    );
    expect(target.seen().some((seen) => seen.path === '/v1/messages/count_tokens')).to.equal(true);
  }).timeout(30_000);

  it('S0-06 without --model the client’s name is sent on', async () => {
    const gateway = await start();
    await send(gateway.url, messagesRequest({ body: { model: 'claude-haiku-5-5' } }));
    expect(target.seen()[0]?.body).to.have.property('model', 'claude-haiku-5-5');
  });

  it('S0-07 P2 the target gets its own key or none, never the client’s', async () => {
    const credentials = [
      'x-api-key',
      'client-secret',
      'authorization',
      'Bearer client-secret',
      'cookie',
      'a=client-secret',
      'x-ccproxy-key',
      'client-secret',
    ];
    const bare = await start();
    await send(bare.url, messagesRequest({ headers: credentials }));
    const own = await start({ 'target.env_key': 'GLM_KEY' }, { GLM_KEY: 'target-secret' });
    await send(own.url, messagesRequest({ headers: credentials }));
    writeFileSync(`${own.folder}/key`, 'file-secret\n');
    const byFile = await start({ 'target.key_file': `${own.folder}/key`, 'target.auth_header': 'authorization' });
    await send(byFile.url, messagesRequest({ headers: credentials }));
    const byEnv = await start({}, { CC_TARGET__API_KEY: 'env-secret' });
    await send(byEnv.url, messagesRequest({ headers: credentials }));

    const seen = target
      .seen()
      .map(({ headers }) => [headers['x-api-key'], headers.authorization, headers.cookie, headers['x-ccproxy-key']]);
    expect(seen).to.deep.equal([
      [undefined, undefined, undefined, undefined],
      ['target-secret', undefined, undefined, undefined],
      [undefined, 'Bearer file-secret', undefined, undefined],
      ['env-secret', undefined, undefined, undefined],
    ]);
    for (const request of target.seen()) expect(request.rawHeaders.join()).to.not.include('client-secret');
  });

  it('S0-07 refuses credentials in the URL and a key variable that is not set, without showing the secret', () => {
    expect(() => testConfig({ 'target.url': 'https://user:hunter2@models.example.com' }))
      .to.throw(ConfigError, 'must not hold credentials')
      .and.satisfy((error: Error) => !error.message.includes('hunter2'));
    expect(() =>
      createTargets(testConfig({ 'target.url': 'http://127.0.0.1:1', 'target.env_key': 'NOT_SET' })),
    ).to.throw(ConfigError, 'NOT_SET');
  });

  it('a refused key of the gateway is a 502 that says so, a refused key of the client is the upstream’s 401', async () => {
    const gateway = await start({ 'target.env_key': 'GLM_KEY' }, { GLM_KEY: 'target-secret' });
    target.use('error-401');
    const ours = await send(gateway.url, messagesRequest());
    expect(ours.status).to.equal(502);
    expect(header(ours, 'x-should-retry')).to.equal('false');
    expect(json(ours)).to.have.nested.property('error.message').that.includes('rejected the gateway');
    const refused = { error_type: 'credential_refused' };
    await until(async () => (await gateway.metric('ccproxy_upstream_attempts_total', refused)) === 1);

    const compare = await start({ default_mode: 'compare' });
    passthrough.use('error-401');
    const theirs = await send(compare.url, messagesRequest());
    expect(theirs.status).to.equal(401);
    expect(json(theirs)).to.have.nested.property('error.type', 'authentication_error');
  });

  it('S1-06 a provider that names no protocol speaks Chat Completions, the passthrough always Anthropic’s', () => {
    const flags = { 'providers.p.base_url': 'http://p.example/v1', 'models.m.provider': 'p' };
    const targets = createTargets(
      testConfig({ ...flags, 'passthrough.passthrough_auth': false, 'passthrough.api_key': 'k' }),
    );
    expect(targets.models.get('m')?.type).to.equal('openai-chat');
    expect(targets.passthrough.credential).to.include({ header: 'x-api-key' });
  });

  const OF_ACCOUNT = {
    'anthropic-ratelimit-requests-remaining': '3',
    'anthropic-organization-id': 'org-of-the-key',
    'anthropic-workspace-id': 'workspace-of-the-key',
    'x-ratelimit-remaining-tokens': '7',
    'openai-organization': 'org-of-the-key',
    'openai-processing-ms': '12',
    'set-cookie': '__cf_bm=session-of-the-key',
    'alt-svc': 'h3=":443"',
  };
  const FOR_ALL = { 'request-id': 'req_7', 'retry-after': '7', 'x-should-retry': 'true' };

  it('of the account whose key the gateway uses no header of an answer or an error reaches a client', async () => {
    const byKey = await start({ 'target.api_key': 'k' });
    const without = await start();
    for (const { url } of [byKey, without]) {
      for (const status of [200, 429]) {
        target.use({ status, content: [{ type: 'text', text: 'hi' }], headers: { ...OF_ACCOUNT, ...FOR_ALL } });
        const answer = await send(url, messagesRequest());
        expect(answer.status).to.equal(status);
        for (const name of Object.keys(OF_ACCOUNT)) expect(header(answer, name), name).to.equal(undefined);
        for (const [name, value] of Object.entries(FOR_ALL)) expect(header(answer, name), name).to.equal(value);
      }
    }
  });

  it('of the account whose key the gateway uses no header of another path’s answer reaches a client', async () => {
    const asked: Array<string | undefined> = [];
    const upstream = createServer((request, response) => {
      asked.push(String(request.headers['x-api-key']));
      response.writeHead(200, { ...OF_ACCOUNT, ...FOR_ALL }).end('{}');
    }).listen(0, '127.0.0.1');
    await once(upstream, 'listening');
    const settings = {
      default_mode: 'compare',
      'passthrough.url': `http://127.0.0.1:${(upstream.address() as AddressInfo).port}`,
    };
    const path = { method: 'GET', path: '/v1/files', headers: ['x-api-key', 'clients-own'], body: Buffer.alloc(0) };
    try {
      const byKey = await start({ ...settings, 'passthrough.passthrough_auth': false, 'passthrough.api_key': 'k' });
      const hidden = await send(byKey.url, path);
      for (const name of Object.keys(OF_ACCOUNT)) expect(header(hidden, name), name).to.equal(undefined);
      expect(header(hidden, 'request-id')).to.equal('req_7');
      const byClient = await start(settings);
      const whole = await send(byClient.url, path);
      for (const [name, value] of Object.entries({ ...OF_ACCOUNT, ...FOR_ALL })) {
        expect(header(whole, name), name).to.equal(value);
      }
      expect(asked).to.deep.equal(['k', 'clients-own']);
    } finally {
      upstream.closeAllConnections();
      upstream.close();
    }
  });

  it('whose own credential asked gets each header of the upstream, also those of the account', async () => {
    const gateway = await start({ default_mode: 'compare' });
    passthrough.use({ content: [{ type: 'text', text: 'hi' }], headers: { ...OF_ACCOUNT, ...FOR_ALL } });
    const answer = await send(gateway.url, messagesRequest());
    for (const [name, value] of Object.entries({ ...OF_ACCOUNT, ...FOR_ALL })) {
      expect(header(answer, name), name).to.equal(value);
    }
  });

  it('safeguards and thread reach only an upstream that is Anthropic', async () => {
    const gateway = await start();
    const safeguards = await send(
      gateway.url,
      messagesRequest({ body: { safeguards: [{ type: 'dangerous_tool_use' }] } }),
    );
    expect(safeguards.status).to.equal(400);
    expect(json(safeguards)).to.have.nested.property('error.message').that.includes('safeguards');
    const thread = await send(gateway.url, messagesRequest({ body: { thread: { type: 'create' } } }));
    expect(json(thread)).to.have.nested.property('error.details.error_code', 'thread_unsupported_request');
    expect(target.seen()).to.have.length(0);
    const compare = await start({ default_mode: 'compare' });
    await send(compare.url, messagesRequest({ body: { safeguards: [{ type: 'dangerous_tool_use' }] } }));
    expect(passthrough.seen()[0]?.body).to.have.property('safeguards');
  });

  it('S0-15 no answer in time is a 504, silence in a stream one error event, and a long stream has no limit', async () => {
    // A second each: so long may this process not stand still.
    await attemptInTime(500, async () => {
      const gateway = await start({ 'target.first_byte_timeout_secs': 1, 'target.timeout_secs': 1 });
      const ask = async (scene: Scene): Promise<() => Promise<RawAnswer>> => {
        const before = target.seen().length;
        target.use(scene);
        const answer = send(gateway.url, messagesRequest());
        await target.until((seen) => (seen[before]?.scene ?? null) !== null);
        return () => answer;
      };
      const first = await ask({ content: [], fault: { kind: 'silence-before-headers' } });
      const hello = [{ type: 'text', text: 'hello' }];
      const second = await ask({ content: hello, fault: { kind: 'silence', after: 3 }, pings: 'none' });
      // Each piece in time, and all of them later than the limit.
      const pieces = { deltaChars: 1, delays: { betweenMs: 50 } };
      const third = await ask({ content: [{ type: 'text', text: 'a very long story, told slowly' }], ...pieces });

      const late = await first();
      expect(late.status).to.equal(504);
      expect(json(late)).to.have.nested.property('error.type', 'timeout_error');
      const silent = await second();
      expect(silent.end).to.equal('complete');
      expect(silent.body.toString()).to.match(
        /event: error\ndata: {"type":"error","error":{"type":"timeout_error"[^\n]*}\n\n$/,
      );

      const long = await third();
      expect(long.body.toString()).to.include('message_stop');
      await until(async () => (await gateway.metric('ccproxy_stream_terminations_total', { reason: 'complete' })) > 0);
      expect(await gateway.metric('ccproxy_stream_terminations_total', { reason: 'idle_timeout' })).to.equal(1);
    });
  }).timeout(30_000);

  it('S0-15 a deadline ends the whole answer', async () => {
    const gateway = await start({ 'target.deadline_secs': 1 });
    target.use({ content: [{ type: 'text', text: 'x'.repeat(200) }], deltaChars: 1, delays: { betweenMs: 50 } });
    const answer = await send(gateway.url, messagesRequest());
    expect(answer.body.toString())
      .to.match(/event: error\n/)
      .and.not.include('message_stop');
  });

  it('S0-15 a host that does not answer is a 502', async () => {
    const gone = await createSimulator({ listenAddress: '127.0.0.1:0' });
    await gone.stop();
    const gateway = await start({ 'target.url': gone.url });
    const answer = await send(gateway.url, messagesRequest());
    expect(answer.status).to.equal(502);
    expect(json(answer)).to.have.nested.property('error.type', 'api_error');
  });

  it('S0-16 one request more than target.max_concurrent gets 503 and retry-after, and the slot is held to the stream’s end', async () => {
    const gateway = await start({ 'target.max_concurrent': 2 });
    target.use({ content: [{ type: 'text', text: 'hello' }], delays: { firstByteMs: 300 } });
    const running = [send(gateway.url, messagesRequest()), send(gateway.url, messagesRequest())];
    await target.until((seen) => seen.length === 2);
    expect(await gateway.metric('ccproxy_gateway_requests_in_flight', { upstream: 'target' })).to.equal(2);
    const refused = await send(gateway.url, messagesRequest());
    expect(refused.status).to.equal(503);
    expect(header(refused, 'retry-after')).to.equal('1');
    expect((await Promise.all(running)).map((answer) => answer.status)).to.deep.equal([200, 200]);
    expect((await send(gateway.url, messagesRequest())).status).to.equal(200);
    expect(await gateway.metric('ccproxy_gateway_requests_in_flight', { upstream: 'target' })).to.equal(0);
  });

  it('a full server answers 529 with retry-after', async () => {
    const gateway = await start({ 'server.max_concurrent_requests': 1 });
    target.use({ content: [{ type: 'text', text: 'hello' }], delays: { firstByteMs: 300 } });
    const running = send(gateway.url, messagesRequest());
    await target.until((seen) => seen.length === 1);
    const refused = await send(gateway.url, messagesRequest());
    expect(refused.status).to.equal(529);
    expect(header(refused, 'retry-after')).to.equal('1');
    await running;
  });

  it('the upstream call ends when the client leaves, and nobody is told of an error', async () => {
    const gateway = await start();
    target.use({ content: [{ type: 'text', text: 'x'.repeat(500) }], deltaChars: 1, delays: { betweenMs: 20 } });
    const leaving = new AbortController();
    const { body, headers } = messagesRequest();
    const flat = Object.fromEntries(
      headers.flatMap((value, index) => (index % 2 ? [[headers[index - 1], value]] : [])),
    );
    const answer = await fetch(`${gateway.url}/v1/messages`, {
      method: 'POST',
      headers: flat,
      body,
      signal: leaving.signal,
    });
    await answer.body?.getReader().read();
    leaving.abort();
    const [seen] = await target.until((all) => all.some((request) => request.hungUp));
    expect(seen?.hungUp).to.equal(true);
    await until(
      async () => (await gateway.metric('ccproxy_gateway_requests_total', { outcome: 'client_abort' })) === 1,
    );
    expect(gateway.lines.filter((line) => line.level === 'error')).to.deep.equal([]);
  });

  it('an upstream that breaks inside an event is booked as a broken stream, not as a client that left', async () => {
    const gateway = await start();
    target.use({ content: [{ type: 'text', text: 'hello' }], fault: { kind: 'cut-inside', after: 3 } });
    expect((await send(gateway.url, messagesRequest())).end).to.equal('broken');
    await until(
      async () => (await gateway.metric('ccproxy_gateway_requests_total', { outcome: 'stream_error' })) === 1,
    );
    expect(await gateway.metric('ccproxy_stream_terminations_total', { reason: 'upstream_reset' })).to.equal(1);
    expect(await gateway.metric('ccproxy_gateway_requests_total', { outcome: 'client_abort' })).to.equal(0);
  });

  it('fix-unknown-credential-headers: nothing that looks like a credential reaches a target', async () => {
    const gateway = await start();
    const names = [
      'x-auth-token',
      'ocp-apim-subscription-key',
      'x-amz-security-token',
      'cf-access-client-secret',
      'anthropic-api-key',
    ];
    await send(gateway.url, messagesRequest({ headers: names.flatMap((name) => [name, 'client-secret']) }));
    expect(target.seen()[0]?.rawHeaders.join()).to.not.include('client-secret');
  });

  it('fix-stalled-client: a client that reads nothing for the idle time is let go', async () => {
    const gateway = await start({ 'target.timeout_secs': 1 });
    target.use({ content: [{ type: 'text', text: 'z'.repeat(30_000_000) }], deltaChars: 60_000 });
    const { connect } = await import('node:net');
    const { hostname, port } = new URL(gateway.url);
    const request = messagesRequest();
    const socket = connect(Number(port), hostname);
    socket.write(`POST /v1/messages HTTP/1.1\r\nhost: localhost\r\ncontent-length: ${request.body.length}\r\n\r\n`);
    socket.write(request.body);
    socket.once('data', () => socket.pause());
    await until(
      async () => (await gateway.metric('ccproxy_gateway_requests_total', { outcome: 'client_abort' })) === 1,
    );
    socket.destroy();
  });

  it('fix-http-1.0: to a client of HTTP/1.0 a broken answer is a reset connection', async () => {
    const gateway = await start();
    target.use({ content: [{ type: 'text', text: 'hello' }], fault: { kind: 'cut-inside', after: 3 } });
    const { connect } = await import('node:net');
    const { hostname, port } = new URL(gateway.url);
    const request = messagesRequest();
    const socket = connect(Number(port), hostname);
    socket.write(`POST /v1/messages HTTP/1.0\r\nhost: localhost\r\ncontent-length: ${request.body.length}\r\n\r\n`);
    socket.write(request.body);
    socket.resume();
    const code = await new Promise((resolve) => {
      socket.on('error', (error: NodeJS.ErrnoException) => resolve(error.code));
      socket.on('end', () => resolve('an orderly end'));
    });
    expect(code).to.equal('ECONNRESET');
  });

  it('a slow client slows the upstream down instead of filling memory', async () => {
    const gateway = await start();
    const blocks = [{ type: 'text', text: 'z'.repeat(30_000_000) }];
    target.use({ content: blocks, deltaChars: 60_000 });
    const { connect } = await import('node:net');
    const { hostname, port } = new URL(gateway.url);
    const request = messagesRequest();
    const socket = connect(Number(port), hostname);
    socket.write(`POST /v1/messages HTTP/1.1\r\nhost: localhost\r\ncontent-length: ${request.body.length}\r\n\r\n`);
    socket.write(request.body);
    let received = 0;
    await new Promise<void>((resolve) => {
      socket.once('data', (chunk) => {
        received += chunk.length;
        socket.pause();
        resolve();
      });
    });
    // Nothing is read for a while: what the gateway took from the upstream stays bounded by the sockets' buffers.
    const taken = (): number => target.seen()[0]?.endedAtMs ?? 0;
    for (let turn = 0; turn < 50; turn++) await new Promise((resolve) => setImmediate(resolve));
    expect(taken(), 'the upstream is not done').to.equal(0);
    await new Promise<void>((resolve) => {
      socket.on('data', (chunk) => {
        received += chunk.length;
        if (received > 30_000_000) resolve();
      });
      socket.resume();
    });
    socket.destroy();
  }).timeout(20_000);
});
