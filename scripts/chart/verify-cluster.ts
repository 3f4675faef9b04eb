// The chart on a real API server: every shape admitted in a namespace that enforces restricted pods, then the life of one
// release. What it makes is in one namespace that it deletes.
import { readdirSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { run, template } from './tools.ts';
import { moveTo } from './verify-examples.ts';
import { verifyHook } from './verify-hook.ts';
import { loadPod, verifyRollout } from './verify-rollout.ts';

export interface ClusterOptions {
  chart: string;
  shapes: readonly string[];
  /** Files with manifests, hooks and tests aside. */
  examples: readonly string[];
  /** Folder of CustomResourceDefinitions to put there first. */
  crds?: string;
  image?: string;
  /** The cluster runs containers. */
  runTests: boolean;
  report(name: string, problems: readonly string[], note?: string): void;
}

const RELEASE = 'verify';
/** Release name of what is only asked whether it would be admitted. */
const SHAPE = 'shape';

export function verifyCluster(options: ClusterOptions): void {
  const namespace = `cc-proxy-verify-${process.pid}`;
  const version = /gitVersion: (v[\d.]+)/g;
  const server = [...run('kubectl', ['version', '-o', 'yaml']).stdout.matchAll(version)].at(-1)?.[1] ?? 'unknown';
  console.log(`cluster: Kubernetes ${server}, namespace ${namespace}`);
  if (options.crds) applyCrds(options.crds, options.report);
  kubectl('create', 'namespace', namespace);
  try {
    const labels = ['enforce', 'warn'].map((mode) => `pod-security.kubernetes.io/${mode}=restricted`);
    kubectl('label', 'namespace', namespace, ...labels);
    // Pods are admitted only when their account is there.
    kubectl('-n', namespace, 'create', '--save-config', 'serviceaccount', `${SHAPE}-cc-proxy`);
    for (const shape of options.shapes) {
      const { stdout } = template(options.chart, SHAPE, namespace, ['-f', shape]);
      admit(basename(shape), stdout, namespace, options);
    }
    for (const file of options.examples) admit(basename(file), moveTo(namespace, file), namespace, options);
    admit(
      'the pod of the rollout',
      JSON.stringify(loadPod({ release: RELEASE, image: 'cc-proxy' })),
      namespace,
      options,
    );
    verifyHook({ chart: options.chart, namespace, report: options.report });
    live(namespace, options);
  } finally {
    run('kubectl', ['delete', 'namespace', namespace, '--wait=false']);
  }
}

function kubectl(...args: string[]): string {
  const { ok, stdout, stderr } = run('kubectl', args);
  if (!ok) throw new Error(`kubectl ${args.join(' ')}: ${stderr}`);
  return stdout;
}

function chartVersion(chart: string): string {
  return /^version: (.+)$/m.exec(readFileSync(join(chart, 'Chart.yaml'), 'utf8'))?.[1] ?? '';
}

function applyCrds(folder: string, report: ClusterOptions['report']): void {
  const files = readdirSync(folder).filter((name) => /\.ya?ml$/.test(name));
  const problems = files.flatMap((file) => {
    const { ok, stderr } = run('kubectl', ['apply', '--server-side', '-f', join(folder, file)]);
    return ok ? [] : [stderr];
  });
  report('cluster: definitions of other kinds', problems, `${files.length} files`);
  run('kubectl', ['wait', '--for=condition=Established', 'crd', '--all', '--timeout=30s']);
}

/** Hooks and tests are part of what `helm template` writes, so they are admitted too. */
function admit(name: string, manifests: string, namespace: string, { report }: ClusterOptions): void {
  const args = ['apply', '--dry-run=server', '--namespace', namespace, '-f', '-'];
  const { ok, stdout, stderr } = run('kubectl', args, manifests);
  const warnings = stderr.split('\n').filter((line) => /^(Warning|Error)/.test(line));
  const count = stdout.split('\n').filter((line) => line.includes('(server dry run)')).length;
  const problems = ok && warnings.length === 0 ? [] : [stderr];
  report(`cluster: admitted, ${name}`, problems, `${count} objects, no warning`);
}

/** As the chart's page says: a field that its only owner leaves out falls back to its default, which is one pod. */
function handOver(namespace: string, replicas: number): void {
  const name = `${RELEASE}-cc-proxy-gateway`;
  const owned = { apiVersion: 'apps/v1', kind: 'Deployment', metadata: { name, namespace }, spec: { replicas } };
  run(
    'kubectl',
    ['apply', '--server-side', '--field-manager=autoscaling', '--force-conflicts', '-f', '-'],
    JSON.stringify(owned),
  );
}

function live(namespace: string, { chart, report, image, runTests }: ClusterOptions): void {
  const values = join(chart, 'ci/simulator-values.yaml');
  const plain = ['--set', 'redis.persistence.enabled=false,store.persistence.enabled=false'];
  const [repository, tag] = image?.match(/^(.+):([^:]+)$/)?.slice(1) ?? [];
  const ours = repository && tag ? ['--set', `image.repository=${repository},image.tag=${tag}`] : [];
  const base = ['--namespace', namespace, '--wait', '--timeout', '5m', '-f', values, ...plain, ...ours];
  const step = (name: string, args: string[], check: () => string[] = () => []): void => {
    const { ok, stdout, stderr } = run('helm', args);
    report(`cluster: ${name}`, ok ? check() : [stdout + stderr]);
  };
  const field = (path: string): string =>
    kubectl('-n', namespace, 'get', 'deployment', `${RELEASE}-cc-proxy-gateway`, '-o', `jsonpath={${path}}`);
  const expectField = (path: string, wanted: string) => (): string[] => {
    const found = field(path);
    return found === wanted ? [] : [`${path} is ${found}, not ${wanted}`];
  };
  const grace = '.spec.template.spec.terminationGracePeriodSeconds';

  step('helm install --wait', ['install', RELEASE, chart, ...base], expectField(grace, '325'));
  const drain = ['--set', 'config.server.drain_secs=60,gateway.replicas=3'];
  step('helm upgrade --wait', ['upgrade', RELEASE, chart, ...base, ...drain], expectField(grace, '85'));
  step('helm rollback --wait', ['rollback', RELEASE, '1', '-n', namespace, '--wait'], expectField(grace, '325'));
  const scaled = ['--set', 'gateway.autoscaling.enabled=true'];
  const isKept = expectField('.spec.replicas', '3');
  handOver(namespace, 3);
  step(
    'helm upgrade to autoscaling keeps the pods, once their number is handed over',
    ['upgrade', RELEASE, chart, ...base, ...scaled],
    isKept,
  );
  if (runTests) {
    step('helm test', ['test', RELEASE, '-n', namespace, '--logs']);
    const built = image ?? `cc-proxy:${chartVersion(chart)}`;
    verifyRollout({ namespace, release: RELEASE, image: built, report });
    kubectl('-n', namespace, 'delete', 'pod', 'stream-load', '--wait');
  }
  step('helm uninstall --wait', ['uninstall', RELEASE, '-n', namespace, '--wait'], () => {
    // Helm waits for what it made, not for the pods of that.
    run('kubectl', ['-n', namespace, 'wait', '--for=delete', 'pods', '--all', '--timeout=60s']);
    const left = kubectl('-n', namespace, 'get', 'all,configmap,networkpolicy,pdb,ingress', '-o', 'name');
    const strange = left.split('\n').filter((name) => name !== '' && name !== 'configmap/kube-root-ca.crt');
    return strange.length === 0 ? [] : [`left behind: ${strange.join(' ')}`];
  });
}
