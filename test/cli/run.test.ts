// `cc-proxy run` and `cc-proxy doctor` as their user runs them, beside a real gateway.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { keepArguments } from '#services/cli/program.ts';
import { createSimulator, type Simulator } from '#services/simulator/service.ts';
import { runCli, startCli } from '../support/cli.ts';
import { freePort } from '../support/free-port.ts';
import { startTestGateway, type TestGateway } from '../support/gateway.ts';
import { json, messagesRequest, send } from '../support/raw-client.ts';

const NAMES = [
  'ANTHROPIC_BASE_URL',
  'CLAUDE_CODE_GATEWAY_HINT_HEADERS',
  'CLAUDE_CODE_ENABLE_GATEWAY_MODEL_DISCOVERY',
  'CLAUDE_CODE_MAX_CONTEXT_TOKENS',
  'CLAUDE_CODE_AUTO_COMPACT_WINDOW',
  'CLAUDE_CODE_MAX_OUTPUT_TOKENS',
];
const WINDOW = { CLAUDE_CODE_MAX_CONTEXT_TOKENS: '48000', CLAUDE_CODE_AUTO_COMPACT_WINDOW: '48000' };
/** Says which of the variables it has, and with which arguments it was called. */
const TELL = `console.log(JSON.stringify([Object.fromEntries(${JSON.stringify(NAMES)}.filter((n) => process.env[n]).map((n) => [n, process.env[n]])), process.argv.slice(1)]))`;

