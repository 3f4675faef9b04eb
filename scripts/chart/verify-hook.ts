// The hook that makes the Secret, on a real API server: its program run with a token of its own service account, so that
// the rights it has are the rights it needs.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseAllDocuments } from 'yaml';
import { run, template } from './tools.ts';

export interface HookOptions {
  chart: string;
  namespace: string;
  report(name: string, problems: readonly string[], note?: string): void;
}

interface KubeConfig {
  clusters: Array<{ cluster: { server: string; 'certificate-authority-data'?: string } }>;
}

const RELEASE = 'hook';
const SECRET = `${RELEASE}-cc-proxy-secrets`;
const ACCOUNT = `${RELEASE}-cc-proxy-make-secrets`;

export function verifyHook({ chart, namespace, report }: HookOptions): void {
  const kubectl = (args: string[], input?: string) => run('kubectl', ['-n', namespace, ...args], input);
  const flags = ['--set', 'simulator.enabled=true', '--show-only', 'templates/secrets-job.yaml'];
  const rights = parseAllDocuments(template(chart, RELEASE, namespace, flags).stdout)
    .filter((document) => document.get('kind') !== 'Job')
    .map((document) => document.toString());
  const applied = kubectl(['apply', '-f', '-'], rights.join('---\n'));
  const token = kubectl(['create', 'token', ACCOUNT, '--duration', '10m']).stdout.trim();
  const folder = mkdtempSync(join(tmpdir(), 'cc-proxy-hook-'));
  try {
    writeFileSync(join(folder, 'token'), token, { mode: 0o600 });
    const make = () => runProgram(chart, namespace, folder);
    const read = (): string => kubectl(['get', 'secret', SECRET, '-o', 'jsonpath={.data}']).stdout;
    const first = make();
    const before = read();
    const second = make();
    const keys = Object.keys(JSON.parse(before === '' ? '{}' : before) as object);
    report('cluster: the hook makes the Secret once and leaves it alone then', [
      ...(applied.ok ? [] : [applied.stderr]),
      ...(/^made /.test(first.stdout) ? [] : [first.stdout + first.stderr]),
      ...(/is there already/.test(second.stdout) ? [] : [second.stdout + second.stderr]),
      ...(keys.length === 4 && read() === before ? [] : [`keys: ${keys.join(' ')}`]),
    ]);
    const who = `system:serviceaccount:${namespace}:${ACCOUNT}`;
    const tooMuch = ['get', 'list', 'patch', 'delete'].filter(
      (verb) => kubectl(['auth', 'can-i', verb, 'secrets', '--as', who]).stdout.trim() !== 'no',
    );
    report('cluster: the hook cannot read or change a Secret', tooMuch);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function runProgram(chart: string, namespace: string, folder: string) {
  const view = run('kubectl', ['config', 'view', '--minify', '--raw', '-o', 'json']).stdout;
  const cluster = (JSON.parse(view) as KubeConfig).clusters[0]?.cluster;
  const { hostname, port } = new URL(cluster?.server ?? '');
  const authority = cluster?.['certificate-authority-data'];
  if (authority) writeFileSync(join(folder, 'ca.crt'), Buffer.from(authority, 'base64'));
  const env = [
    ...[`KUBERNETES_SERVICE_HOST=${hostname}`, `KUBERNETES_SERVICE_PORT=${port || '443'}`],
    ...[`NAMESPACE=${namespace}`, `SECRET=${SECRET}`, `TOKEN_FILE=${join(folder, 'token')}`],
    // As kubectl does with a cluster whose certificate nobody vouches for.
    authority ? `NODE_EXTRA_CA_CERTS=${join(folder, 'ca.crt')}` : 'NODE_TLS_REJECT_UNAUTHORIZED=0',
  ];
  const program = readFileSync(join(chart, 'files/create-secrets.mjs'), 'utf8');
  return run('env', [...env, process.execPath, '--input-type=module', '--eval', program]);
}
