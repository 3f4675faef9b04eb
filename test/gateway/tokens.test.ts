// Credentials that change, on requests of every kind: attached, renewed, missing, and shown to nobody.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { createSimulator, type Simulator } from '#services/simulator/service.ts';
import { decodeBody } from '#shared/exchange/exchange.ts';
import { startTestGateway, type TestGateway, until } from '../support/gateway.ts';
import { header, json, messagesRequest, type RawRequest, send } from '../support/raw-client.ts';

const OAUTH = 'sk-ant-oat01-canary-of-the-test';

describe('tokens', () => {
  let upstream: Simulator;
  let folder: string;
  const open: TestGateway[] = [];
  before(async () => {
    upstream = await createSimulator({ listenAddress: '127.0.0.1:0', seed: 12, defaultScene: 'text', delayScale: 0 });
  });
  after(() => upstream.stop());
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'cc-proxy-tokens-'));
  });
  afterEach(async () => {
    await Promise.all(open.splice(0).map((gateway) => gateway.stop()));
    upstream.reset();
    rmSync(folder, { recursive: true, force: true });
  });

  const put = (value: string): string => {
    const path = join(folder, 'token');
    writeFileSync(path, value);
    return path;
  };
  const start = async (settings: Record<string, unknown>, env: Record<string, string> = {}): Promise<TestGateway> => {
    const token = { 'tokens.t.file': join(folder, 'token'), 'tokens.t.hosts': ['127.0.0.1'] };
    const gateway = await startTestGateway({ settings: { ...token, ...settings }, env });
    open.push(gateway);
    return gateway;
  };
  const provider = (type: string, settings: Record<string, unknown> = {}) => ({
    'providers.p.type': type,
    'providers.p.base_url': type === 'openai-chat' ? `${upstream.url}/v1` : upstream.url,
    'providers.p.token': 't',
    'models.m.provider': 'p',
    ...settings,
  });
  const asked = (index = 0): Record<string, unknown> => upstream.seen()[index]?.headers ?? {};
  const withBeta = messagesRequest({ headers: ['anthropic-beta', 'one-2026,two-2026', 'user-agent', 'of-the-client'] });

  it('S2-28 a provider’s token goes out as Bearer on native and converted routes, and never the client’s', async () => {
    put('plain-token');
    for (const type of ['anthropic', 'openai-chat']) {
      upstream.reset();
      const gateway = await start(provider(type));
      expect((await send(gateway.url, withBeta)).status).to.equal(200);
      expect(asked().authorization, type).to.equal('Bearer plain-token');
      expect(asked()).to.not.have.property('x-api-key');
      expect(String(asked()['anthropic-beta'])).to.not.include('oauth');
    }
    const named = await start(provider('anthropic', { 'providers.p.auth_header': 'X-Team' }));
    upstream.reset();
    await send(named.url, messagesRequest({ headers: ['X-Team', 'of-the-client'] }));
    expect(asked()['x-team']).to.equal('plain-token');
    expect(asked()).to.not.have.property('authorization');
  });

  it('S2-28 an OAuth token of Anthropic names its beta feature beside the client’s, and the user agent that is set', async () => {
    put(OAUTH);
    const gateway = await start(provider('anthropic', { 'tokens.t.user_agent': 'agent/1' }));
    await send(gateway.url, withBeta);
    expect(asked()).to.include({
      authorization: `Bearer ${OAUTH}`,
      'anthropic-beta': 'one-2026,two-2026,oauth-2025-04-20',
      'user-agent': 'agent/1',
    });
    const names = (upstream.seen()[0]?.rawHeaders ?? []).filter((_, index) => index % 2 === 0);
    expect(names.map((name) => name.toLowerCase())).to.have.length(new Set(names.map((n) => n.toLowerCase())).size);
  });

  it('S1-10 a key comes from env_key before key_file before api_key, in the header the server wants', async () => {
    const keyFile = join(folder, 'key');
    writeFileSync(keyFile, 'of-the-file\n');
    const all = { 'providers.p.token': null, 'providers.p.api_key': 'as-it-stands', 'providers.p.key_file': keyFile };
    const named = { ...all, 'providers.p.env_key': 'THE_KEY' };
    const env = { THE_KEY: 'of-the-variable' };
    const plain = { ...all, 'providers.p.key_file': null };
    for (const [type, settings, name, value] of [
      ['anthropic', named, 'x-api-key', 'of-the-variable'],
      ['anthropic', all, 'x-api-key', 'of-the-file'],
      ['anthropic', plain, 'x-api-key', 'as-it-stands'],
      ['openai-chat', named, 'authorization', 'Bearer of-the-variable'],
      ['anthropic', { ...all, 'providers.p.auth_header': 'authorization' }, 'authorization', 'Bearer of-the-file'],
      ['openai-chat', { ...all, 'providers.p.auth_header': 'x-api-key' }, 'x-api-key', 'of-the-file'],
      ['openai-chat', { ...plain, 'providers.p.auth_header': 'X-Team-Pass' }, 'x-team-pass', 'as-it-stands'],
    ] as const) {
      upstream.reset();
      const gateway = await start(provider(type, settings), env);
      await send(gateway.url, messagesRequest());
      expect(asked()[name], `${type} ${name}`).to.equal(value);
    }
  });

  it('S2-28 a source that fails does not stop the start: requests get a 503 that names it until it gives a value', async () => {
    const gateway = await start(provider('openai-chat', { 'tokens.t.refresh_secs': 1 }));
    const refused = await send(gateway.url, messagesRequest());
    expect(refused.status).to.equal(503);
    expect(Number(header(refused, 'retry-after'))).to.be.within(1, 60);
    expect(json(refused)).to.have.nested.property('error.type', 'api_error');
    expect(json(refused))
      .to.have.nested.property('error.message')
      .that.equals('no credential for p: [tokens.t] gave none (the file cannot be read (ENOENT))');
    expect(upstream.seen()).to.deep.equal([]);
    put('late-token');
    await until(async () => (await send(gateway.url, messagesRequest())).status === 200);
    expect(asked().authorization).to.equal('Bearer late-token');
  });

  for (const type of ['anthropic', 'openai-chat']) {
    it(`S2-28 a 401 has the token read again, once for each value, and the client try again: ${type}`, async () => {
      put('expired-token');
      const gateway = await start(provider(type));
      upstream.use('error-401');
      put('renewed-token');
      const first = await send(gateway.url, messagesRequest());
      expect(first.status).to.equal(502);
      expect(header(first, 'x-should-retry')).to.equal(undefined);
      expect(header(first, 'retry-after')).to.equal('1');
      expect(json(first)).to.have.nested.property('error.message').that.includes('[tokens.t]').and.includes('renewed');

      upstream.use('text');
      await until(async () => {
        upstream.reset();
        await send(gateway.url, messagesRequest());
        return asked().authorization === 'Bearer renewed-token';
      });
      upstream.use('error-401');
      await until(async () => header(await send(gateway.url, messagesRequest()), 'x-should-retry') === 'false');
      const refused = { error_type: 'credential_refused' };
      await until(async () => (await gateway.metric('ccproxy_upstream_attempts_total', refused)) > 1);
    });
  }

  it('S2-28 beside the client’s own credential the token is sent only where the client sent none', async () => {
    put(OAUTH);
    const gateway = await start({
      default_mode: 'compare',
      'passthrough.url': upstream.url,
      'passthrough.token': 't',
      'target.url': 'http://127.0.0.1:9',
    });
    const other: RawRequest = { method: 'GET', path: '/v1/files', headers: [], body: Buffer.alloc(0) };
    const bare = messagesRequest();
    bare.headers.splice(bare.headers.indexOf('x-api-key'), 2);
    upstream.use({
      content: [{ type: 'text', text: 'hi' }],
      headers: { 'anthropic-organization-id': 'org-of-the-token' },
    });
    const answers = [];
    for (const request of [messagesRequest(), bare, { ...other, headers: ['x-api-key', 'client-key'] }, other]) {
      answers.push(await send(gateway.url, request));
    }
    expect(upstream.seen().map(({ headers }) => [headers['x-api-key'], headers.authorization])).to.deep.equal([
      ['client-key', undefined],
      [undefined, `Bearer ${OAUTH}`],
      ['client-key', undefined],
      [undefined, `Bearer ${OAUTH}`],
    ]);
    expect(upstream.seen().map(({ headers }) => headers['anthropic-beta'])).to.deep.equal([
      undefined,
      'oauth-2025-04-20',
      undefined,
      'oauth-2025-04-20',
    ]);
    const organisations = answers.map((answer) => header(answer, 'anthropic-organization-id'));
    expect(organisations.slice(0, 2), 'nobody is told of the token’s account').to.deep.equal([
      'org-of-the-token',
      undefined,
    ]);
  });

  it('S2-28 the passthrough can have a token of its own instead of the client’s credential', async () => {
    put('own-token');
    const gateway = await start({
      default_mode: 'compare',
      'passthrough.url': upstream.url,
      'passthrough.token': 't',
      'passthrough.passthrough_auth': false,
      'target.url': 'http://127.0.0.1:9',
    });
    await send(gateway.url, messagesRequest());
    expect(asked()).to.include({ authorization: 'Bearer own-token' }).and.not.have.property('x-api-key');
  });

  it('S2-28 an upstream that repeats the token in its refusal leaves it neither in logs nor in what is kept', async () => {
    const canary = 'canary of no known shape'.replaceAll(' ', '.');
    put(canary);
    const gateway = await start({ ...provider('anthropic'), default_mode: 'target' });
    const message = `key ${canary} may not use that model`;
    upstream.use({ status: 403, error: { message } });
    const answer = await send(gateway.url, messagesRequest());
    expect(answer.status).to.equal(403);
    let kept = '';
    await gateway.until(async () => {
      const [delivery] = await gateway.bus.read('history', 'c', {
        count: 1,
        waitMs: 20,
        claimIdleMs: 1000,
        maxDeliveries: 3,
      });
      if (!delivery) return false;
      const body = await gateway.bus.body(delivery.id);
      if (body) kept = Buffer.concat((await decodeBody(body)).answer.chunks.map(({ bytes }) => bytes)).toString();
      return true;
    });
    expect(kept).to.include('may not use that model').and.include('[redacted]').and.not.include(canary);
    expect(JSON.stringify(gateway.lines)).to.not.include(canary);
  });
});
