// `/api/log`: levels while the gateway runs, alike on all replicas.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Writable } from 'node:stream';
import { expect } from 'chai';
import type { Control } from '#shared/control/control.ts';
import { createFileControl } from '#shared/control/file-control.ts';
import { createRedisControl } from '#shared/control/redis-control.ts';
import { createLogLevels, type LogLevels } from '#shared/telemetry/log-levels.ts';
import { createLogger, type Logger } from '#shared/telemetry/logger.ts';
import { startTestGateway, type TestGateway, until } from '../support/gateway.ts';
import { startRedis, type TestRedis } from '../support/redis.ts';

const SETTINGS = { 'target.url': 'http://127.0.0.1:9', 'target.model': 'glm-5', 'log.level': 'info' };

async function api(url: string, method: string, body?: unknown, token?: string) {
  const answer = await fetch(`${url}/api/log`, {
    method,
    headers: { 'content-type': 'application/json', ...(token ? { authorization: `Bearer ${token}` } : {}) },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  return { status: answer.status, body: (await answer.json()) as Record<string, unknown> };
}

describe('log levels at run time', () => {
  const open: TestGateway[] = [];
  const controls: Control[] = [];
  let folder: string;
  const start = async (more: { control?: Control; adminToken?: string; logLevels?: LogLevels; log?: Logger } = {}) => {
    const gateway = await startTestGateway({ settings: SETTINGS, parts: more });
    open.push(gateway);
    return gateway;
  };
  const levelsAt = (level: 'info' | 'warn'): LogLevels => createLogLevels({ level, components: {} });
  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'cc-proxy-log-'));
  });
  afterEach(async () => {
    await Promise.all(open.splice(0).map((gateway) => gateway.stop()));
    await Promise.all(controls.splice(0).map((control) => control.close()));
  });
  after(() => rmSync(folder, { recursive: true, force: true }));

  it('are shown, changed and given back, and each change is a line of the log', async () => {
    const logLevels = levelsAt('info');
    const { url, lines } = await start({ logLevels });
    expect((await api(url, 'GET')).body).to.deep.equal({ level: 'info', components: {}, source: 'configured' });
    const changed = { level: 'warn', components: { bus: 'debug' }, source: 'runtime' };
    expect((await api(url, 'PUT', { level: 'warn', components: { bus: 'debug' } })).body).to.deep.equal(changed);
    expect(logLevels.admits('debug', 'bus')).to.equal(true);
    expect(logLevels.admits('info', 'gateway')).to.equal(false);
    expect((await api(url, 'DELETE')).body).to.deep.equal({ level: 'info', components: {}, source: 'configured' });
    expect(logLevels.admits('info', 'gateway')).to.equal(true);
    expect(lines.filter(({ event }) => event === 'log.changed')).to.have.length(2);
  });

  it('S3-28 raised to error they still let through the line that says so', async () => {
    const written: string[] = [];
    const stream = new Writable({
      write: (chunk, _encoding, done) => {
        written.push(String(chunk));
        done();
      },
    });
    const logLevels = levelsAt('info');
    const log = createLogger({ service: 'cc-gateway', level: 'info', levels: logLevels, pretty: false, stream });
    const { url } = await start({ logLevels, log });
    await api(url, 'PUT', { level: 'error' });
    log.warn('hidden');
    await until(() => written.length > 0);
    const lines = written.join('').trimEnd().split('\n');
    const changed = lines.map((line) => JSON.parse(line)).filter(({ level }) => level !== 'info');
    expect(changed).to.have.length(1);
    expect(changed[0]).to.include({ event: 'log.changed', level: 'warn' });
    expect(changed[0].level_).to.equal('error');
  });

  it('stay as they are after a refused change', async () => {
    const logLevels = levelsAt('info');
    const { url } = await start({ logLevels });
    const refused = await api(url, 'PUT', { level: 'loud' });
    expect(refused.status).to.equal(400);
    expect(JSON.stringify(refused.body)).to.include('level');
    expect(logLevels.current().level).to.equal('info');
  });

  it('are the business of whoever bears the admin token', async () => {
    const { url } = await start({ adminToken: 'the-token' });
    for (const method of ['GET', 'PUT', 'DELETE']) {
      const body = method === 'PUT' ? { level: 'debug' } : undefined;
      expect((await api(url, method, body)).status, method).to.equal(401);
      expect((await api(url, method, body, 'the-token')).status, method).to.equal(200);
    }
  });

  it('are kept in the state folder for the next start', async () => {
    controls.push(createFileControl({ folder }));
    const first = await start({ control: controls[0] as Control, logLevels: levelsAt('info') });
    await api(first.url, 'PUT', { components: { store: 'debug' } });
    controls.push(createFileControl({ folder }));
    const logLevels = levelsAt('info');
    await start({ control: controls[1] as Control, logLevels });
    expect(logLevels.current()).to.deep.equal({ level: 'info', components: { store: 'debug' } });
  });

  it('are the last known ones, and refused, while they cannot be kept', async () => {
    const broken: Control = {
      ...createFileControl({ folder }),
      get: () => Promise.reject(new Error('gone')),
      set: () => Promise.reject(new Error('gone')),
      watch: () => () => {},
      close: async () => {},
    };
    const logLevels = levelsAt('info');
    const { url } = await start({ control: broken, logLevels });
    expect((await api(url, 'PUT', { level: 'debug' })).status).to.equal(503);
    expect(logLevels.current().level).to.equal('info');
  });

  describe('over Redis', () => {
    let redis: TestRedis;
    before(async function () {
      redis = await startRedis(this);
    });
    after(() => redis?.end());

    it('reach every replica, and are given back to what each is configured with', async () => {
      const replica = async (level: 'info' | 'warn') => {
        const control = createRedisControl({ url: redis.url, prefix: `log-levels-${process.pid}:` });
        controls.push(control);
        const logLevels = levelsAt(level);
        return { logLevels, ...(await start({ control, logLevels })) };
      };
      const [one, two] = [await replica('info'), await replica('warn')];
      await until(async () => (await api(one.url, 'PUT', { level: 'debug' })).status === 200);
      await until(() => two.logLevels.current().level === 'debug');
      expect((await api(two.url, 'GET')).body.source).to.equal('runtime');
      await api(two.url, 'DELETE');
      await until(() => one.logLevels.current().level === 'info');
      expect(two.logLevels.current().level).to.equal('warn');
    });
  });
});
