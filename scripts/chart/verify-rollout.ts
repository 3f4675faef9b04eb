// A rollout under running streams, in a cluster that runs containers: a pod reads streams through the Service while every
// gateway is replaced.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { run } from './tools.ts';

export interface RolloutOptions {
  namespace: string;
  release: string;
  image: string;
  report(name: string, problems: readonly string[], note?: string): void;
}

const POD = 'stream-load';

/** The pod, as confined as those of the chart; its labels let it in where policies let the release in. */
export function loadPod({ release, image }: Pick<RolloutOptions, 'release' | 'image'>): object {
  const prefix = `${release}-cc-proxy`;
  const program = readFileSync(join(import.meta.dirname, 'stream-load.mjs'), 'utf8');
  const env = { GATEWAY: `http://${prefix}-gateway:3080`, SIMULATOR: `http://${prefix}-simulator-primary:3090` };
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      name: POD,
      labels: { 'app.kubernetes.io/name': 'cc-proxy', 'app.kubernetes.io/instance': release },
    },
    spec: {
      restartPolicy: 'Never',
      automountServiceAccountToken: false,
      securityContext: { runAsNonRoot: true, runAsUser: 1000, seccompProfile: { type: 'RuntimeDefault' } },
      containers: [
        {
          name: POD,
          image,
          command: ['node', '--input-type=module', '--eval', program],
          env: Object.entries(env).map(([name, value]) => ({ name, value })),
          securityContext: {
            ...{ allowPrivilegeEscalation: false, readOnlyRootFilesystem: true, capabilities: { drop: ['ALL'] } },
          },
        },
      ],
    },
  };
}

export function verifyRollout({ namespace, release, image, report }: RolloutOptions): void {
  const kubectl = (args: string[], input?: string): string => {
    const { ok, stdout, stderr } = run('kubectl', ['-n', namespace, ...args], input);
    if (!ok) throw new Error(stderr);
    return stdout;
  };
  const deployment = `deployment/${release}-cc-proxy-gateway`;
  try {
    kubectl(['apply', '-f', '-'], JSON.stringify(loadPod({ release, image })));
    kubectl(['wait', '--for=condition=Ready', `pod/${POD}`, '--timeout=120s']);
    kubectl(['rollout', 'restart', deployment]);
    kubectl(['rollout', 'status', deployment, '--timeout=300s']);
    kubectl(['wait', '--for=jsonpath={.status.phase}=Succeeded', `pod/${POD}`, '--timeout=180s']);
    report('cluster: a rollout breaks no stream', [], kubectl(['logs', POD]).trim().split('\n').at(-1));
  } catch (error) {
    const said = run('kubectl', ['-n', namespace, 'logs', POD]).stdout;
    report('cluster: a rollout breaks no stream', [error instanceof Error ? error.message : String(error), said]);
  }
}
