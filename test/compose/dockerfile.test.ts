// The Dockerfile against the code: every target, command, port and path in it has to exist there; and the step that makes
// node_modules small.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { expect } from 'chai';
import { createProgram } from '#services/cli/program.ts';
import { loadConfig } from '#shared/config/load.ts';
import { parseAddress } from '#shared/config/schema.ts';
import { ROOT, readSource } from '../support/read-imports.ts';

interface Package {
  dev?: boolean;
  cpu?: string[];
}

const dockerfile = readSource('Dockerfile');
const config = loadConfig({ env: { HOME: '/' }, cwd: '/' });

/** Instructions of each stage, by its name, those it inherits from other stages first. */
const stages = new Map<string, string>();
for (const [, base = '', name = '', own = ''] of dockerfile.matchAll(
  /^FROM (?:--platform=\S+ )?(\S+) AS (\S+)\n([\s\S]*?)(?=^FROM |(?![\s\S]))/gm,
)) {
  stages.set(name, (stages.get(base) ?? `FROM ${base}\n`) + own);
}

/** The last value of an instruction: it is the one that counts. */
function lastOf(stage: string, instruction: string): string | undefined {
  return [...(stages.get(stage) ?? '').matchAll(new RegExp(`^${instruction} (.+)$`, 'gm'))].at(-1)?.[1];
}

const listOf = (stage: string, instruction: string): string[] =>
  JSON.parse(lastOf(stage, instruction) ?? '[]') as string[];

const SHIPPED = ['runtime', 'gateway', 'comparator', 'console', 'simulator', 'debug', 'distroless'];
const { server, comparator, console, simulator, ops } = config;
const LISTENERS = {
  gateway: [server, ops],
  comparator: [comparator, ops],
  console: [console, ops],
  simulator: [simulator],
};

