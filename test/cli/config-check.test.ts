// `cc-proxy config check`: what it finds, and what its user sees of it.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { checkSettings } from '#services/cli/check-settings.ts';
import { loadConfig } from '#shared/config/load.ts';
import { runCli } from '../support/cli.ts';

const PROVIDER = '[providers.p]\ntype = "anthropic"\nbase_url = "https://models.example.com"';

describe('cc-proxy config check', function () {
  this.timeout(60_000);
  let cwd: string;
  beforeEach(() => {
    cwd = mkdtempSync(join(tmpdir(), 'cc-proxy-check-'));
  });
  afterEach(() => rmSync(cwd, { recursive: true, force: true }));

  interface Given {
    env?: Record<string, string>;
    flags?: Record<string, string>;
  }

  /** Without the path in front of its lines. */
  const check = (toml: string, { env = {}, flags = {} }: Given = {}) => {
    const file = join(cwd, 'cc-proxy.toml');
    writeFileSync(file, toml);
    const { errors, warnings, notes } = checkSettings(() => loadConfig({ env: { HOME: cwd, ...env }, cwd, flags }));
    const short = (lines: readonly string[]): string[] => lines.map((line) => line.replace(`${file}:`, ''));
    return { errors: short(errors), warnings: short(warnings), notes: short(notes) };
  };
  const run = async (args: string[], toml: string) => {
    writeFileSync(join(cwd, 'cc-proxy.toml'), toml);
    const { code, stdout, stderr } = await runCli(['config', 'check', ...args], { cwd });
    expect(stderr).to.equal('');
    return {
      code,
      lines: stdout
        .trimEnd()
        .replaceAll(`${join(cwd, 'cc-proxy.toml')}`, 'FILE')
        .split('\n'),
    };
  };
  const shortened = (lines: readonly string[], length: number): string[] => lines.map((line) => line.slice(0, length));

  it('says every mistake of tokens and hooks, and beside them of targets that need no token', () => {
    const { errors } = check(`[tokens.a]
command = ["print"]
pointer = "no"
hosts = ["https://api.example.com/x"]
[tokens.b]
file = "/token"
[target]
url = "https://models.example.com"
env_key = "NO_SUCH_KEY"
[[hooks]]
use = "capture-header"
[[hooks]]
use = "capture-headers"
headers = ["authorization", "user agent", "x-request-id"]
`);
    expect(errors).to.deep.equal([
      '1: tokens.a.pointer is for a file: give file instead of command, or leave it out',
      '1: tokens.a.pointer = "no" is no JSON pointer, e.g. "/claudeAiOauth/accessToken"',
      '1: tokens.a.hosts: "https://api.example.com/x" is no host name: write it without scheme, port and path',
      '5: tokens.b.hosts is missing: name the hosts that may be sent the token, e.g. ["api.example.com"]',
      '9: target.env_key names NO_SUCH_KEY, which is not set in the environment',
      '10: [[hooks]] number 1: use = "capture-header" is no hook; there is capture-headers',
      '12: [[hooks]] number 2: headers: "authorization" may hold a credential, and credentials are kept nowhere; leave it out; "user agent" is no name of a header',
    ]);
  });

  it('S3-32 says every mistake with its line, whoever would have found it', () => {
    const first = check(`[server]
listen_adress = "127.0.0.1:1"
drain_secs = "long"
[models]
a = { provider = "nobody" }
`);
    // What settings mean together is only looked at when each of them can be meant.
    expect(first.errors).to.deep.equal([
      '2: server.listen_adress is no setting; did you mean server.listen_address?',
      '3: server.drain_secs = "long" must be a whole number of at least 0 and at most 2000000',
    ]);
    const { errors } = check(`[providers.p]
type = "antropic"
base_url = "https://models.example.com"
[providers.q]
base_url = "https://models.example.com"
env_key = "NOT_SET"
[models]
a = { provider = "p" }
b = { provider = "q" }
[web_search]
mode = "emulate"
[server]
listen_address = "0.0.0.0:3080"
`);
    expect(shortened(errors, 41)).to.deep.equal([
      'server.listen_address = "0.0.0.0:3080" is',
      '11: web_search.mode = "emulate" needs web',
      '2: providers.p.type = "antropic" is no pr',
      '6: providers.q.env_key names NOT_SET, whi',
    ]);
  });

  it('S3-32 says where a file stops being TOML, and that a named one is missing', () => {
    expect(check('[server]\nlisten_address = = 1\n').errors[0]).to.match(/^2:18: /);
    const configPath = join(cwd, 'absent.toml');
    const { errors } = checkSettings(() => loadConfig({ env: {}, cwd, configPath }));
    expect(errors).to.deep.equal([`${configPath}: the config file cannot be read; check --config and CC_PROXY_CONFIG`]);
  });

  const WARNED = `admin.token = "canary-token"
redis.url = "redis://me:canary-password@127.0.0.1:1"
${PROVIDER}
api_key = "canary-key"
[models]
"claude-opus-4-1" = { provider = "p" }
house = { provider = "p" }
[[rules]]
name = "all"
when = { model = "*" }
use = "house"
`;

  it('S3-32 warns of unknown prices and windows, of keys and passwords in the file, and shows none', () => {
    const { errors, warnings } = check(WARNED);
    expect(errors).to.deep.equal([]);
    expect(shortened(warnings, 47)).to.deep.equal([
      '6: providers.p.api_key holds the key itself: na',
      '1: admin.token holds the key itself: name a fil',
      '2: redis.url holds a password: set CC_REDIS__UR',
      '9: models.house: no price of "house" is known, ',
      '9: models.house: how much "house" takes in is n',
    ]);
    expect(JSON.stringify(warnings)).to.not.include('canary');
  });

  it('S3-32 says which rules no request can reach', () => {
    const forced = check(WARNED, { flags: { 'target.url': 'http://127.0.0.1:1' } });
    expect(forced.warnings.join('\n')).to.include('[[rules]] have no effect');
    const behind = `${WARNED.replace('when = { model = "*" }\n', '')}[[rules]]\nname = "late"\nuse = "house"\n`;
    expect(check(behind).errors.join('\n')).to.match(/^10: \[\[rules\]\] "all": .*no request reaches "late"/);
  });

  it('S3-32 ends with 1 on a mistake, with --strict on a warning too, and else with 0', async () => {
    const fine = await run(['--strict'], '[target]\nurl = "http://127.0.0.1:1"\nmodel = "claude-opus-4-1"\n');
    expect(fine).to.deep.equal({ code: 0, lines: ['FILE: 0 errors, 0 warnings'] });
    const warned = await run([], WARNED);
    expect([warned.code, warned.lines.at(-1)]).to.deep.equal([0, 'FILE: 0 errors, 5 warnings']);
    expect(warned.lines[0]).to.include('warning  FILE:6: providers.p.api_key');
    expect((await run(['--strict'], WARNED)).code).to.equal(1);
    const wrong = await run([], 'sever = 1\n');
    expect(wrong.code).to.equal(1);
    expect(wrong.lines[0]).to.include('error    FILE:1: sever is no setting');
  });

  it('S1-10 warns of an api_key that stands in the file, and of none that is a variable’s or a file’s', () => {
    writeFileSync(join(cwd, 'key'), 'canary-key');
    const model = '[models."claude-opus-4-1"]\nprovider = "p"';
    const tokens = '[tokens.t]\ncommand = ["/nonexistent/never-run"]\nhosts = ["models.example.com"]';
    for (const [setting, env, count] of [
      ['api_key = "canary-key"', {}, 1],
      ['env_key = "THE_KEY"', { THE_KEY: 'canary-key' }, 0],
      [`key_file = "${join(cwd, 'key')}"`, {}, 0],
      ['', { CC_PROVIDERS__P__API_KEY: 'canary-key' }, 0],
      ['token = "t"', {}, 0],
    ] as const) {
      const found = check(`${PROVIDER}\n${setting}\n${model}\n${tokens}`, { env });
      expect(found.errors, setting).to.deep.equal([]);
      expect(found.warnings.length, setting).to.equal(count);
      expect(JSON.stringify(found)).to.not.include('canary');
    }
  });

  it('S3-32 shows no key that somebody wrote where its name is wanted', () => {
    const canary = 'sk-ant-api03-canary';
    for (const setting of ['env_key', 'key_file', 'token', 'auth_header', 'api_keyy', 'propagate_trace_context']) {
      const { errors } = check(`${PROVIDER}\n${setting} = "${canary} x"\n[models.m]\nprovider = "p"`);
      expect(errors.join('\n'), setting).to.include(setting).and.not.include(canary);
    }
  });

  it('S3-32 looks at the environment too, and leaves open what may be given at the start', () => {
    const env = { CC_SERVER__DRAIN_SECS: 'long' };
    expect(check('', { env }).errors[0]).to.include('environment: CC_SERVER__DRAIN_SECS = "long" must be');
    const typo = check('', { env: { CC_SERVER__DRAIN_SEC: '1' } });
    expect(typo.errors).to.deep.equal([]);
    expect(typo.warnings[0]).to.include('CC_SERVER__DRAIN_SEC is no setting');
    expect(typo.warnings[1]).to.include('no model to send to');
  });

  it('S3-32 notes a native route that a pipeline makes a converted one', () => {
    const pipeline =
      '[pipelines.tidy]\nrequest = ["drop-billing-block"]\n[models.m]\nprovider = "p"\npipeline = "tidy"';
    expect(check(`${PROVIDER}\n${pipeline}`).notes).to.deep.equal([
      '6: models.m: pipeline "tidy" makes the native route a converted one',
    ]);
  });
});
