// What `helm test` runs in a pod, run in a container beside the services of the compose file: the same program, the same
// image, confined as the pod is.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { run } from './docker.ts';
import type { Report } from './report.ts';
import type { Stack } from './stack.ts';

const CONFINED = '--read-only --tmpfs /tmp --cap-drop ALL --security-opt no-new-privileges --memory 128m'.split(' ');

export function verifyHelmTest(stack: Stack, root: string, report: Report): void {
  const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { version: string };
  const program = readFileSync(join(root, 'helm/cc-proxy/files/helm-test.mjs'), 'utf8');
  const settings = {
    ...{ GATEWAY: 'http://gateway:3080', GATEWAY_OPS: 'http://gateway:9464', COMPARATOR_OPS: 'http://comparator:9464' },
    ...{ CONSOLE: 'http://console:3082', CONSOLE_OPS: 'http://console:9464', MODEL: 'claude-sonnet-4-5' },
    ADMIN_TOKEN: stack.adminToken(),
  };
  const env = Object.entries(settings).flatMap(([name, value]) => ['-e', `${name}=${value}`]);
  // The chart's pods run as 1000, whatever image they run.
  const place = ['--network', `${stack.project}_edge`, '--user', '1000:1000'];
  const images = { [`cc-proxy:${version}`]: 'node', [`cc-proxy:${version}-distroless`]: '/nodejs/bin/node' };
  for (const [image, node] of Object.entries(images)) {
    const words = ['--input-type=module', '--eval', program];
    const { ok, stdout, stderr } = run('docker', [
      'run',
      '--rm',
      ...CONFINED,
      ...place,
      ...env,
      '--entrypoint',
      node,
      image,
      ...words,
    ]);
    report.check(`the program of helm test, on ${image}`, ok ? [] : [stdout, stderr], stdout.trim().split('\n').at(-1));
  }
}
