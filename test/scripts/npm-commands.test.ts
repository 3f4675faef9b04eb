// The commands of a checkout, as everybody types them: npm ci, npm run build, npm test, npm run check. The build itself is
// run by test/compose/npm-package.test.ts, and all four by every CI run.
import { spawnSync } from 'node:child_process';
import { cpSync, globSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { listSources, ROOT, readSource, withoutComments } from '../support/read-imports.ts';

const { scripts } = JSON.parse(readSource('package.json')) as { scripts: Record<string, string> };
const tests = listSources('test').filter((path) => path.endsWith('.test.ts'));

describe('npm commands', function () {
  this.timeout(30_000);

  it('S0-37 npm ci takes the lock: it says what package.json says', () => {
    // In a folder of its own: an npm that knew no dry run would empty node_modules.
    const folder = mkdtempSync(join(tmpdir(), 'cc-proxy-lock-'));
    try {
      for (const file of ['package.json', 'package-lock.json', '.npmrc']) cpSync(join(ROOT, file), join(folder, file));
      const words = ['ci', '--dry-run', '--offline', '--ignore-scripts', '--no-audit', '--no-fund'];
      const run = () => spawnSync('npm', words, { cwd: folder, encoding: 'utf8' });
      const { status, stderr } = run();
      expect(status, stderr).to.equal(0);
      const manifest = readFileSync(join(folder, 'package.json'), 'utf8');
      writeFileSync(
        join(folder, 'package.json'),
        manifest.replace('"dependencies": {', '"dependencies": { "no-such-one": "1.0.0",'),
      );
      expect(run().status, 'one package more').not.to.equal(0);
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });

  it('S0-37 npm test runs every test there is, and npm run check lint and types before them', () => {
    const [glob = ''] = /(?<=')[^']+(?=')/.exec(scripts.test ?? '') ?? [];
    expect(scripts.test).to.equal(`mocha '${glob}'`);
    expect(globSync(glob, { cwd: ROOT }).sort()).to.deep.equal(tests);
    expect(scripts.check).to.equal('npm run lint && npm run types && npm test');
    expect(scripts.lint, 'all files').to.equal('biome check .');
    const { include } = JSON.parse(readSource('tsconfig.json')) as { include: string[] };
    expect([scripts.types, include]).to.deep.equal(['tsc -p tsconfig.json', ['services', 'scripts', 'test']]);
  });

  it('S0-37 needs no Docker: who asks for it leaves out what it cannot do', () => {
    const calling = /\b(?:spawn|spawnSync|exec|execFile|execFileSync|execSync)\(\s*['"`](?:sudo )?(?:docker|podman)\b/;
    const callers = tests.filter((path) => calling.test(withoutComments(readSource(path))));
    expect(callers).to.deep.equal(['test/compose/compose.test.ts']);
    const [caller = ''] = callers;
    const bodies = readSource(caller)
      .split(/^ {2,4}it\(/m)
      .filter((body) => calling.test(body));
    expect(bodies).to.have.length(1);
    for (const body of bodies) expect(body).to.include('return this.skip()');
    const support = [...listSources('test/support'), 'scripts/test', 'scripts/setup.sh'];
    expect(support.filter((path) => /\bdocker\b/i.test(withoutComments(readSource(path))))).to.deep.equal([]);
  });
});
