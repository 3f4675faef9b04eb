import { createHash, randomBytes } from 'node:crypto';
import { expect } from 'chai';
import { createSimulator, type Simulator } from '#services/simulator/service.ts';
import { startTestGateway, type TestGateway, testConfig, until } from '../support/gateway.ts';
import { header, json, messagesRequest, type RawRequest, send } from '../support/raw-client.ts';

const get = (path: string, headers: string[] = []): RawRequest => ({
  method: 'GET',
  path,
  headers,
  body: Buffer.alloc(0),
});

describe('paths', () => {
  let passthrough: Simulator;
  let target: Simulator;
  let inTarget: TestGateway;
  let inCompare: TestGateway;

  before(async () => {
    passthrough = await createSimulator({ listenAddress: '127.0.0.1:0', seed: 7, defaultScene: 'text', delayScale: 0 });
    target = await createSimulator({ listenAddress: '127.0.0.1:0', seed: 8, defaultScene: 'text', delayScale: 0 });
    const settings = { 'target.url': target.url, 'target.model': 'glm-5-fp8', 'passthrough.url': passthrough.url };
    inTarget = await startTestGateway({ settings, parts: { adminToken: 'the-admin-token' } });
    inCompare = await startTestGateway({
      settings: { ...settings, default_mode: 'compare' },
      parts: { adminToken: 'the-admin-token' },
    });
  });
  after(() =>
    Promise.all([inTarget.stop(), inCompare.stop()]).then(() => Promise.all([passthrough.stop(), target.stop()])),
  );
  beforeEach(() => {
    passthrough.reset();
    target.reset();
  });

  it('S0-08 other paths go to the passthrough as they are: method, path, query and bytes, of any size', async () => {
    const body = randomBytes(40 * 1024 * 1024);
    const requests: RawRequest[] = [
      {
        method: 'POST',
        path: '/v1/files?beta=true&x=%2F%20',
        headers: ['content-type', 'application/octet-stream', 'content-length', String(body.length)],
        body,
      },
      { method: 'PATCH', path: '/v1/odd//path?a=1&a=2', headers: ['content-length', '2'], body: Buffer.from('{}') },
      { method: 'DELETE', path: '/v1/files/f_1', headers: [], body: Buffer.alloc(0) },
      get('/v1/organizations?limit=3'),
      get('/api/claude_cli/bootstrap'),
      { method: 'POST', path: '/api/event_logging/batch', headers: ['content-length', '2'], body: Buffer.from('[]') },
    ];
    for (const request of requests) {
      const answer = await send(inCompare.url, request);
      expect(answer.status, request.path).to.equal(200);
      expect(json(answer)).to.deep.equal(json(await send(passthrough.url, request)));
    }
    const [first] = passthrough.seen();
    expect(first?.url).to.equal('/v1/files?beta=true&x=%2F%20');
    expect(first?.sha256).to.equal(createHash('sha256').update(body).digest('hex'));
    expect(target.seen()).to.have.length(0);
  }).timeout(30_000);

  it('S0-08 target mode answers other paths with 404 in the client’s error shape and asks nobody', async () => {
    for (const path of ['/v1/files', '/v1/organizations', '/anything', '/api/event_logging/batch']) {
      const answer = await send(inTarget.url, get(path));
      expect(answer.status, path).to.equal(404);
      expect(json(answer)).to.have.nested.property('error.type', 'not_found_error');
      expect(json(answer)).to.have.property('type', 'error');
    }
    expect(passthrough.seen()).to.have.length(0);
    expect(target.seen()).to.have.length(0);
  });

  it('S0-08 HEAD / and HEAD /api/hello are 200 without a credential and without an upstream', async () => {
    for (const gateway of [inTarget, inCompare]) {
      for (const path of ['/', '/api/hello']) {
        const answer = await send(gateway.url, { method: 'HEAD', path, headers: [], body: Buffer.alloc(0) });
        expect(answer.status).to.equal(200);
      }
    }
    expect(passthrough.seen()).to.have.length(0);
  });

  it('S0-08 a refused passthrough is a 502 in the client’s error shape', async () => {
    const gone = await createSimulator({ listenAddress: '127.0.0.1:0' });
    await gone.stop();
    const gateway = await startTestGateway({
      settings: { 'target.url': target.url, 'passthrough.url': gone.url, default_mode: 'compare' },
    });
    const answer = await send(gateway.url, get('/v1/files'));
    expect(answer.status).to.equal(502);
    expect(json(answer)).to.have.nested.property('error.type', 'api_error');
    await gateway.stop();
  });

  it('names of the admin API are answered here and the admin token is forwarded nowhere', async () => {
    for (const path of ['/api/history', '/api/pairs/x', '/api/tiers', '/api/rules/x', '/api/mode/x']) {
      expect((await send(inCompare.url, get(path))).status, path).to.equal(404);
    }
    for (const request of [
      get('/v1/files', ['authorization', 'Bearer the-admin-token']),
      messagesRequest({ headers: ['authorization', 'Bearer the-admin-token'] }),
    ]) {
      const answer = await send(inCompare.url, request);
      expect(answer.status).to.equal(403);
      expect(answer.body.toString()).to.not.include('the-admin-token');
    }
    expect(passthrough.seen()).to.have.length(0);
  });

  it('fix-admin-token-in-any-header: a request that holds the admin token anywhere goes nowhere', async () => {
    for (const headers of [
      ['x-api-key', 'the-admin-token'],
      ['authorization', 'the-admin-token'],
      ['cookie', 'a=1; t=the-admin-token'],
    ]) {
      const answer = await send(inCompare.url, messagesRequest({ headers }));
      expect(answer.status, headers.join()).to.equal(403);
    }
    expect(passthrough.seen()).to.have.length(0);
  });

  it('fix-absolute-form: a request line with a whole URL goes where everything goes', async () => {
    const answer = await send(inTarget.url, {
      ...messagesRequest(),
      path: 'http://evil.example/v1/messages?beta=true',
    });
    expect(answer.status).to.equal(200);
    expect(target.seen()[0]?.url).to.equal('/v1/messages?beta=true');
  });

  it('fix-foreign-page: no page of another site and no rebound name is served by a gateway of this machine, also after its own', async () => {
    const own = await send(inTarget.url, messagesRequest({ headers: ['origin', 'http://localhost:5173'] }));
    expect(own.status).to.equal(200);
    for (const headers of [
      ['origin', 'https://evil.example'],
      ['origin', 'null'],
      ['host', 'evil.example:3080'],
      ['host', 'evil.example:3080', 'origin', 'http://localhost:5173'],
    ]) {
      const answer = await send(inTarget.url, messagesRequest({ headers }));
      expect(answer.status, headers.join()).to.equal(403);
    }
    expect(target.seen()).to.have.length(1);
  });

  it('S0-09 lists our models from memory with limits and under an alias clients keep', async () => {
    const answer = await send(inTarget.url, get('/v1/models?limit=1000'));
    expect(answer.status).to.equal(200);
    const { data } = json(answer) as { data: Array<Record<string, unknown>> };
    expect(data.map((entry) => entry.id)).to.deep.equal(['glm-5-fp8', 'claude-glm-5-fp8']);
    for (const entry of data)
      expect(entry).to.include.keys('type', 'display_name', 'created_at', 'max_input_tokens', 'max_tokens');
    expect(json(await send(inTarget.url, get('/v1/models/claude-glm-5-fp8')))).to.include({
      display_name: 'glm-5-fp8',
    });
    expect((await send(inTarget.url, get('/v1/models/nobody'))).status).to.equal(404);
    expect(target.seen()).to.have.length(0);
  });

  it('S0-09 shows the limits of configured models', async () => {
    const folder = await import('node:fs/promises');
    const file = `${inTarget.folder}/models.toml`;
    await folder.writeFile(
      file,
      `[providers.glm]\ntype = "anthropic"\nbase_url = "${target.url}"\n[models."glm-5.1"]\nprovider = "glm"\ndisplay_name = "GLM 5.1"\ncontext_window = 200000\nmax_output = 32000\naliases = ["fast"]\n`,
    );
    const gateway = await startTestGateway({ settings: {}, env: { CC_PROXY_CONFIG: file } });
    const { data } = json(await send(gateway.url, get('/v1/models'))) as { data: Array<Record<string, unknown>> };
    expect(data.map((entry) => entry.id)).to.deep.equal(['glm-5.1', 'fast', 'claude-glm-5.1']);
    expect(data[0]).to.include({ display_name: 'GLM 5.1', max_input_tokens: 200000, max_tokens: 32000 });
    await send(gateway.url, messagesRequest({ body: { model: 'fast' } }));
    expect(target.seen()[0]?.body).to.have.property('model', 'glm-5.1');
    await gateway.stop();
  });

  it('S0-09 merges the passthrough’s list, asked for in the background with the client’s own credential', async () => {
    const list = async (): Promise<string[]> => {
      const answer = await send(inCompare.url, get('/v1/models', ['x-api-key', 'client-key']));
      return (json(answer) as { data: Array<{ id: string }> }).data.map((entry) => entry.id);
    };
    expect(await list()).to.deep.equal(['glm-5-fp8', 'claude-glm-5-fp8']);
    await until(async () => (await list()).length > 2);
    const [asked] = passthrough.seen();
    expect(asked?.headers['x-api-key']).to.equal('client-key');
    expect(asked?.headers.authorization).to.equal(undefined);
  });

  it('S0-29 GET /health answers ok without a credential', async () => {
    const answer = await send(inTarget.url, get('/health'));
    expect(answer.status).to.equal(200);
    expect(answer.body.toString()).to.equal('ok');
  });

  it('S0-11 messages match on the path with any query, streamed or not, with and without a version header', async () => {
    for (const path of ['/v1/messages', '/v1/messages?beta=true', '/v1/messages?x=1&y=%20']) {
      for (const stream of [true, false]) {
        for (const version of [undefined, '2023-01-01']) {
          const headers = version === undefined ? [] : ['Anthropic-Version', version];
          const answer = await send(inTarget.url, { ...messagesRequest({ stream, headers }), path });
          expect(answer.status, path).to.equal(200);
          expect(target.seen().at(-1)?.url).to.equal(path);
          expect(target.seen().at(-1)?.headers['anthropic-version']).to.equal(version ?? '2023-06-01');
        }
      }
    }
  });

  it('S0-11 a version is added only where the gateway’s own key goes, and never twice', async () => {
    const gateway = await startTestGateway({
      settings: { default_mode: 'compare', 'passthrough.url': passthrough.url, 'target.url': target.url },
    });
    await send(gateway.url, messagesRequest());
    expect(passthrough.seen()[0]?.headers).to.not.have.property('anthropic-version');
    await gateway.stop();
    await send(inTarget.url, messagesRequest({ headers: ['anthropic-version', '2023-06-01'] }));
    expect(target.seen()[0]?.headers['anthropic-version']).to.equal('2023-06-01');
  });

  it('S0-11 streamed and whole answers hold the same message', async () => {
    const { observe } = await import('#shared/exchange/read-exchange.ts');
    const read = async (stream: boolean) => {
      target.reset();
      target.use('tool-bash');
      const { status, rawHeaders, body } = await send(inTarget.url, messagesRequest({ stream }));
      const answer = {
        status,
        rawHeaders,
        upstream: null,
        headersAtMs: 0,
        chunks: [{ atMs: 0, bytes: body }],
        end: 'complete' as const,
        endAtMs: 0,
      };
      return (await observe(answer)).message;
    };
    const [streamed, whole] = [await read(true), await read(false)];
    expect(streamed).to.deep.equal(whole);
  });

  it('S0-12 conv P-05 a native target gets the client’s bytes with nothing but the model spliced', async () => {
    const body = Buffer.from(
      '{ "future" : {"deep":[1,2.50,1e3]},\n "model":"claude-x" , "messages":[{"role":"user","content":"h\\u00e9 \\ud83d\\udc4b"}], "dup":1,"dup":2, "max_tokens":5}',
    );
    const headers = [
      'content-type',
      'application/json',
      'anthropic-beta',
      'a-1,b-2',
      'User-Agent',
      'claude-cli/2.1.329',
      'content-length',
      String(body.length),
    ];
    await send(inTarget.url, { method: 'POST', path: '/v1/messages', headers, body });
    const [seen] = target.seen();
    expect(seen?.raw.toString()).to.equal(body.toString().replace('"claude-x"', '"glm-5-fp8"'));
    expect(seen?.headers).to.include({ 'anthropic-beta': 'a-1,b-2', 'user-agent': 'claude-cli/2.1.329' });
  });

  it('S0-12 conv E-13 a native target’s error bodies are identical', async () => {
    const odd = '{"object":"error","message":"Unexpected role \\"system\\"", "code":40001}\n';
    target.use({ status: 400, body: odd });
    const answer = await send(inTarget.url, messagesRequest());
    expect(answer.status).to.equal(400);
    expect(answer.body.toString()).to.equal(odd);
  });

  it('count_tokens goes the way of a message, with the model spliced, and makes no exchange', async () => {
    const gateway = await startTestGateway({ settings: { 'target.url': target.url, 'target.model': 'glm-5-fp8' } });
    const answer = await send(gateway.url, { ...messagesRequest(), path: '/v1/messages/count_tokens?beta=true' });
    expect(json(answer).input_tokens).to.be.a('number');
    expect(target.seen()[0]?.body).to.have.property('model', 'glm-5-fp8');
    await send(gateway.url, messagesRequest());
    await until(async () => (await gateway.bus.counters('history')).published > 0);
    expect((await gateway.bus.counters('history')).published).to.equal(1);
    await gateway.stop();
  });

  it('twenty-six parallel count_tokens are all answered', async () => {
    const request = { ...messagesRequest(), path: '/v1/messages/count_tokens?beta=true' };
    const answers = await Promise.all(Array.from({ length: 26 }, () => send(inTarget.url, request)));
    expect(new Set(answers.map((answer) => answer.status))).to.deep.equal(new Set([200]));
  });

  it('says on each answer where it came from', async () => {
    const answer = await send(inTarget.url, messagesRequest());
    expect(header(answer, 'x-ccproxy-request-id')).to.match(/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-/);
    expect(header(answer, 'x-ccproxy-mode')).to.equal('target');
    expect(header(answer, 'x-ccproxy-model')).to.equal('glm-5-fp8');
    expect(header(answer, 'x-ccproxy-route')).to.equal('forced');
  });

  it('a default start without any setting has the passthrough of old and listens on this machine only', () => {
    const config = testConfig({ 'server.listen_address': undefined });
    expect(config.server.listen_address).to.equal('127.0.0.1:3080');
    expect(config.passthrough.url).to.equal('https://api.anthropic.com');
    expect(config.default_mode).to.equal('target');
  });
});
