import { randomBytes } from 'node:crypto';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { networkInterfaces, tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { createSimulator, type Simulator } from '#services/simulator/service.ts';
import { type CliProcess, runCli, startCli } from '../support/cli.ts';
import { until } from '../support/gateway.ts';
import { messagesRequest, send } from '../support/raw-client.ts';
import { requestsOf } from '../support/recordings.ts';

const FREE = {
  CC_SERVER__LISTEN_ADDRESS: '127.0.0.1:0',
  CC_COMPARATOR__LISTEN_ADDRESS: '127.0.0.1:0',
  CC_CONSOLE__LISTEN_ADDRESS: '127.0.0.1:0',
  CC_OPS__LISTEN_ADDRESS: '127.0.0.1:0',
};

describe('the command line', function () {
  this.timeout(60_000);
  let cwd: string;
  let target: Simulator;
  const running: CliProcess[] = [];
  const start = (args: string[], env: Record<string, string> = {}): CliProcess => {
    const cli = startCli(args, { cwd, env: { ...FREE, ...env } });
    running.push(cli);
    return cli;
  };
  const gatewayOf = async (cli: CliProcess): Promise<string> => (await cli.line(/gateway +(http:\S+)/))[1] ?? '';

  before(async () => {
    target = await createSimulator({ listenAddress: '127.0.0.1:0', delayScale: 0 });
  });
  after(() => target.stop());
  beforeEach(() => {
    cwd = mkdtempSync(join(tmpdir(), 'cc-proxy-cli-'));
    target.reset();
  });
  afterEach(async () => {
    for (const cli of running.splice(0)) {
      cli.child.kill('SIGTERM');
      await cli.exit();
    }
    rmSync(cwd, { recursive: true, force: true });
  });

  it('S0-35 claude --model glm-5-fp8 works against a start with two flags and no other setting', async () => {
    const cli = start(['--target-url', target.url, '--model', 'glm-5-fp8']);
    const url = await gatewayOf(cli);
    for (const recorded of [
      ...requestsOf('cc-model-glm'),
      ...requestsOf('cc-tool-bash'),
      ...requestsOf('cc-slash-context'),
    ]) {
      const answer = await send(url, {
        method: recorded.method,
        path: recorded.url,
        headers: recorded.rawHeaders,
        body: recorded.body,
      });
      expect(answer.status, `${recorded.method} ${recorded.url}`).to.equal(200);
    }
  });

  it('bare cc-proxy starts, serves history of what passed, and SIGTERM ends it with 0', async () => {
    const cli = start(['--target-url', target.url, '--model', 'glm-5']);
    const url = await gatewayOf(cli);
    const [, console] = await cli.line(/console +(http:\S+)/);
    expect((await send(url, messagesRequest())).status).to.equal(200);
    const history = async (): Promise<unknown[]> =>
      ((await (await fetch(`${console}/api/history`)).json()) as { data: unknown[] }).data;
    await until(async () => (await history()).length === 1);
    cli.child.kill('SIGTERM');
    expect((await cli.exit()).code).to.equal(0);
  });

  it('S0-30 a config file that is missing ends the start with 2 and one sentence', async () => {
    const { code, stderr } = await runCli(['--config', 'gone.toml'], { cwd });
    expect(code).to.equal(2);
    expect(stderr).to.match(/^cc-proxy: .*gone\.toml: .*\n$/);
  });

  it('S0-31 default_mode anthropic-only without the flag ends the start with 2, with it it starts', async () => {
    const refused = await runCli(['gateway', '--target-url', target.url], {
      cwd,
      env: { ...FREE, CC_DEFAULT_MODE: 'anthropic-only' },
    });
    expect(refused.code).to.equal(2);
    expect(refused.stderr).to.include('--allow-anthropic-only');
    const allowed = start(['start', '--allow-anthropic-only'], {
      CC_DEFAULT_MODE: 'anthropic-only',
      CC_PASSTHROUGH__URL: target.url,
    });
    const url = await gatewayOf(allowed);
    expect((await send(url, messagesRequest())).status).to.equal(200);
  });

  it('S0-32 a setting comes from the environment', async () => {
    const cli = start([], { CC_TARGET__URL: target.url, CC_TARGET__MODEL: 'from-env' });
    await send(await gatewayOf(cli), messagesRequest());
    expect(target.seen()[0]?.body).to.have.property('model', 'from-env');
  });

  it('S0-34 the local settings file starts as shipped, with Phoenix as the place of traces', async () => {
    const file = join(process.cwd(), 'deploy/config/cc-proxy.local.toml');
    expect(readFileSync(file, 'utf8')).to.match(/endpoint = "http:\/\/(localhost|127\.0\.0\.1):6006"/);
    const cli = start(['--config', file, '--target-url', target.url, '--model', 'glm-5-fp8']);
    const url = await gatewayOf(cli);
    expect((await send(url, messagesRequest())).status, 'served although no Phoenix is there').to.equal(200);
    const tracing = (await (await fetch(`${url}/api/tracing`)).json()) as Record<string, unknown>;
    expect(tracing).to.include({ enabled: true, project: 'default' });
    expect(tracing.endpoint).to.include(':6006');
  });

  it('without a model to send to it says what to give and where to look around', async () => {
    const { code, stderr } = await runCli(['start'], { cwd, env: FREE });
    expect(code).to.equal(2);
    expect(stderr).to.include('--target-url').and.include('--model').and.include('./scripts/demo');
  });

  it('an address open to the network needs allow_any_key, and gets an admin token of its own at first start', async () => {
    const open = { CC_SERVER__LISTEN_ADDRESS: '0.0.0.0:0', CC_STATE_DIR: join(cwd, 'state') };
    const refused = await runCli(['start', '--target-url', target.url], { cwd, env: { ...FREE, ...open } });
    expect(refused.code).to.equal(2);
    expect(refused.stderr).to.include('server.allow_any_key');

    const cli = start(['start', '--target-url', target.url], { ...open, CC_SERVER__ALLOW_ANY_KEY: 'true' });
    const url = (await gatewayOf(cli)).replace('0.0.0.0', '127.0.0.1');
    const [, path = ''] = await cli.line(/admin token is in (\S+)/);
    expect(statSync(path).mode & 0o777).to.equal(0o600);
    expect((await fetch(`${url}/api/mode`)).status).to.equal(401);
    const token = readFileSync(path, 'utf8').trim();
    expect((await fetch(`${url}/api/mode`, { headers: { authorization: `Bearer ${token}` } })).status).to.equal(200);
    expect(cli.stdout() + cli.stderr()).to.not.include(token);
  });

  it('a single service on Redis refuses an open address without a token', async () => {
    const env = {
      ...FREE,
      CC_REDIS__URL: 'redis://127.0.0.1:1',
      CC_SERVER__LISTEN_ADDRESS: '0.0.0.0:0',
      CC_SERVER__ALLOW_ANY_KEY: 'true',
    };
    const { code, stderr } = await runCli(['gateway', '--target-url', target.url], { cwd, env });
    expect(code).to.equal(2);
    expect(stderr).to.include('admin.token');
  });

  it('comparator and console say that they need Redis', async () => {
    for (const service of ['comparator', 'console']) {
      const { code, stderr } = await runCli([service], { cwd, env: FREE });
      expect(code).to.equal(2);
      expect(stderr).to.include('redis.url');
    }
  });

  it('mode shows, switches and gives back the mode of a running gateway', async () => {
    const cli = start(['gateway', '--target-url', target.url, '--model', 'glm-5']);
    const [, url = ''] = await cli.line(/"url":"(http:[^"]+)"/);
    const mode = (...args: string[]) => runCli(['mode', ...args, '--url', url], { cwd });
    expect((await mode()).stdout).to.equal('target (default)\n');
    expect((await mode('compare')).stdout).to.match(/^compare \(runtime\)\nwarning: /);
    expect((await mode('--reset')).stdout).to.equal('target (default)\n');
    const refused = await mode('anthropic-only');
    expect([refused.code, refused.stderr.includes('--allow-anthropic-only')]).to.deep.equal([2, true]);
    const wrong = await mode('both');
    expect([wrong.code, wrong.stderr.includes('must be one of')]).to.deep.equal([2, true]);
    const nobody = await runCli(['mode', '--url', 'http://127.0.0.1:1'], { cwd });
    expect([nobody.code, nobody.stderr.includes('no gateway answers')]).to.deep.equal([2, true]);
  });

  it('mode uses the token of the gateway: from its file, or as start made it in the state folder', async () => {
    const file = join(cwd, 'token');
    writeFileSync(file, 'from-a-file\n');
    const open = { CC_SERVER__LISTEN_ADDRESS: '0.0.0.0:0', CC_SERVER__ALLOW_ANY_KEY: 'true' };
    for (const env of [
      { ...open, CC_ADMIN__TOKEN_FILE: file },
      { ...open, CC_STATE_DIR: join(cwd, 'state') },
    ]) {
      const cli = start(['start', '--target-url', target.url, '--model', 'm'], env);
      const url = (await gatewayOf(cli)).replace('0.0.0.0', '127.0.0.1');
      const { code, stdout, stderr } = await runCli(['mode', 'compare', '--url', url], { cwd, env });
      expect([code, stderr]).to.deep.equal([0, '']);
      expect(stdout).to.match(/^compare \(runtime\)\n/);
    }
  });

  it('mode shows a token that start made to no other machine', async () => {
    mkdirSync(join(cwd, 'state'));
    writeFileSync(join(cwd, 'state/admin-token'), 'made-by-start\n');
    const [own] = Object.values(networkInterfaces()).flatMap(
      (list) => list?.filter((it) => !it.internal && it.family === 'IPv4') ?? [],
    );
    const seen: Array<string | undefined> = [];
    const server = createServer((req, res) => {
      seen.push(req.headers.authorization);
      res.end('{"mode":"target","source":"default"}');
    });
    await new Promise<void>((resolve) => {
      server.listen(0, '0.0.0.0', resolve);
    });
    const { port } = server.address() as AddressInfo;
    const env = { CC_STATE_DIR: join(cwd, 'state') };
    for (const host of ['127.0.0.1', own?.address ?? '0.0.0.0']) {
      const { code } = await runCli(['mode', '--url', `http://${host}:${port}`], { cwd, env });
      expect(code).to.equal(0);
    }
    await new Promise((resolve) => server.close(resolve));
    expect(seen).to.deep.equal(['Bearer made-by-start', undefined]);
  });

  it('a gateway alone without Redis says that nobody reads from it, and fills no bus', async () => {
    // A bus in memory would soon be full, and say so.
    const cli = start(['gateway', '--target-url', target.url, '--model', 'm'], {
      CC_EXCHANGE__REDIS_BYTES_MAX: '1024',
    });
    const [, url = ''] = await cli.line(/"url":"(http:[^"]+)"/);
    expect(cli.stdout() + cli.stderr()).to.match(/redis\.url/);
    const content = randomBytes(4096).toString('base64');
    const request = messagesRequest({ body: { messages: [{ role: 'user', content }] } });
    expect((await send(url, request)).status).to.equal(200);
    cli.child.kill('SIGTERM');
    expect((await cli.exit()).code).to.equal(0);
    expect(cli.stdout()).to.include('request.finished').and.not.include('exchange.dropped');
  });

  it('an address that is taken ends the start with one sentence', async () => {
    const taken = new URL(target.url).host;
    for (const name of ['CC_SERVER__LISTEN_ADDRESS', 'CC_OPS__LISTEN_ADDRESS', 'CC_CONSOLE__LISTEN_ADDRESS']) {
      const { code, stderr } = await runCli(['start', '--target-url', target.url], {
        cwd,
        env: { ...FREE, [name]: taken },
      });
      expect(code, name).to.equal(2);
      expect(stderr, name)
        .to.match(/^cc-proxy: .*\n$/)
        .and.include(taken);
    }
  });

  it('ops listener answers probes and metrics', async () => {
    writeFileSync(join(cwd, 'cc-proxy.toml'), `[target]\nurl = "${target.url}"\n`);
    const cli = start([]);
    const [, ops = ''] = await cli.line(/metrics +(http:\S+)\/metrics/);
    expect((await fetch(`${ops}/healthz`)).status).to.equal(200);
    expect((await fetch(`${ops}/readyz`)).status).to.equal(200);
    await send(await gatewayOf(cli), messagesRequest());
    await until(async () =>
      /ccproxy_gateway_requests_total\{[^}]*outcome="ok"[^}]*\} 1/.test(await (await fetch(`${ops}/metrics`)).text()),
    );
  });
});
