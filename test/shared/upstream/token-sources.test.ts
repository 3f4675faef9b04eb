// [tokens]: where they are read from, when again, and that nothing but a request ever shows one.
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { ConfigError } from '#shared/errors.ts';
import { createTargets } from '#shared/upstream/create-targets.ts';
import { readToken, TokenUnread } from '#shared/upstream/read-token.ts';
import { createTokenSources, type TokenSources } from '#shared/upstream/token-sources.ts';
import { testConfig, until } from '../../support/gateway.ts';
import { holdTimers } from '../../support/held-timers.ts';

const URL_OF_HOST = 'https://api.example.com/v1';

describe('token sources', () => {
  let folder: string;
  const open: TokenSources[] = [];
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'cc-proxy-tokens-'));
  });
  afterEach(() => {
    for (const sources of open.splice(0)) sources.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  const create = (settings: Record<string, unknown>, troubles: string[] = []) => {
    const named = Object.entries({ hosts: ['api.example.com'], ...settings });
    const flags = Object.fromEntries(named.map(([key, value]) => [`tokens.t.${key}`, value]));
    const config = testConfig(flags, { env: { HOME: folder } });
    const sources = createTokenSources(config, { onTrouble: (_source, trouble) => troubles.push(trouble) });
    open.push(sources);
    return sources;
  };
  const read = async (settings: Record<string, unknown>, troubles: string[] = []) => {
    const sources = create(settings, troubles);
    await sources.start();
    return sources.find('t', URL_OF_HOST, 'providers.p');
  };
  const node = (script: string, ...args: string[]): string[] => [process.execPath, '-e', script, ...args];
  const file = (name: string, content: string): string => {
    writeFileSync(join(folder, name), content);
    return join(folder, name);
  };

  it('read what a command prints, a file holds, or a file holds at a JSON pointer', async () => {
    const credentials = JSON.stringify({ claudeAiOauth: { accessToken: 'by-pointer', 'a/b~c': ['x', 'deep'] } });
    file('token', 'by-file\n');
    for (const [settings, value] of [
      [{ command: node('console.log("by-command")') }, 'by-command'],
      [{ file: '~/token' }, 'by-file'],
      [{ file: file('c.json', credentials), pointer: '/claudeAiOauth/accessToken' }, 'by-pointer'],
      [{ file: file('c.json', credentials), pointer: '/claudeAiOauth/a~1b~0c/1' }, 'deep'],
    ] as const) {
      expect((await read(settings)).values()).to.deep.equal([value]);
    }
  });

  it('run the command without a shell, with ~ at the beginning of an argument as the home folder', async () => {
    const show = node('console.log(process.argv.slice(1).join("|"))', '~/a', '~', 'b~', '$HOME', '`id`;', '*');
    expect((await read({ command: show })).values()).to.deep.equal([`${folder}/a|${folder}|b~|$HOME|\`id\`;|*`]);
  });

  it('say why there is none, and nothing of what was printed, held or complained of', async () => {
    const secret = 'canary-of-the-source';
    const json = file('c.json', `{"token": {"inner": "${secret}"}, "broken`);
    for (const [settings, why] of [
      [{ command: ['/nonexistent/program'] }, 'cannot be run (ENOENT)'],
      [{ command: node(`console.error("${secret}"); console.log("${secret}"); process.exit(3)`) }, 'exit code 3'],
      [{ command: node('process.kill(process.pid, "SIGTERM"); setTimeout(() => {}, 9000)') }, 'SIGTERM'],
      [{ command: node('') }, 'printed nothing'],
      [{ command: node(`console.log("two ${secret}")`) }, 'more than one word'],
      [{ command: node(`console.log("${secret}\\n${secret}")`) }, 'more than one word'],
      [{ command: node('console.log("x".repeat(20_000))') }, 'more than 16384 characters'],
      [{ command: node('console.log("x".repeat(2_000_000)); setTimeout(() => {}, 9000)') }, 'more than 1048576 bytes'],
      [{ file: join(folder, 'absent') }, 'cannot be read (ENOENT)'],
      [{ file: folder }, 'no regular file'],
      [{ file: json, pointer: '/token' }, 'not JSON'],
      [{ file: file('d.json', `{"token": {"inner": "${secret}"}}`), pointer: '/token' }, 'no text at /token'],
      [{ file: file('d.json', '{}'), pointer: '/constructor/name' }, 'no text at /constructor/name'],
    ] as const) {
      const troubles: string[] = [];
      const source = await read(settings, troubles);
      expect(source.values(), why).to.deep.equal([]);
      expect(source.trouble()).to.include(why).and.not.include(secret);
      expect(troubles).to.deep.equal([source.trouble()]);
    }
  });

  it('end a command that still runs, and what it started, when they stop', async () => {
    const pids = join(folder, 'pids');
    const child = `require('fs').appendFileSync(${JSON.stringify(pids)}, process.pid + ' '); setInterval(() => {}, 1000)`;
    const parent = `require('child_process').spawn(process.execPath, ['-e', ${JSON.stringify(child)}], { stdio: 'inherit' }); ${child}`;
    const sources = create({ command: node(parent) });
    const started = sources.start();
    const written = (): number[] => (existsSync(pids) ? readFileSync(pids, 'utf8').trim().split(' ').map(Number) : []);
    await until(() => written().length === 2);
    sources.stop();
    await started;
    await until(() => written().every((pid) => !isRunning(pid)));
  });

  it('end a command that takes too long, and say so', async () => {
    const settings = testConfig({ 'tokens.t.command': node('setInterval(() => {}, 1000)') }).tokens.t;
    const options = { home: folder, signal: new AbortController().signal, timeoutMs: 100 };
    const error: unknown = settings && (await readToken(settings, options).catch((reason: unknown) => reason));
    expect(error).to.be.instanceOf(TokenUnread).and.have.property('message', 'the command did not end within 0.1 s');
  });

  it('are read again when an upstream refuses the newest value, once for each', async () => {
    const path = file('token', 'first');
    const source = await read({ file: path });
    expect(source.refuse(), 'the first time').to.equal(true);
    await until(() => !source.refuse());
    expect(source.values()).to.deep.equal(['first']);

    writeFileSync(path, 'second');
    expect(source.refuse(), 'the same value again').to.equal(false);
    expect(source.values()).to.deep.equal(['first']);
  });

  it('are read again after refresh_secs, and keep the last value when that fails', async () => {
    const path = file('token', 'first');
    const timers = holdTimers(1000);
    try {
      const source = await read({ file: path, refresh_secs: 1 });
      const readAgain = async (): Promise<void> => {
        await until(() => timers.waiting().includes(1000));
        timers.pass(1000);
        await until(() => timers.waiting().includes(1000));
      };
      writeFileSync(path, 'second');
      await readAgain();
      expect(source.values(), 'requests under way carry the first').to.deep.equal(['second', 'first']);
      rmSync(path);
      await readAgain();
      expect(source.trouble()).to.not.equal(null);
      expect(source.values()[0]).to.equal('second');
      writeFileSync(path, 'third');
      await readAgain();
      expect(source.values()[0]).to.equal('third');
      expect(source.trouble()).to.equal(null);
    } finally {
      timers.release();
    }
  });

  it('refuse settings that cannot be meant, each by its name and with what to write', () => {
    const command = ['true'];
    for (const [settings, why] of [
      [{}, 'tokens.t: give either command or file'],
      [{ command, file: '/f' }, 'tokens.t: give either command or file'],
      [{ command, pointer: '/a' }, 'tokens.t.pointer is for a file'],
      [{ file: '/f', pointer: 'a' }, 'tokens.t.pointer = "a" is no JSON pointer'],
      [{ command, hosts: [] }, 'tokens.t.hosts is missing'],
      [{ command, hosts: ['https://api.example.com'] }, 'tokens.t.hosts: "https://api.example.com" is no host name'],
      [{ command, hosts: ['*.example.com'] }, 'tokens.t.hosts: "*.example.com" is no host name'],
      [{ command, hosts: ['api.example.com:443'] }, 'tokens.t.hosts: "api.example.com:443" is no host name'],
      [{ command, user_agent: 'a\r\nb: c' }, 'tokens.t.user_agent must be one line'],
    ] as const) {
      expect(() => create(settings), why).to.throw(ConfigError, why);
    }
  });

  it('are given to nobody whose host is not named, nor beside a key', () => {
    const targetOf = (settings: Record<string, unknown>) =>
      createTargets(
        testConfig({
          'tokens.t.command': ['true'],
          'tokens.t.hosts': ['API.example.com', '::1'],
          'providers.p.token': 't',
          'models.m.provider': 'p',
          ...settings,
        }),
      ).models.get('m')?.credential;
    expect(targetOf({ 'providers.p.base_url': 'https://api.example.com/v1' })).to.include({ kind: 'token' });
    expect(targetOf({ 'providers.p.base_url': 'https://Api.Example.com' })).to.include({ header: 'authorization' });
    expect(targetOf({ 'providers.p.base_url': 'http://[::1]:80' })).to.include({ kind: 'token' });
    for (const url of ['https://evil.example.com', 'https://api.example.com.evil.test', 'https://xapi.example.com']) {
      expect(() => targetOf({ 'providers.p.base_url': url })).to.throw(ConfigError, `add "${new URL(url).hostname}"`);
    }
    const url = { 'providers.p.base_url': URL_OF_HOST };
    expect(() => targetOf({ ...url, 'providers.p.token': 'u' })).to.throw(
      'providers.p.token = "u" is no entry of [tokens]; there are t',
    );
    expect(() => targetOf({ ...url, 'providers.p.api_key': 'k' })).to.throw('leave out env_key, key_file and api_key');
  });

  it('are not read by who only looks at targets', () => {
    const touched = join(folder, 'touched');
    const script = file('touch.sh', `#!/bin/sh\ntouch ${touched}\necho token\n`);
    chmodSync(script, 0o700);
    createTargets(testConfig({ 'tokens.t.command': [script], 'tokens.t.hosts': ['a.example'] }));
    expect(existsSync(touched)).to.equal(false);
  });
});

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
