// The workflows as far as they can be held here: their form, what they name, and what they may do.
import { spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { parse } from 'yaml';
import { ROOT, readSource } from '../support/read-imports.ts';

interface Job {
  needs?: string | string[];
  permissions?: Record<string, string>;
  'timeout-minutes'?: number;
  steps: Array<{ uses?: string; run?: string; with?: Record<string, unknown> }>;
}

interface Workflow {
  defaults?: { run: { shell: string } };
  permissions: Record<string, string>;
  jobs: Record<string, Job>;
}

const FOLDER = '.github/workflows';
const files = readdirSync(join(ROOT, FOLDER));
const workflows = new Map(files.map((file) => [file, parse(readSource(`${FOLDER}/${file}`)) as Workflow]));
const jobs = [...workflows].flatMap(([file, { jobs }]) =>
  Object.entries(jobs).map(([name, job]) => ({ file, name, job })),
);

describe('workflows', () => {
  it('check, chart, image and release are there', () => {
    expect(files).to.have.members(['check.yml', 'chart.yml', 'image.yml', 'release.yml']);
  });

  it('may read and nothing else, but for the jobs that publish', () => {
    for (const [file, { permissions }] of workflows) expect(permissions, file).to.deep.equal({ contents: 'read' });
    const more = jobs.filter(({ job }) => Object.values(job.permissions ?? {}).includes('write'));
    expect(more.map(({ file, name }) => `${file} ${name}`)).to.have.members(
      ['image', 'chart', 'notes'].map((n) => `release.yml ${n}`),
    );
  });

  it('pin every action by the digest of a release that stands behind it, the same one everywhere', () => {
    const lines = files.flatMap((file) => readSource(`${FOLDER}/${file}`).split('\n'));
    const used = lines.filter((line) => /\buses:/.test(line)).map((line) => line.replace(/^[ -]*uses: /, ''));
    expect(used).to.have.length.above(10);
    const pinned = /^([\w-]+\/[\w-]+)@[0-9a-f]{40} # v\d+\.\d+\.\d+$/;
    expect(used.filter((line) => !pinned.test(line))).to.deep.equal([]);
    const names = new Set(used.map((line) => pinned.exec(line)?.[1]));
    expect(new Set(used).size, 'one pin each').to.equal(names.size);
  });

  it('leave no credential in the checkout, and no failure behind a pipe', () => {
    const steps = jobs.flatMap(({ job }) => job.steps);
    const checkouts = steps.filter(({ uses }) => uses?.startsWith('actions/checkout@'));
    expect(checkouts).to.have.length(jobs.length);
    for (const step of checkouts) expect(step.with?.['persist-credentials']).to.equal(false);
    for (const [file, { defaults }] of workflows)
      expect(defaults?.run.shell, `${file}: with pipefail`).to.equal('bash');
  });

  it('check every shell script', () => {
    const step = workflows.get('check.yml')?.jobs.files?.steps.find(({ run }) => run?.includes('shellcheck -s'));
    expect(step?.run).to.include("grep -rlE '^#!/bin/bash' scripts .ci");
  });

  it('end by themselves, and run only scripts that exist', () => {
    for (const { file, name, job } of jobs) {
      expect(job['timeout-minutes'], `${file} ${name}`).to.be.above(0);
      const run = job.steps.map((step) => step.run ?? '').join('\n');
      const named = [...run.matchAll(/(?<![\w/.-])((?:scripts|\.ci)\/[\w.-]+)/g)].map((match) => match[1] ?? '');
      expect(named.filter((path) => !existsSync(join(ROOT, path)))).to.deep.equal([]);
    }
  });

  it('release nothing before every check has passed, and take the notes from the changelog', () => {
    const release = workflows.get('release.yml')?.jobs ?? {};
    const needs = (name: string): string[] => [release[name]?.needs ?? []].flat();
    expect([needs('package'), needs('image'), needs('chart'), needs('notes')]).to.deep.equal([
      ['check'],
      ['check'],
      ['check', 'image'],
      ['check', 'package', 'chart'],
    ]);
    const runs = (name: string): string => (release[name]?.steps ?? []).map((step) => step.run ?? '').join('\n');
    expect(runs('check')).to.include('set-version.ts --check').and.include('.ci/run');
    expect(runs('notes')).to.include('set-version.ts --notes');
    const build = release.image?.steps.find(({ uses }) => uses?.startsWith('docker/build-push-action'))?.with;
    expect(build).to.include({ platforms: 'linux/amd64,linux/arm64', sbom: true, provenance: 'mode=max' });
    for (const name of ['image', 'chart']) expect(runs(name)).to.include('cosign sign --yes');
    // The npm package hangs on the release itself, with its signature.
    expect(runs('package')).to.include('npm pack');
    expect(runs('notes')).to.include('cosign sign-blob --yes --bundle "$package.sigstore.json"');
    expect(runs('notes')).to.match(/gh release create [^|;&]*"\$package" "\$package\.sigstore\.json"/);
  });

  it('give an image no name before it has run and is signed', () => {
    const steps = workflows.get('release.yml')?.jobs.image?.steps ?? [];
    const build = steps.find(({ uses }) => uses?.startsWith('docker/build-push-action'))?.with;
    expect(build).not.to.have.any.keys('tags', 'push');
    expect(build?.outputs).to.include('push-by-digest=true').and.include('push=true');
    const order = ['docker run', 'cosign sign', 'cosign verify', 'imagetools create'];
    const script = steps.map(({ run }) => run ?? '').join('\n');
    const places = order.map((words) => script.indexOf(words));
    expect(places).not.to.include(-1);
    expect(places).to.deep.equal([...places].sort((a, b) => a - b));
    expect(script).not.to.include(':latest');
  });

  it('let no package of others run where something may be written or signed', () => {
    for (const { file, name, job } of jobs) {
      if (!Object.values(job.permissions ?? {}).includes('write')) continue;
      const run = job.steps.map((step) => step.run ?? '').join('\n');
      expect(run, `${file} ${name}`).not.to.match(/\b(npm|npx)\b|scripts\/test|\.ci\/run/);
    }
  });

  it('end no program behind a pipe before it has written all, which pipefail takes for a failure', () => {
    const scripts = jobs.flatMap(({ job }) => job.steps.map(({ run }) => run ?? ''));
    expect(scripts.filter((run) => /\|\s*(grep\s+-\w*q|head\b)/.test(run))).to.deep.equal([]);
  });

  /** The lines of a step's script, run by bash as the workflow does. @returns what it left */
  function runStep(job: string, has: string, env: Record<string, string>, only: RegExp, cwd = ROOT): string {
    const steps = workflows.get('release.yml')?.jobs[job]?.steps ?? [];
    const script = (steps.find(({ run }) => run?.includes(has))?.run ?? '')
      .split('\n')
      .filter((line) => only.test(line));
    expect(script.length, `lines of ${job} that match`).to.be.above(0);
    const args = ['--noprofile', '--norc', '-eo', 'pipefail', '-c', script.join('\n')];
    const done = spawnSync('bash', args, { cwd, encoding: 'utf8', env: { PATH: process.env.PATH ?? '', ...env } });
    expect(done.status, done.stderr).to.equal(0);
    return done.stdout;
  }

  it('move the tag X.Y for a release only, never for a candidate', () => {
    const tagsOf = (version: string): string[] => {
      const env = { VERSION: version, NAME: 'ghcr.io/team/cc-proxy', SUFFIX: '-distroless', REVISION: 'abc' };
      return runStep('image', 'tags<<', env, /echo "\$NAME|case|esac|\*\)|\*-\*\)/)
        .trim()
        .split('\n');
    };
    expect(tagsOf('1.2.3')).to.deep.equal([
      ...['ghcr.io/team/cc-proxy:sha-abc-distroless', 'ghcr.io/team/cc-proxy:1.2.3-distroless'],
      'ghcr.io/team/cc-proxy:1.2-distroless',
    ]);
    expect(tagsOf('1.3.0-rc.1')).to.deep.equal([
      ...['ghcr.io/team/cc-proxy:sha-abc-distroless', 'ghcr.io/team/cc-proxy:1.3.0-rc.1-distroless'],
    ]);
  });

  it('call neither a candidate nor a mend of an older line the latest release', () => {
    const folder = mkdtempSync(join(tmpdir(), 'cc-proxy-release-'));
    try {
      writeFileSync(
        join(folder, 'gh'),
        '#!/bin/sh\ncase "$2" in view) [ -n "$LATEST" ] && echo "$LATEST" ;; create) echo "$5" ;; esac\n',
        { mode: 0o755 },
      );
      const kindOf = (version: string, latest: string): string => {
        const env = { PATH: `${folder}:${process.env.PATH}`, VERSION: version, LATEST: latest };
        return runStep('notes', 'gh release create', env, /^(?!cosign|node)/, folder).trim();
      };
      expect(kindOf('0.1.0', '')).to.equal('--latest');
      expect(kindOf('1.10.0', 'v1.9.3')).to.equal('--latest');
      expect(kindOf('1.9.4', 'v1.10.0')).to.equal('--latest=false');
      expect(kindOf('2.0.0-rc.1', 'v1.10.0')).to.equal('--prerelease');
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });

  it('publish a chart that pulls the image of the same release', () => {
    const folder = mkdtempSync(join(tmpdir(), 'cc-proxy-release-'));
    try {
      cpSync(join(ROOT, 'helm'), join(folder, 'helm'), { recursive: true, verbatimSymlinks: true });
      runStep('chart', 'helm package', { NAME: 'ghcr.io/team/other-name' }, /sed -i/, folder);
      const { image } = parse(readFileSync(join(folder, 'helm/cc-proxy/values.yaml'), 'utf8')) as {
        image: Record<string, string>;
      };
      expect(image).to.include({ registry: 'ghcr.io/team', repository: 'other-name', tag: '' });
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });

  it('are what actionlint takes', function () {
    if (spawnSync('actionlint', ['--version']).status !== 0) return this.skip();
    const paths = files.map((file) => join(ROOT, FOLDER, file));
    const { status, stdout } = spawnSync('actionlint', ['-shellcheck=', ...paths], { encoding: 'utf8' });
    expect(stdout).to.equal('');
    expect(status).to.equal(0);
  });
});

describe('renovate.json', () => {
  const renovate = JSON.parse(readSource('renovate.json')) as {
    extends: string[];
    minimumReleaseAge: string;
    customManagers: Array<{ matchStrings: string[] }>;
  };

  it('waits a week before it takes a release, and pins actions by digest', () => {
    expect(renovate.minimumReleaseAge).to.equal('7 days');
    expect(renovate.extends).to.include('helpers:pinGitHubActionDigests');
  });

  it('finds every version of a tool that a workflow names, the same one in all of them', () => {
    expect(renovate.extends).to.include('customManagers:githubActionsVersions');
    const known = /# renovate: datasource=[a-z-]+ depName=\S+\n +([A-Z_]+_VERSION): (v\d+\.\d+\.\d+)\n/g;
    const found = new Map<string, Set<string>>();
    for (const file of files) {
      const text = readSource(`${FOLDER}/${file}`);
      for (const [, name = '', version = ''] of text.matchAll(known)) {
        found.set(name, (found.get(name) ?? new Set()).add(version));
      }
      const unknown = text
        .replace(known, '')
        .replace(/uses: .+/g, '')
        .match(/\bv\d+\.\d+\.\d+\b/g);
      expect(unknown ?? [], file).to.deep.equal([]);
    }
    expect([...found.keys()]).to.include.members(['HELM_VERSION', 'ACTIONLINT_VERSION']);
    for (const [name, versions] of found) expect([...versions], name).to.have.length(1);
  });

  it('finds every image of the compose file', () => {
    const pattern = new RegExp(renovate.customManagers[0]?.matchStrings[0] ?? '', 'g');
    const text = readSource('docker-compose.yml');
    const found = [...text.matchAll(pattern)].map((match) => `${match.groups?.depName}:${match.groups?.currentValue}`);
    const images = [...text.matchAll(/image: \$\{\w+:-([^}]+)\}/g)].map((match) => match[1]);
    expect(found).to.have.members(images);
  });
});
