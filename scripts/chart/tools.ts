// Programs that check charts: whether they are there, and what they said.
import { spawnSync } from 'node:child_process';

export interface Ran {
  ok: boolean;
  stdout: string;
  stderr: string;
}

export function run(program: string, args: readonly string[], input?: string): Ran {
  const done = spawnSync(program, args, {
    encoding: 'utf8',
    maxBuffer: 1 << 28,
    ...(input === undefined ? {} : { input }),
  });
  return {
    ok: done.status === 0,
    stdout: done.stdout ?? '',
    stderr: withoutLinks(done.stderr ?? '') + (done.error ? `${done.error.message}\n` : ''),
  };
}

export function isThere(program: string, ...args: string[]): boolean {
  return spawnSync(program, args, { stdio: 'ignore' }).status === 0;
}

/** Helm says at every call that it followed the links of the chart. */
function withoutLinks(text: string): string {
  return text
    .split('\n')
    .filter((line) => !line.includes('found symbolic link'))
    .join('\n');
}

/** Kinds of others that the chart can make, as a cluster with them would name them. */
export const API_VERSIONS = ['gateway.networking.k8s.io/v1', 'keda.sh/v1alpha1', 'monitoring.coreos.com/v1'];

export function template(chart: string, release: string, namespace: string, args: readonly string[]): Ran {
  const apis = API_VERSIONS.flatMap((api) => ['--api-versions', api]);
  return run('helm', ['template', release, chart, '--namespace', namespace, ...apis, ...args]);
}