describe('Dockerfile', () => {
  it('has a target for each service, for all in one, for no shell, for debugging and for development', () => {
    expect([...stages.keys()]).to.include.members([...SHIPPED, 'dev']);
    expect([...stages.keys()].at(-1), 'what is built without a target').to.equal('runtime');
  });

  it('copies only what exists and what .dockerignore lets through', () => {
    const copied = [...dockerfile.matchAll(/^COPY (?!--from)(.+) \S+$/gm)].flatMap((match) =>
      (match[1] ?? '').split(' '),
    );
    const allowed = [...readSource('.dockerignore').matchAll(/^!(.+)$/gm)].map((match) => match[1]);
    expect(copied.filter((path) => !existsSync(join(ROOT, path)))).to.deep.equal([]);
    const folders = allowed.filter((path) => copied.some((file) => file === path));
    expect(allowed).to.deep.equal(folders);
    expect(copied.filter((path) => !allowed.includes(path.split('/')[0]))).to.deep.equal([]);
  });

  it('starts node itself on the file that the build makes of the command line', () => {
    for (const stage of SHIPPED) {
      const entry = listOf(stage, 'ENTRYPOINT');
      expect(entry[0], stage).to.equal(stage === 'distroless' ? '/nodejs/bin/node' : 'node');
      expect(entry).to.include('--enable-source-maps');
      const source = (entry.at(-1) ?? '').replace('/app/dist/', '').replace(/\.js$/, '.ts');
      expect(existsSync(join(ROOT, source)), source).to.equal(true);
    }
  });

  it('gives each target a command that the command line has, and its ports', () => {
    const known = createProgram().commands.map((command) => command.name());
    for (const stage of [...SHIPPED, 'dev']) {
      const [command = '', ...rest] = listOf(stage, 'CMD');
      expect(command).to.equal(stage in LISTENERS ? stage : 'start');
      expect(known, stage).to.include(command);
      expect(rest).to.deep.equal([]);
    }
    for (const [stage, sections] of Object.entries(LISTENERS)) {
      const ports = sections.map(({ listen_address }) => String(parseAddress(listen_address)?.port));
      expect(lastOf(stage, 'EXPOSE')?.split(' '), stage).to.have.members(ports);
    }
    const all = [server, comparator, console, simulator, ops].map(({ listen_address }) =>
      String(parseAddress(listen_address)?.port),
    );
    expect(lastOf('runtime', 'EXPOSE')?.split(' ')).to.have.members(all);
  });

  it('S4-31 asks for health by the program that knows which command runs, with the node of the target', () => {
    for (const stage of SHIPPED) {
      const asked = stages.get(stage)?.split('HEALTHCHECK').at(-1) ?? '';
      const [node, script = ''] = JSON.parse(/CMD (\[.+\])/.exec(asked)?.[1] ?? '[]') as string[];
      expect(node, stage).to.equal(listOf(stage, 'ENTRYPOINT')[0]);
      expect(existsSync(join(ROOT, script.replace(/^\/app\//, ''))), script).to.equal(true);
      expect(stages.get(stage), stage).to.include('\nCOPY deploy deploy\n');
    }
  });

  it('emulates no other processor for what is the same on all of them', () => {
    for (const stage of ['deps', 'build', 'prod-deps', 'dev']) {
      const first = new RegExp(`^FROM (.+) AS ${stage}$`, 'm').exec(dockerfile)?.[1] ?? '';
      expect(first === 'deps' || first.startsWith('--platform=$BUILDPLATFORM '), stage).to.equal(true);
    }
    const lock = JSON.parse(readSource('package-lock.json')) as { packages: Record<string, Package> };
    const native = Object.entries(lock.packages).filter(([, it]) => !it.dev && it.cpu);
    expect(
      native.map(([path]) => path),
      'shipped packages for one processor',
    ).to.deep.equal([]);
  });

  it('S4-31 runs as a number, needs no frontend from elsewhere, and takes its bases as arguments', () => {
    for (const stage of [...SHIPPED, 'dev']) expect(lastOf(stage, 'USER'), stage).to.match(/^(1000:1000|65532:65532)$/);
    expect(dockerfile).not.to.match(/^# *syntax/im);
    const bases = [...dockerfile.matchAll(/^FROM (?:--platform=\S+ )?(\S+)/gm)].map((match) => match[1] ?? '');
    const foreign = bases.filter((base) => !stages.has(base));
    expect(new Set(foreign)).to.deep.equal(new Set([`\${NODE_IMAGE}`, `\${DISTROLESS_IMAGE}`]));
    expect(dockerfile)
      .to.match(/^ARG NODE_IMAGE=node:24-/m)
      .and.match(/^ARG DISTROLESS_IMAGE=\S+nodejs24-\S+:nonroot$/m);
  });

  it('has no npm where it runs, and nothing there that its user may change', () => {
    expect(stages.get('base')).to.include('rm -rf /usr/local/lib/node_modules /usr/local/bin/npm');
    for (const stage of SHIPPED) {
      const writable = [...(stages.get(stage) ?? '').matchAll(/^COPY .*--chown=\S+ .* (\S+)$/gm)].map((m) => m[1]);
      expect(writable, stage).to.deep.equal(['/run/cc-proxy', '/var/lib/cc-proxy']);
    }
  });

  it('carries the labels of OCI on every target', () => {
    for (const stage of SHIPPED) {
      const labels = [...(stages.get(stage) ?? '').matchAll(/org\.opencontainers\.image\.(\w+)=/g)].map((m) => m[1]);
      expect(labels, stage).to.have.members(['title', 'description', 'licenses', 'source', 'version', 'revision']);
      expect(stages.get(stage)).to.include(`image.version="\${VERSION}"`).and.include(`image.revision="\${REVISION}"`);
    }
  });
});

describe('deploy/image/trim-modules.mjs', () => {
  const trim = join(ROOT, 'deploy/image/trim-modules.mjs');
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'cc-proxy-trim-'));
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  /** @returns what is left of the files */
  function trimmed(files: readonly string[]): string[] {
    for (const file of files) {
      mkdirSync(dirname(join(folder, file)), { recursive: true });
      writeFileSync(join(folder, file), 'x');
    }
    const done = spawnSync(process.execPath, [trim, folder], { encoding: 'utf8' });
    expect(done.stderr).to.equal('');
    expect(done.stdout).to.match(/^removed \d+ MB/);
    return files.filter((file) => existsSync(join(folder, file)));
  }

  it('keeps code, data and licences', () => {
    const kept = [
      ...['a/index.js', 'a/lib/x.cjs', 'a/lib/x.mjs', 'a/package.json', 'a/LICENSE.md', 'a/license', 'a/NOTICE.md'],
      ...['a/proto/x.proto', 'a/dist/docs/code.js', 'a/dist/test/code.js', '@s/b/index.js'],
    ];
    expect(trimmed(kept)).to.deep.equal(kept);
  });

  it('removes declarations, maps, documentation and tests, in nested packages and scopes as well', () => {
    const useless = [
      ...['a/index.d.ts', 'a/index.js.map', 'a/README.md', 'a/docs/x.js', 'a/test/x.js', 'a/src/x.ts', '@s/b/x.d.mts'],
      ...['a/node_modules/c/x.d.cts', 'a/node_modules/@s/d/tests/x.js', '@s/b/CHANGELOG.md'],
    ];
    expect(trimmed([...useless, 'a/index.js', '@s/b/index.js'])).to.deep.equal(['a/index.js', '@s/b/index.js']);
    expect(readdirSync(join(folder, 'a'))).to.deep.equal(['index.js']);
  });

  it('keeps of the tokenizer exactly the vocabulary that the code imports', () => {
    const imported = /gpt-tokenizer\/encoding\/(\w+)'/.exec(
      readSource('services/shared/messages/token-worker.ts'),
    )?.[1];
    const at = (name: string): string[] => [
      `gpt-tokenizer/esm/encoding/${name}.js`,
      `gpt-tokenizer/esm/bpeRanks/${name}.js`,
    ];
    const wanted = at(imported ?? 'none');
    const others = [...at('cl100k_base'), 'gpt-tokenizer/cjs/main.js', 'gpt-tokenizer/data/o200k_base.tiktoken'];
    expect(trimmed([...wanted, ...others, 'gpt-tokenizer/esm/GptEncoding.js'])).to.deep.equal([
      ...wanted,
      'gpt-tokenizer/esm/GptEncoding.js',
    ]);
  });
});
