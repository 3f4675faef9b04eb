// The examples for GitOps against the chart that they install.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { Ajv } from 'ajv';
import { expect } from 'chai';
import { parse, parseAllDocuments } from 'yaml';
import { buildExamples, moveTo } from '../../scripts/chart/verify-examples.ts';
import { ROOT, readSource } from '../support/read-imports.ts';

const FOLDER = 'deploy/kubernetes';
const read = <Shape>(file: string): Shape => parse(readSource(`${FOLDER}/${file}`)) as Shape;
const values =
  read<Record<string, { existingSecret?: string; external?: { existingSecret: string } }>>(
    'kustomize/base/values.yaml',
  );
/** What the base says of the cluster, which helm cannot see here. */
const APIS = ['--api-versions', 'monitoring.coreos.com/v1'];
const BASE = 'kustomize/base/kustomization.yaml';
const OVERLAY = 'kustomize/overlays/production';

interface Application {
  spec: { sources: Array<{ chart?: string; ref?: string; helm?: { valueFiles: string[] } }> };
}

describe('deploy/kubernetes', () => {
  it('sets values that the chart has', () => {
    const schema = JSON.parse(readSource('helm/cc-proxy/values.schema.json')) as object;
    const validate = new Ajv({ allErrors: true, strict: false }).compile(schema);
    validate(values);
    expect(validate.errors ?? []).to.deep.equal([]);
  });

  it('names its files as they are', () => {
    const { helmCharts } = read<{ helmCharts: Array<{ name: string; valuesFile: string }> }>(BASE);
    expect(helmCharts.map(({ name }) => name)).to.deep.equal(['cc-proxy']);
    expect(helmCharts[0]?.valuesFile, 'beside it: kustomize reads nothing above').to.equal('values.yaml');
    const overlay = read<{ resources: string[]; patches: Array<{ path: string }> }>(`${OVERLAY}/kustomization.yaml`);
    for (const path of [...overlay.resources, ...overlay.patches.map((patch) => patch.path)]) {
      expect(existsSync(join(ROOT, FOLDER, OVERLAY, path)), path).to.equal(true);
    }
    const { sources } = read<Application>('argo-cd/application.yaml').spec;
    const [file = ''] = sources.find(({ chart }) => chart === 'cc-proxy')?.helm?.valueFiles ?? [];
    expect(sources.some(({ ref }) => file.startsWith(`$${ref}/`))).to.equal(true);
    expect(existsSync(join(ROOT, file.replace(/^\$\w+\//, ''))), file).to.equal(true);
  });

  it('tells how to make every Secret that it names', () => {
    const named = [
      values.secrets?.existingSecret,
      values.redis?.external?.existingSecret,
      values.store?.external?.existingSecret,
    ];
    const keys = read<{ upstreamKeys: Array<{ existingSecret: string; key: string }> }>(
      'kustomize/base/values.yaml',
    ).upstreamKeys;
    const page = readSource(`${FOLDER}/README.md`);
    for (const secret of named) expect(page).to.include(`secret generic ${secret} `);
    for (const { existingSecret, key } of keys)
      expect(page).to.include(`secret generic ${existingSecret} --from-file=${key}=`);
  });

  it('installs no test pod, and lets an autoscaler alone say how many gateways there are', () => {
    const { helmCharts } = read<{ helmCharts: Array<{ skipTests: boolean }> }>(BASE);
    expect(helmCharts[0]?.skipTests).to.equal(true);
    const { ignoreDifferences } = read<{ spec: { ignoreDifferences: Array<Record<string, unknown>> } }>(
      'argo-cd/application.yaml',
    ).spec;
    const scaled = read<{ gateway: { autoscaling: { enabled: boolean } } }>('kustomize/base/values.yaml');
    expect(scaled.gateway.autoscaling.enabled).to.equal(true);
    expect(ignoreDifferences).to.deep.equal([
      { group: 'apps', kind: 'Deployment', name: 'cc-proxy-gateway', jsonPointers: ['/spec/replicas'] },
    ]);
  });

  it('is built by kustomize', function () {
    if (spawnSync('kustomize', ['version']).status !== 0 || spawnSync('helm', ['version']).status !== 0) this.skip();
    const folder = mkdtempSync(join(tmpdir(), 'cc-proxy-examples-'));
    const found: string[] = [];
    try {
      const version = (JSON.parse(readSource('package.json')) as { version: string }).version;
      const report = (_name: string, problems: readonly string[]): number => found.push(...problems);
      const files = buildExamples({ root: ROOT, folder, version, report, notRun: (name) => found.push(name) });
      expect(found).to.deep.equal([]);
      expect(files.map((file) => basename(file))).to.deep.equal(['kustomize.yaml', 'application.yaml']);
      expect(moveTo('elsewhere', files[0] ?? ''))
        .to.include('namespace: elsewhere')
        .and.not.include('namespace: cc-proxy\n');
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });

  it('patches a Deployment and a container that the chart makes', function () {
    if (spawnSync('helm', ['version'], { stdio: 'ignore' }).status !== 0) return this.skip();
    const args = [
      'template',
      'cc-proxy',
      join(ROOT, 'helm/cc-proxy'),
      '-f',
      join(ROOT, FOLDER, 'kustomize/base/values.yaml'),
      ...APIS,
    ];
    const { stdout, stderr, status } = spawnSync('helm', args, { encoding: 'utf8', maxBuffer: 1 << 26 });
    expect(status, stderr).to.equal(0);
    const patch = read<Deployment>(`${OVERLAY}/gateway.yaml`);
    const made = parseAllDocuments(stdout).map((document) => document.toJS() as Deployment | null);
    const found = made.find((it) => it?.kind === patch.kind && it.metadata.name === patch.metadata.name);
    const names = (it: Deployment | null | undefined): string[] =>
      (it?.spec.template.spec.containers ?? []).map(({ name }) => name);
    expect(names(found)).to.include.members(names(patch));
  });
});

interface Deployment {
  kind: string;
  metadata: { name: string };
  spec: { template: { spec: { containers: Array<{ name: string }> } } };
}
