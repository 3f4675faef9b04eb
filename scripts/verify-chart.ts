// The checks of scripts/verify-chart, in order; each ends as passed, failed or not run.
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { parseArgs } from 'node:util';
import { writeCrdSchemas } from './chart/crd-schemas.ts';
import { isThere, run, template } from './chart/tools.ts';
import { verifyCluster } from './chart/verify-cluster.ts';
import { buildExamples } from './chart/verify-examples.ts';
import { WRONG_VALUES } from './chart/wrong-values.ts';

const KUBERNETES = ['1.30.0', '1.33.0', '1.36.0'];
const KUBERNETES_LOCATION =
  '{{.NormalizedKubernetesVersion}}-standalone{{.StrictSuffix}}/{{.ResourceKind}}{{.KindSuffix}}.json';
const CRD_CATALOG =
  'https://raw.githubusercontent.com/datreeio/CRDs-catalog/main/{{.Group}}/{{.ResourceKind}}_{{.ResourceAPIVersion}}.json';

const { values: options } = parseArgs({
  options: { cluster: { type: 'boolean' }, 'run-tests': { type: 'boolean' }, image: { type: 'string' } },
});
const root = join(import.meta.dirname, '..');
const chart = join(root, 'helm/cc-proxy');
const shapes = readdirSync(join(chart, 'ci')).map((file) => join(chart, 'ci', file));
const folder = mkdtempSync(join(tmpdir(), 'cc-proxy-chart-'));
const results: Array<{ name: string; state: 'passed' | 'FAILED' | 'NOT RUN' }> = [];

function report(name: string, problems: readonly string[], note = ''): void {
  const state = problems.length === 0 ? 'passed' : 'FAILED';
  results.push({ name, state });
  console.log(`${state}: ${name}${note === '' ? '' : ` (${note})`}`);
  for (const problem of problems) console.log(`  ${problem.trim().replaceAll('\n', '\n  ')}`);
}

function notRun(name: string, why: string): void {
  results.push({ name, state: 'NOT RUN' });
  console.log(`NOT RUN: ${name}: ${why}`);
}

function lint(): void {
  for (const shape of shapes) {
    const { ok, stdout, stderr } = run('helm', ['lint', '--strict', chart, '-f', shape]);
    report(`helm lint --strict, ${basename(shape)}`, ok ? [] : [stdout + stderr]);
  }
}

/** @returns the rendered files */
function render(): string[] {
  return shapes.flatMap((shape) => {
    const { ok, stdout, stderr } = template(chart, 'rel', 'ns', ['-f', shape]);
    const count = [...stdout.matchAll(/^kind:/gm)].length;
    report(`helm template, ${basename(shape)}`, ok ? [] : [stderr], `${count} objects`);
    if (!ok) return [];
    const file = join(folder, basename(shape));
    writeFileSync(file, stdout);
    return [file];
  });
}

function validate(rendered: readonly string[]): void {
  const kubernetes = process.env.KUBE_SCHEMAS ? join(process.env.KUBE_SCHEMAS, KUBERNETES_LOCATION) : 'default';
  const crds = process.env.CRDS ? writeCrdSchemas(process.env.CRDS, join(folder, 'crds')) : CRD_CATALOG;
  for (const version of KUBERNETES) {
    const locations = ['-schema-location', kubernetes, '-schema-location', crds];
    const args = ['-strict', '-summary', '-kubernetes-version', version, ...locations, ...rendered];
    const { ok, stdout, stderr } = run('kubeconform', args);
    const name = `kubeconform -strict, Kubernetes ${version}, CRDs included`;
    if (/failed downloading schema/.test(stdout + stderr)) {
      notRun(name, 'schemas cannot be downloaded; give them in KUBE_SCHEMAS and CRDS');
    } else
      report(
        name,
        ok ? [] : [stdout + stderr],
        stdout.split('\n').find((line) => line.startsWith('Summary')),
      );
  }
}

function unitTests(): void {
  const plugin = isThere('helm', 'unittest', '--help');
  if (!plugin && !isThere('helm-unittest', '--help')) {
    notRun('helm-unittest', 'neither helm-unittest nor the plugin of helm is there');
    return;
  }
  const { ok, stdout, stderr } = plugin
    ? run('helm', ['unittest', '--strict', chart])
    : run('helm-unittest', ['--strict', chart]);
  report('helm-unittest', ok ? [] : [stdout + stderr], /^Tests:\s+(.+)$/m.exec(stdout)?.[1] ?? 'no count');
}

function wrongValues(): void {
  for (const { what, values, says } of WRONG_VALUES) {
    const file = join(folder, 'wrong.yaml');
    writeFileSync(file, JSON.stringify(values));
    const { ok, stderr } = template(chart, 'rel', 'ns', ['-f', file]);
    const sentence = stderr.split('\n').find((line) => says.test(line));
    const problem = ok ? 'it was taken' : `said ${stderr}`;
    report(`refused: ${what}`, !ok && sentence ? [] : [problem], sentence?.trim().replace(/^- /, ''));
  }
}

/** @returns the version of this repository */
function checkVersions(): string {
  const versionOf = (text: string, pattern: RegExp): string | undefined => pattern.exec(text)?.[1];
  const chartFile = readFileSync(join(chart, 'Chart.yaml'), 'utf8');
  const ours = (JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { version: string }).version;
  const others = [versionOf(chartFile, /^version: (.+)$/m), versionOf(chartFile, /^appVersion: "(.+)"$/m)];
  report('one version', others.every((other) => other === ours) ? [] : [`package ${ours}, chart ${others}`], ours);
  return ours;
}

const version = checkVersions();
const examples: string[] = [];
try {
  if (isThere('helm', 'version')) {
    lint();
    const rendered = render();
    examples.push(...buildExamples({ root, folder, version, report, notRun }));
    if (isThere('kubeconform', '-v')) validate([...rendered, ...examples]);
    else notRun('kubeconform', 'kubeconform is not in PATH');
    wrongValues();
  } else notRun('helm lint, helm template, kubeconform, wrong values, examples', 'helm is not in PATH');
  unitTests();
  if (!options.cluster) console.log('not asked for: an install in a cluster (--cluster)');
  else if (!isThere('helm', 'version') || !isThere('kubectl', 'version')) {
    notRun('install in a cluster', 'helm, kubectl or a cluster that answers is missing');
  } else {
    const crds = process.env.CRDS;
    verifyCluster({
      ...{ chart, shapes, examples, report, runTests: options['run-tests'] ?? false },
      ...(crds ? { crds } : {}),
      ...(options.image ? { image: options.image } : {}),
    });
  }
} finally {
  rmSync(folder, { recursive: true, force: true });
}

const count = (state: string): number => results.filter((result) => result.state === state).length;
console.log(`${count('passed')} passed, ${count('FAILED')} failed, ${count('NOT RUN')} not run`);
const isAllowed = count('FAILED') === 0 && (process.env.CI !== 'true' || count('NOT RUN') === 0);
process.exitCode = isAllowed ? 0 : 1;