describe('cc-proxy run and doctor', function () {
  this.timeout(60_000);
  let target: Simulator;
  let gateway: TestGateway;
  let cwd: string;
  let settings: string;

  before(async () => {
    target = await createSimulator({ listenAddress: '127.0.0.1:0', seed: 3, defaultScene: 'text', delayScale: 0 });
    cwd = mkdtempSync(join(tmpdir(), 'cc-proxy-run-'));
    settings = join(cwd, 'cc-proxy.toml');
    writeFileSync(
      settings,
      [
        `[providers.lab]\ntype = "openai-chat"\nbase_url = "${target.url}/v1"\napi_key = "lab-key-of-the-test"`,
        '[models."lab-small"]\nprovider = "lab"\ncontext_window = 48000\nmax_output = 6000',
        '[models."mystery"]\nprovider = "lab"',
      ].join('\n'),
    );
    gateway = await startTestGateway({ settings: {}, env: { CC_PROXY_CONFIG: settings } });
  });
  after(async () => {
    await Promise.all([gateway?.stop(), target?.stop()]);
    rmSync(cwd, { recursive: true, force: true });
  });

  const here = (env: Record<string, string> = {}) => ({
    cwd,
    env: { CC_SERVER__LISTEN_ADDRESS: new URL(gateway.url).host, ...env },
  });
  const tell = async (args: string[], env: Record<string, string> = {}) => {
    const { code, stdout, stderr } = await runCli(['run', process.execPath, '-e', TELL, '--', ...args], here(env));
    expect(code, stderr).to.equal(0);
    const [variables, given] = JSON.parse(stdout) as [Record<string, string>, string[]];
    return { variables, given, stderr };
  };

  it('C-07 the client is told the window of the model that will answer it, and where its gateway is', async () => {
    const { variables, stderr } = await tell([]);
    expect(variables).to.deep.equal({
      ANTHROPIC_BASE_URL: gateway.url,
      CLAUDE_CODE_GATEWAY_HINT_HEADERS: '1',
      CLAUDE_CODE_ENABLE_GATEWAY_MODEL_DISCOVERY: '1',
      ...WINDOW,
      CLAUDE_CODE_MAX_OUTPUT_TOKENS: '6000',
    });
    for (const [name, value] of Object.entries(variables)) expect(stderr).to.include(`cc-proxy: ${name}=${value}\n`);
  });

  it('C-07 the model it chose is asked about, by any of its names; one that is not known is named', async () => {
    const told = await Promise.all([
      tell(['--model', 'lab-small']),
      tell(['--model', 'claude-lab-small']),
      tell([], { ANTHROPIC_MODEL: 'lab-small[1m]' }),
    ]);
    for (const { variables } of told) expect(variables).to.include(WINDOW);
    const { variables, stderr } = await tell(['--model=mystery']);
    expect(variables).to.not.have.any.keys(...Object.keys(WINDOW));
    expect(stderr).to.include('context window of mystery is not known').and.include('context_window');
  });

  it('C-07 what the user set stays, and what stands behind the command is its own', async () => {
    const mine = { CLAUDE_CODE_MAX_CONTEXT_TOKENS: '30000', CLAUDE_CODE_GATEWAY_HINT_HEADERS: '0' };
    const args = ['--model', 'lab-small', '--config', 'x', '-p', 'a b', '--', '--help'];
    const { variables, given } = await tell(args, mine);
    expect(variables).to.include({ ...WINDOW, ...mine });
    expect(given).to.deep.equal(args);
  });

  it('C-07 a prompt over that window is refused in the words by which a client knows to compact', async () => {
    const content = 'many words of a long conversation '.repeat(12_000);
    const body = { model: 'lab-small', max_tokens: 100, messages: [{ role: 'user', content }] };
    const answer = await send(gateway.url, messagesRequest({ body }));
    expect(answer.status).to.equal(400);
    const { error } = json(answer) as { error: { type: string; message: string } };
    expect(error.type).to.equal('invalid_request_error');
    expect(error.message).to.match(/^prompt is too long: \d+ tokens > 48000 maximum$/);
  });

  it('C-07 doctor tells each window and what to set at the client, and which is not known', async () => {
    const { code, stdout } = await runCli(['doctor'], here());
    expect(code, stdout).to.equal(0);
    const [known = ''] = stdout.match(/^note .*window: lab-small takes 48000 tokens.*$/m) ?? [];
    for (const [name, value] of Object.entries(WINDOW)) expect(known).to.include(`${name}=${value}`);
    expect(stdout).to.match(/^note .*window: that of mystery is not known -> .*models\."mystery"\.context_window/m);
    const set = await runCli(['doctor'], here({ ...WINDOW, CLAUDE_CODE_MAX_OUTPUT_TOKENS: '6000' }));
    expect(set.stdout).to.match(/^ok +window: lab-small takes 48000 tokens$/m);
  });

  it('run ends as the command does: by its code, or by its signal', async () => {
    const exits = runCli(['run', process.execPath, '-e', 'process.exit(7)'], here());
    const killed = startCli(['run', process.execPath, '-e', `process.kill(process.pid, 'SIGTERM')`], here());
    const script = `process.on('SIGTERM', () => process.exit(9)); process.stdout.write('up'); setInterval(() => {}, 1000)`;
    const passed = startCli(['run', process.execPath, '-e', script], here());
    await passed.line(/up/);
    passed.child.kill('SIGTERM');
    expect(await passed.exit()).to.deep.equal({ code: 9, signal: null });
    expect((await exits).code).to.equal(7);
    expect(await killed.exit()).to.deep.equal({ code: null, signal: 'SIGTERM' });
  });

  it('run needs a gateway, and a command that there is: else it says what to do', async () => {
    const nobody = { cwd, env: { CC_SERVER__LISTEN_ADDRESS: `127.0.0.1:${await freePort()}` } };
    const [down, elsewhere, missing] = await Promise.all([
      runCli(['run', 'claude'], nobody),
      runCli(['run', 'claude'], here({ ANTHROPIC_BASE_URL: target.url })),
      runCli(['run', 'no-such-command-here'], here()),
    ]);
    expect(down.code).to.equal(2);
    expect(down.stderr).to.match(/^cc-proxy: no gateway answers at \S+: start it .*"cc-proxy start"/);
    expect(elsewhere.code).to.equal(2);
    expect(elsewhere.stderr).to.include('ANTHROPIC_BASE_URL');
    expect(missing.code).to.equal(2);
    expect(missing.stderr).to.include('run no-such-command-here: there is no such command');
  });

  it('run leaves the options before it to cc-proxy', () => {
    const split: Array<[string, string]> = [
      ['run claude --model x', 'run -- claude --model x'],
      ['--config run run claude -p', '--config run run -- claude -p'],
      ['--model=a run -- claude', '--model=a run -- claude'],
      ['run --help', 'run --help'],
      ['mode run', 'mode run'],
      ['--target-url http://run', '--target-url http://run'],
    ];
    for (const [given, kept] of split) expect(keepArguments(given.split(' ')).join(' ')).to.equal(kept);
  });

  it('doctor finds what is broken, says how to mend it, and ends with 1', async () => {
    const [gone, redis, collector] = [await freePort(), await freePort(), await freePort()];
    const broken = join(cwd, 'broken.toml');
    writeFileSync(
      broken,
      `[providers.lab]\nbase_url = "http://127.0.0.1:${gone}"\n[models.lab-small]\nprovider = "lab"\n[redis]\nurl = "redis://:hidden-word@127.0.0.1:${redis}"\n[tracing]\nendpoint = "http://127.0.0.1:${collector}"\n[tokens.lab]\nfile = "/nonexistent/token"\nhosts = ["127.0.0.1"]\n`,
    );
    const env = { CC_SERVER__LISTEN_ADDRESS: `127.0.0.1:${gone}`, ANTHROPIC_BASE_URL: `${gateway.url}/v1` };
    const { code, stdout, stderr } = await runCli(['--config', broken, 'doctor'], { cwd, env });
    expect(code).to.equal(1);
    for (const what of ['gateway', 'client', 'providers.lab', 'tokens.lab', 'redis', 'traces']) {
      expect(stdout).to.match(new RegExp(`^FAULT +${what}: .* -> .+$`, 'm'));
    }
    expect(stdout).to.include('6 to mend');
    expect(stdout + stderr).to.not.include('hidden-word');
  });

  it('doctor takes a mistake in the settings, or a key that is not there, for a finding', async () => {
    const odd = join(cwd, 'odd.toml');
    writeFileSync(odd, '[servr]\nx = 1\n[log]\nlevl = 1\n');
    const settings = await runCli(['--config', odd, 'doctor'], here());
    expect(settings.code).to.equal(1);
    for (const what of ['servr', 'log.levl']) {
      expect(settings.stdout).to.match(new RegExp(`^FAULT +config: [^\n]*${what} [^\n]* -> `, 'm'));
    }
    writeFileSync(
      odd,
      `[providers.lab]\nbase_url = "${target.url}"\nenv_key = "LAB_KEY"\n[models.lab-small]\nprovider = "lab"\n`,
    );
    const key = await runCli(['--config', odd, 'doctor'], here());
    expect(key.code).to.equal(1);
    expect(key.stdout).to.match(/^FAULT +providers: .*LAB_KEY/m);
  });
});
