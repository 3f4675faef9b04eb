// The npm package, packed from a copy of the sources, unpacked where `npm install --global` puts it, and run from there:
// the same commands as in the image and the chart. Needs no network.
import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, relative } from 'node:path';
import { expect } from 'chai';
import { parse } from 'yaml';
import { until } from '../support/gateway.ts';
import { messagesRequest, send } from '../support/raw-client.ts';
import { listSources, ROOT, readSource } from '../support/read-imports.ts';

const SOURCES = ['package.json', 'README.md', 'LICENSE', 'CHANGELOG.md', 'tsconfig.json', 'tsconfig.build.json'];

interface Packed {
  filename: string;
  size: number;
  files: Array<{ path: string }>;
}

interface Lock {
  packages: Record<string, { dev?: boolean }>;
}

describe('the npm package', function () {
  this.timeout(60_000);
  let folder: string;
  let packed: Packed;
  /** What a user types. */
  let command: string;
  const running: ChildProcess[] = [];

  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'cc-proxy-npm-'));
    const copy = join(folder, 'checkout');
    for (const path of [...SOURCES, 'services', 'deploy'])
      cpSync(join(ROOT, path), join(copy, path), { recursive: true });
    symlinkSync(join(ROOT, 'node_modules'), join(copy, 'node_modules'));
    packed = (
      JSON.parse(execFileSync('npm', ['pack', '--json'], { cwd: copy, encoding: 'utf8', stdio: 'pipe' })) as [Packed]
    )[0];
    command = install(join(copy, packed.filename), join(folder, 'prefix'));
  });
  afterEach(async () => {
    for (const child of running.splice(0)) {
      child.kill('SIGTERM');
      if (child.exitCode === null) await once(child, 'exit');
    }
  });
  after(() => rmSync(folder, { recursive: true, force: true }));

  /** As `npm install --global --prefix` does, but for the packages it depends on: those are linked from the checkout. */
  function install(tarball: string, prefix: string): string {
    const home = join(prefix, 'lib/node_modules/cc-proxy');
    mkdirSync(home, { recursive: true });
    execFileSync('tar', ['-xzf', tarball, '-C', home, '--strip-components=1']);
    const { packages } = JSON.parse(readSource('package-lock.json')) as Lock;
    for (const [path, { dev }] of Object.entries(packages)) {
      if (!/^node_modules\/(@[^/]+\/)?[^/]+$/.test(path) || dev) continue;
      mkdirSync(dirname(join(home, path)), { recursive: true });
      symlinkSync(join(ROOT, path), join(home, path));
    }
    const { bin } = JSON.parse(readFileSync(join(home, 'package.json'), 'utf8')) as { bin: { 'cc-proxy': string } };
    const program = join(home, bin['cc-proxy']);
    chmodSync(program, 0o755);
    mkdirSync(join(prefix, 'bin'));
    symlinkSync(relative(join(prefix, 'bin'), program), join(prefix, 'bin/cc-proxy'));
    return join(prefix, 'bin/cc-proxy');
  }

  function ask(...args: string[]): string {
    const env = { PATH: process.env.PATH ?? '', HOME: folder };
    const { status, stdout, stderr } = spawnSync(command, args, { cwd: folder, env, encoding: 'utf8' });
    expect(status, stderr).to.equal(0);
    return stdout;
  }

  /** @returns what the pattern caught in its output */
  async function start(args: string[], env: Record<string, string>, pattern: RegExp): Promise<string> {
    const child = spawn(command, args, { cwd: folder, env: { PATH: process.env.PATH ?? '', HOME: folder, ...env } });
    running.push(child);
    let output = '';
    for (const stream of [child.stdout, child.stderr]) stream?.on('data', (part: Buffer) => (output += part));
    await until(() => {
      if (child.exitCode !== null) throw new Error(`it ended with ${child.exitCode}: ${output}`);
      return pattern.test(output);
    }, 20_000);
    return pattern.exec(output)?.[1] ?? '';
  }

  it('holds the built services and nothing else that is not read at run time', () => {
    const paths = packed.files.map(({ path }) => path);
    const built = listSources('services').map((path) => `dist/${path.replace(/\.ts$/, '.js')}`);
    expect(paths.filter((path) => path.endsWith('.js'))).to.have.members(built);
    const others = paths.filter((path) => !path.startsWith('dist/'));
    const top = ['package.json', 'README.md', 'LICENSE', 'CHANGELOG.md'];
    expect(others.filter((path) => !path.startsWith('deploy/config/'))).to.have.members(top);
    expect(paths.filter((path) => /\.(ts|map|test\.js)$/.test(path))).to.deep.equal([]);
    expect(packed.size, 'bytes').to.be.below(1_000_000);
  });

  it('S2-30 has the commands that the image and the chart start', () => {
    const commands = [...ask('--help').matchAll(/^ {2}(\w+)/gm)].map((match) => match[1]);
    const inImage = [...readSource('Dockerfile').matchAll(/^CMD \["(\w+)"/gm)].map((match) => match[1]);
    const { services } = parse(readSource('docker-compose.yml'), { merge: true }) as {
      services: Record<string, { image: string; command?: string[] }>;
    };
    const inCompose = Object.values(services).flatMap(({ image, command: words }) =>
      image.includes('cc-proxy:') ? (words ?? []).slice(0, 1) : [],
    );
    const chart = ['gateway/gateway', 'comparator/comparator', 'console/console', 'simulator/simulator'];
    const inChart = chart.map((file) => {
      const text = readSource(`helm/cc-proxy/templates/${file}.yaml`);
      return /"args" \(list "(\w+)"\)|args: \[(\w+)\]|\(list "(gateway)"\)/.exec(text)?.slice(1).find(Boolean);
    });
    expect(inChart).to.deep.equal(['gateway', 'comparator', 'console', 'simulator']);
    expect(commands).to.include.members([...inImage, ...inCompose, ...inChart]);
    expect(ask('--version').trim()).to.equal((JSON.parse(readSource('package.json')) as { version: string }).version);
  });

  it('S2-30 starts from there: a simulated model, everything in front of it, a whole answer, and a clean end', async () => {
    const port = { CC_SIMULATOR__LISTEN_ADDRESS: '127.0.0.1:0' };
    const model = await start(['simulator'], port, /(http:\/\/127\.0\.0\.1:\d+)/);
    const free = ['SERVER', 'COMPARATOR', 'CONSOLE', 'OPS'].map((name) => [
      `CC_${name}__LISTEN_ADDRESS`,
      '127.0.0.1:0',
    ]);
    const flags = ['start', '--target-url', model, '--model', 'glm-5'];
    const gateway = await start(flags, Object.fromEntries(free) as Record<string, string>, /gateway +(http:\S+)/);
    expect((await send(gateway, messagesRequest())).status).to.equal(200);
    const all = running.at(-1);
    all?.kill('SIGTERM');
    await until(() => all?.exitCode !== null, 20_000);
    expect(all?.exitCode).to.equal(0);
  });
});
