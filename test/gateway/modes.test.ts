import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { createSimulator, type Simulator } from '#services/simulator/service.ts';
import { createRedisControl } from '#shared/control/redis-control.ts';
import { ConfigError } from '#shared/errors.ts';
import { startTestGateway, type TestGateway, testConfig, until } from '../support/gateway.ts';
import { runningMs } from '../support/patience.ts';
import { header, json, messagesRequest, send } from '../support/raw-client.ts';
import { loadRecordings } from '../support/recordings.ts';
import { startRedis, type TestRedis } from '../support/redis.ts';

const putMode = (url: string, body: string, headers: Record<string, string> = {}): Promise<Response> =>
  fetch(`${url}/api/mode`, { method: 'PUT', headers: { 'content-type': 'application/json', ...headers }, body });
const modeOf = async (url: string): Promise<{ mode: string; source: string; warnings: string[] }> =>
  (await fetch(`${url}/api/mode`)).json() as Promise<{ mode: string; source: string; warnings: string[] }>;

describe('modes', () => {
  let passthrough: Simulator;
  let target: Simulator;
  const open: TestGateway[] = [];
  const start = async (
    settings: Record<string, unknown> = {},
    more: Partial<Parameters<typeof startTestGateway>[0]> = {},
  ) => {
    const gateway = await startTestGateway({
      ...more,
      settings: {
        'target.url': target.url,
        'target.model': 'glm-5-fp8',
        'passthrough.url': passthrough.url,
        ...settings,
      },
    });
    open.push(gateway);
    return gateway;
  };

  before(async () => {
    passthrough = await createSimulator({ listenAddress: '127.0.0.1:0', seed: 5, defaultScene: 'text' });
    target = await createSimulator({ listenAddress: '127.0.0.1:0', seed: 6, defaultScene: 'text' });
  });
  after(() => Promise.all([passthrough.stop(), target.stop()]));
  afterEach(async () => {
    await Promise.all(open.splice(0).map((gateway) => gateway.stop()));
    passthrough.reset();
    target.reset();
  });

  it('S0-01 P2 target mode sends everything to the target and opens no connection to the passthrough', async () => {
    const gateway = await start();
    const before = passthrough.connections();
    for (const recorded of loadRecordings()) {
      const answer = await send(gateway.url, {
        method: recorded.method,
        path: recorded.url,
        headers: recorded.rawHeaders,
        body: recorded.body,
      });
      expect(answer.status, `${recorded.file} ${recorded.seq}`).to.be.greaterThan(0);
    }
    const posts = target.seen().filter((seen) => seen.path === '/v1/messages');
    expect(posts.length).to.be.greaterThan(40);
    expect(passthrough.connections()).to.equal(before);
    expect((await modeOf(gateway.url)).mode).to.equal('target');
  }).timeout(60_000);

  it('S0-03 anthropic-only needs the launch flag, and then sends to the passthrough alone', async () => {
    const without = await start();
    const refused = await putMode(without.url, '{"mode":"anthropic-only"}');
    expect(refused.status).to.equal(403);
    expect(await refused.json()).to.have.nested.property('error.type', 'permission_error');
    expect(() => testConfig({ default_mode: 'anthropic-only' })).to.throw(ConfigError, '--allow-anthropic-only');

    const allowed = await start({ default_mode: 'anthropic-only' }, { allowAnthropicOnly: true });
    const before = target.connections();
    const answer = await send(allowed.url, messagesRequest());
    expect(answer.status).to.equal(200);
    expect(header(answer, 'x-ccproxy-mode')).to.equal('anthropic-only');
    expect(passthrough.seen()).to.have.length(1);
    await until(async () => (await allowed.bus.counters('history')).published === 1);
    expect((await allowed.bus.counters('compare')).published).to.equal(0);
    expect(target.connections()).to.equal(before);
  });

  it('S0-05 default_mode decides the start, by file or environment, and a wrong name names the right ones', async () => {
    expect(testConfig({}, { env: { CC_DEFAULT_MODE: 'compare' } }).default_mode).to.equal('compare');
    expect(() => testConfig({ default_mode: 'both' })).to.throw(ConfigError, '"target", "compare", "anthropic-only"');
    const gateway = await start({ default_mode: 'compare' });
    expect(await modeOf(gateway.url)).to.include({ mode: 'compare', source: 'flag' });
  });

  describe('S0-04 the switch at run time', () => {
    let folder: string;
    beforeEach(() => {
      folder = mkdtempSync(join(tmpdir(), 'cc-proxy-mode-'));
    });
    afterEach(() => rmSync(folder, { recursive: true, force: true }));

    it('S0-04 takes the curl line of old: PUT with a JSON body from this machine, no token', async () => {
      const gateway = await start();
      const answer = await putMode(gateway.url, '{"mode":"compare"}');
      expect(answer.status).to.equal(200);
      expect(await answer.json()).to.include({ mode: 'compare', source: 'runtime' });
      await send(gateway.url, messagesRequest());
      expect(passthrough.seen()).to.have.length(1);
      expect(gateway.lines.some((line) => line.event === 'mode.changed')).to.equal(true);
    });

    it('S0-04 refuses a missing and an unknown mode by name', async () => {
      const gateway = await start();
      for (const body of ['{}', '{"mode":"both"}', '{"mode":7}', '[]', 'nonsense', '']) {
        const answer = await putMode(gateway.url, body);
        expect(answer.status, body).to.equal(400);
        expect(await answer.json()).to.have.nested.property('error.type', 'invalid_request_error');
      }
    });

    it('S0-04 refuses a foreign Origin, a foreign Host, and a wrong token', async () => {
      const gateway = await start();
      const origin = await putMode(gateway.url, '{"mode":"compare"}', { origin: 'https://evil.example' });
      expect(origin.status).to.equal(403);
      const body = Buffer.from('{"mode":"compare"}');
      const host = await send(gateway.url, {
        method: 'PUT',
        path: '/api/mode',
        headers: ['host', 'evil.example', 'content-length', String(body.length)],
        body,
      });
      expect(host.status).to.equal(403);
      const guarded = await start({}, { parts: { adminToken: 'secret-admin-token' } });
      expect((await putMode(guarded.url, '{"mode":"compare"}')).status).to.equal(401);
      expect((await putMode(guarded.url, '{"mode":"compare"}', { authorization: 'Bearer wrong' })).status).to.equal(
        401,
      );
      expect(
        (await putMode(guarded.url, '{"mode":"compare"}', { authorization: 'Bearer secret-admin-token' })).status,
      ).to.equal(200);
    });

    it('S0-04 keeps the mode over a restart, until the configured default changes or it is reset', async () => {
      const first = await start({ state_dir: folder }, { folder });
      await putMode(first.url, '{"mode":"compare"}');
      await first.stop();
      const second = await start({}, { folder });
      expect(await modeOf(second.url)).to.include({ mode: 'compare', source: 'runtime' });
      await second.stop();
      const changed = await start({ default_mode: 'anthropic-only' }, { folder, allowAnthropicOnly: true });
      expect(await modeOf(changed.url)).to.include({ mode: 'anthropic-only', source: 'flag' });
      await putMode(changed.url, '{"mode":"compare"}');
      await fetch(`${changed.url}/api/mode`, { method: 'DELETE' });
      expect(await modeOf(changed.url)).to.include({ mode: 'anthropic-only', source: 'flag' });
    });

    it('S0-04 falls back to the default when the kept mode is not allowed any more', async () => {
      const allowed = await start({}, { folder, allowAnthropicOnly: true });
      await putMode(allowed.url, '{"mode":"anthropic-only"}');
      await allowed.stop();
      const forbidden = await start({}, { folder });
      expect(await modeOf(forbidden.url)).to.include({ mode: 'target', source: 'default' });
    });
  });

  describe('S0-04 the switch over Redis', () => {
    let redis: TestRedis;
    before(async function () {
      redis = await startRedis(this, { onlyPrivate: true });
    });
    after(() => redis?.stop());

    it('S0-04 reaches every replica within two seconds and survives the loss of Redis', async () => {
      const controls = [0, 1].map(() => createRedisControl({ url: redis.url }));
      const [one, two] = await Promise.all(controls.map((control) => start({}, { parts: { control } })));
      if (!one || !two) throw new Error('two gateways were asked for');
      await until(async () => (await putMode(one.url, '{"mode":"compare"}')).status === 200);
      const tookMs = await runningMs(() => until(async () => (await modeOf(two.url)).mode === 'compare'));
      expect(tookMs).to.be.below(2000);

      await redis.stop();
      expect((await modeOf(two.url)).mode, 'the last known mode stays').to.equal('compare');
      expect((await send(two.url, messagesRequest())).status).to.equal(200);
      const refused = await putMode(two.url, '{"mode":"target"}');
      expect(refused.status).to.equal(503);
      expect((await modeOf(two.url)).mode, 'nothing changed').to.equal('compare');
      await redis.restart();
      await until(async () => (await redis.command('GET', 'ccproxy:mode')) !== null);
      expect((await modeOf(one.url)).mode, 'kept again by those who knew it').to.equal('compare');
      await Promise.all(open.splice(0).map((gateway) => gateway.stop()));
      await Promise.all(controls.map((control) => control.close()));
    }).timeout(20_000);
  });

  it('S0-39 passthrough.model stands in for a name only we know, and without it the switch warns', async () => {
    const bare = await start();
    const warned = (await (await putMode(bare.url, '{"mode":"compare"}')).json()) as { warnings: string[] };
    expect(warned.warnings.join(' ')).to.include('glm-5-fp8').and.include('passthrough.model');
    expect(bare.lines.some((line) => line.level === 'warn' && line.event === 'mode.changed')).to.equal(true);

    const gateway = await start({ default_mode: 'compare', 'passthrough.model': 'claude-opus-5-5' });
    const ours = await send(gateway.url, messagesRequest({ body: { model: 'glm-5-fp8' } }));
    expect(header(ours, 'x-ccproxy-route')).to.equal('passthrough:model');
    expect(header(ours, 'x-ccproxy-model')).to.equal('claude-opus-5-5');
    const theirs = await send(gateway.url, messagesRequest({ body: { model: 'claude-sonnet-5-5' } }));
    expect(header(theirs, 'x-ccproxy-route')).to.equal('passthrough');
    expect(passthrough.seen().map((seen) => (seen.body as { model: string }).model)).to.deep.equal([
      'claude-opus-5-5',
      'claude-sonnet-5-5',
    ]);
    expect((await modeOf(gateway.url)).warnings).to.deep.equal([]);
  });

  it('S0-14 tokens of the shadow never count as the user’s', async () => {
    const gateway = await start({ default_mode: 'compare' });
    passthrough.use({ content: [{ type: 'text', text: 'hi' }], usage: { input_tokens: 10, output_tokens: 5 } });
    target.use({ content: [{ type: 'text', text: 'hi' }], usage: { input_tokens: 1000, output_tokens: 500 } });
    await send(gateway.url, messagesRequest());
    const stats = async () => (await (await fetch(`${gateway.url}/api/stats`)).json()) as Record<string, number>;
    await until(async () => (await stats()).total_requests === 1);
    // A request marked as a shadow of another gateway is served and counted, and never shadowed again.
    await send(gateway.url, messagesRequest({ headers: ['x-ccproxy-shadow', '1'] }));
    await until(async () => (await gateway.bus.counters('history')).published === 2);
    expect((await gateway.bus.counters('compare')).published).to.equal(1);
    expect(await stats()).to.include({ input_tokens: 20, output_tokens: 10 });
    expect(Object.keys(await stats()).slice(0, 4)).to.deep.equal([
      'total_requests',
      'input_tokens',
      'output_tokens',
      'tool_calls',
    ]);
    expect(
      json(await send(gateway.url, { method: 'GET', path: '/api/mode', headers: [], body: Buffer.alloc(0) })).mode,
    ).to.equal('compare');
  });
});
