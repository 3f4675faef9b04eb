import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import fc from 'fast-check';
import { type Config, environmentNames, type LoadOptions, loadConfig } from '#shared/config/load.ts';
import { ConfigError } from '#shared/errors.ts';

describe('the configuration', () => {
  let cwd: string;
  beforeEach(() => {
    cwd = mkdtempSync(join(tmpdir(), 'cc-proxy-config-'));
  });
  afterEach(() => rmSync(cwd, { recursive: true, force: true }));

  const load = (options: Partial<LoadOptions> = {}): Config => loadConfig({ env: { HOME: cwd }, cwd, ...options });
  const file = (content: string, name = 'cc-proxy.toml'): void => writeFileSync(join(cwd, name), content);
  const complaint = (options: Partial<LoadOptions> = {}): string => {
    try {
      load(options);
    } catch (error) {
      expect(error).to.be.instanceOf(ConfigError);
      return (error as Error).message;
    }
    throw new Error('it was accepted');
  };

  it('S0-30 a named file is read by flag, then by CC_PROXY_CONFIG, then from the usual places', () => {
    file('default_mode = "compare"');
    file('[server]\nmax_body_mib = 1', 'flag.toml');
    file('[server]\nmax_body_mib = 2', 'env.toml');
    expect(load().default_mode).to.equal('compare');
    expect(load({ env: { CC_PROXY_CONFIG: 'env.toml' } }).server.max_body_mib).to.equal(2);
    expect(load({ configPath: 'flag.toml', env: { CC_PROXY_CONFIG: 'env.toml' } }).server.max_body_mib).to.equal(1);
    expect(load({ cwd: tmpdir(), env: { HOME: cwd } }).file).to.equal(null);
  });

  it('S0-30 a named file that is missing is an error, an unnamed one is not', () => {
    expect(complaint({ configPath: 'gone.toml' }))
      .to.include('gone.toml')
      .and.include('cannot be read');
    expect(complaint({ env: { CC_PROXY_CONFIG: 'gone.toml' } })).to.include('gone.toml');
    expect(load().file).to.equal(null);
  });

  it('S0-31 anthropic-only can be allowed by the launch flag alone', () => {
    file('allow_anthropic_only = true');
    expect(complaint()).to.include('allow_anthropic_only is no setting');
    file('');
    expect(load({ env: { CC_ALLOW_ANTHROPIC_ONLY: 'true' } }).allow_anthropic_only).to.equal(false);
    expect(load({ env: { CC_ALLOW_ANTHROPIC_ONLY: 'true' } }).warnings.join()).to.include('CC_ALLOW_ANTHROPIC_ONLY');
    expect(load({ allowAnthropicOnly: true }).allow_anthropic_only).to.equal(true);
  });

  it('S0-32 every setting has a variable, which beats the file and is beaten by the flag', () => {
    file('[server]\nlisten_address = "127.0.0.1:1"\n[target]\nmax_concurrent = 3');
    const env = { CC_SERVER__LISTEN_ADDRESS: '127.0.0.1:2', CC_TARGET__URL: 'http://env.example' };
    expect(load().server.listen_address).to.equal('127.0.0.1:1');
    expect(load({ env }).server.listen_address).to.equal('127.0.0.1:2');
    expect(load({ env }).target.max_concurrent).to.equal(3);
    expect(load({ env }).source('server.listen_address')).to.equal('env');
    const flagged = load({ env, flags: { 'target.url': 'http://flag.example' } });
    expect(flagged.target.url).to.equal('http://flag.example');
    expect([
      flagged.source('target.url'),
      flagged.source('target.max_concurrent'),
      flagged.source('log.level'),
    ]).to.deep.equal(['flag', 'file', 'default']);
    expect(environmentNames()).to.include.members([
      'CC_DEFAULT_MODE',
      'CC_SERVER__LISTEN_ADDRESS',
      'CC_REDIS__URL',
      'CC_COMPARE__SAMPLE__MAIN',
    ]);
  });

  it('S0-32 a variable of the wrong type is an error that names it, and an unknown one a warning with the nearest', () => {
    expect(complaint({ env: { CC_SERVER__MAX_BODY_MIB: '12abc' } })).to.equal(
      'environment: CC_SERVER__MAX_BODY_MIB = "12abc" must be a whole number of at least 1 and at most 1024',
    );
    expect(complaint({ env: { CC_PASSTHROUGH__PASSTHROUGH_AUTH: 'yes' } })).to.include('must be true or false');
    expect(load({ env: { CC_SERVER__LISTEN_ADRESS: 'x' } }).warnings).to.deep.equal([
      'environment: CC_SERVER__LISTEN_ADRESS is no setting; did you mean CC_SERVER__LISTEN_ADDRESS?',
    ]);
    expect(load({ env: { CC_PROXY_PORT: 'tcp://10.0.0.1:80', CCACHE_DIR: '/x' } }).warnings).to.deep.equal([]);
  });

  it('S0-32 entries of maps have variables in lower case', () => {
    const env = { CC_PROVIDERS__GLM__BASE_URL: 'http://glm.example', CC_PROVIDERS__GLM__TIMEOUT_SECS: '7' };
    expect(load({ env }).providers.glm).to.include({ base_url: 'http://glm.example', timeout_secs: 7 });
  });

  it('S0-33 takes every key of the seed’s file', () => {
    file(`
default_mode = "target"
[server]
listen_address = "0.0.0.0:3080"
[target]
timeout_secs = 300
max_concurrent = 50
[passthrough]
url = "https://api.anthropic.com"
timeout_secs = 300
passthrough_auth = true
[tracing]
service_name = "cc-proxy"
otlp_endpoint = "http://localhost:6006"
log_level = "info"
`);
    const config = load();
    expect(config.tracing.endpoint).to.equal('http://localhost:6006');
    expect(config.log.level).to.equal('info');
    expect(config.warnings).to.deep.equal([]);
  });

  it('S0-33 passthrough_auth = false needs a key of the gateway', () => {
    file('[passthrough]\npassthrough_auth = false');
    expect(complaint()).to.include('passthrough.env_key');
    file('[passthrough]\npassthrough_auth = false\nenv_key = "ANTHROPIC_API_KEY"');
    expect(load().passthrough.passthrough_auth).to.equal(false);
  });

  it('a wrong key or value names the file, the key, the value and the fix', () => {
    file('[server]\nlisten_addres = "x"');
    expect(complaint()).to.equal(
      `${join(cwd, 'cc-proxy.toml')}:2: server.listen_addres is no setting; did you mean server.listen_address?`,
    );
    file('[compare]\ngates = 1');
    expect(complaint(), 'nothing is near').to.equal(`${join(cwd, 'cc-proxy.toml')}:2: compare.gates is no setting`);
    file('default_mode = "both"');
    expect(complaint()).to.equal(
      `${join(cwd, 'cc-proxy.toml')}:1: default_mode = "both" must be one of "target", "compare", "anthropic-only"`,
    );
    file('[server]\nlisten_address = 3080');
    expect(complaint()).to.include('must be host:port');
    file('server = 3');
    expect(complaint()).to.include('server must be a table');
    file('x = = 1');
    expect(complaint()).to.include('cc-proxy.toml:1:5');
    file('[models.primary]\nprovider = "p"');
    expect(complaint()).to.include('reserved');
    file('[models.m]\nprovider = "nobody"');
    expect(complaint()).to.include('models.m.provider = "nobody"');
    file('[compare]\nalso = ["nobody"]');
    expect(complaint()).to.include('compare.also names "nobody"');
  });

  it('tells every mistake at once, each with its line', () => {
    file(`# first
[target]
url = "models.example.com"
api_key = [
  "hunter2",
]
modle = "m"

[models]
"a.b" = { provider = "p", context_window = "many" }
c = 3

[[rules]]
name = "one"
use = "m"
[[rules]]
name = "two"
when = { thinkin = true, stream = "yes" }
[sever]
`);
    const toml = join(cwd, 'cc-proxy.toml');
    const told = complaint({ env: { CC_SERVER__LISTEN_ADDRESS: '3080' }, flags: { default_mode: 'both' } }).split('\n');
    expect(told.map((line) => line.replace(`${toml}:`, '').replace(/ (must|is) .*/, ''))).to.have.members([
      '7: target.modle',
      '11: models.c',
      '19: sever',
      'flags: default_mode = "both"',
      'environment: CC_SERVER__LISTEN_ADDRESS = "3080"',
      '3: target.url = "models.example.com"',
      '4: target.api_key = (hidden)',
      '10: models.a.b.context_window = "many"',
      '18: [[rules]] "two": when.thinkin',
      '18: [[rules]] "two": when.stream = "yes"',
    ]);
    file('[compare]\nalso = ["nobody"]\n[models.primary]\nprovider = "p"\n[providers.q]\ntype = "gemini"');
    expect(
      complaint()
        .split('\n')
        .map((line) => line.slice(toml.length + 1, toml.length + 2)),
    ).to.deep.equal(['3', '3', '5', '2']);
  });

  it('a provider without base_url is a mistake that is told like any other', () => {
    file('[providers.q]\ntype = "gemini"');
    expect(complaint()).to.equal(`${join(cwd, 'cc-proxy.toml')}:1: providers.q.base_url is missing`);
  });

  it('never shows a secret in an error', () => {
    file('[admin]\ntoken = ["hunter2"]');
    expect(complaint()).to.include('admin.token').and.not.include('hunter2');
    file('[target]\napi_key = 42424242');
    expect(complaint()).to.not.include('42424242');
    file('[target]\nurl = "https://me:hunter2@x.example"');
    expect(complaint()).to.not.include('hunter2');
    file('[admin]\ntoken = "hunter2\n');
    expect(complaint()).to.not.include('hunter2');
  });

  it('keys with dots work in maps', () => {
    file('[providers."a.b"]\nbase_url = "http://x.example/v1/"\n[models."glm-5.1"]\nprovider = "a.b"');
    expect(load().models['glm-5.1']?.provider).to.equal('a.b');
    expect(load().source('models.glm-5.1.provider')).to.equal('file');
  });

  it('a value of a table in a variable may hold = itself, or be empty', () => {
    const headers = (value: string) => load({ env: { CC_TRACING__HEADERS: value } }).tracing.headers;
    expect(headers('authorization=Basic cGs6c2s==')).to.deep.equal({ authorization: 'Basic cGs6c2s==' });
    expect(headers('a=1, b=2=3,c=')).to.deep.equal({ a: '1', b: '2=3', c: '' });
    expect(headers('')).to.deep.equal({});
    expect(complaint({ env: { CC_TRACING__HEADERS: 'secret' } }))
      .to.include('must be a table of strings')
      .and.not.include('secret');
  });

  it('what no timer can wait for is refused', () => {
    const names = environmentNames().filter((name) => name.endsWith('_SECS') || name.endsWith('_MS'));
    expect(names).to.include.members(['CC_SERVER__DRAIN_SECS', 'CC_TARGET__TIMEOUT_SECS', 'CC_TARGET__DEADLINE_SECS']);
    for (const name of names) {
      expect(complaint({ env: { [name]: '2147483648' } }), name).to.include('and at most 2000000');
      load({ env: { [name]: '2000000' } });
    }
  });

  it('an empty string is as good as none where none is a value', () => {
    file('[target]\nurl = "http://x.example"\nmodel = ""\napi_key = ""\n[passthrough]\nenv_key = ""');
    expect(load().target).to.include({ model: null, api_key: null });
    expect(load().passthrough.env_key).to.equal(null);
    expect(load({ flags: { 'target.model': '' } }).target.model).to.equal(null);
    expect(load({ env: { CC_TARGET__MODEL: 'm' }, flags: { 'target.model': '' } }).target.model).to.equal('m');
    expect(load({ env: { CC_TARGET__DEADLINE_SECS: '', CC_TRACING__CONTENT: '' } }).target.deadline_secs).to.equal(
      null,
    );
  });

  it('a base URL with a query or a fragment is refused, without showing it', () => {
    for (const end of ['?key=hunter2', '#hunter2', '?']) {
      file(`[target]\nurl = "https://x.example/v1${end}"`);
      expect(complaint()).to.include('target.url').and.include('no query').and.not.include('hunter2');
      file(`[providers.p]\nbase_url = "https://x.example/v1${end}"`);
      expect(complaint()).to.include('providers.p.base_url').and.include('no query').and.not.include('hunter2');
    }
  });

  it('names that every object inherits are names like any other, and __proto__ is none', () => {
    for (const name of ['constructor', 'toString', 'valueOf', 'hasOwnProperty', '__proto__']) {
      file(`[models.m]\nprovider = "${name}"`);
      expect(complaint()).to.include(`models.m.provider = "${name}" is no entry`);
      file(`[compare]\nalso = ["${name}"]`);
      expect(complaint()).to.include(`compare.also names "${name}"`);
      for (const content of [`["${name}"]\n`, `"${name}" = 1\n`, `[target]\n"${name}" = 1\n`, `[target."${name}"]\n`]) {
        file(content);
        expect(complaint(), content).to.match(/is no setting|is a name nothing can have/);
      }
      file(`[providers."${name}"]\nbase_url = "http://x.example"\n[models."${name}"]\nprovider = "${name}"`);
      if (name === '__proto__') expect(complaint()).to.include('providers.__proto__ is a name nothing can have');
      else {
        expect(load({ env: { CC_PROVIDERS__GLM__BASE_URL: 'http://y.example' } }).models[name]).to.include({
          provider: name,
        });
      }
    }
    file('[tracing.headers]\n"__proto__" = "x"');
    expect(complaint()).to.include('tracing.headers');
  });

  it('is frozen', () => {
    const config = load();
    expect(() => Object.assign(config.server, { max_body_mib: 1 })).to.throw(TypeError);
    expect(() => Object.assign(config.compare.sample, { main: 0 })).to.throw(TypeError);
  });

  it('arbitrary environments and files never throw anything but a ConfigError', () => {
    const names = fc.constantFrom(...environmentNames());
    fc.assert(
      fc.property(fc.dictionary(names, fc.string()), fc.string(), (env, content) => {
        file(content);
        try {
          loadConfig({ env: { HOME: cwd, ...env }, cwd });
        } catch (error) {
          expect(error).to.be.instanceOf(ConfigError);
        }
      }),
      { numRuns: 300 },
    );
  });
});
