// The compose file, started as a project of its own on free ports, so that one that runs already is not touched.
import { join } from 'node:path';
import { freePort } from '../../test/support/free-port.ts';
import { type Ran, run } from './docker.ts';
import type { Report } from './report.ts';

const PORTS = [
  ...[
    'GATEWAY_PORT',
    'CONSOLE_PORT',
    'PROVIDERS_PORT',
    'PHOENIX_PORT',
    'JAEGER_PORT',
    'PROMETHEUS_PORT',
    'GRAFANA_PORT',
  ],
] as const;
export type PortName = (typeof PORTS)[number];

export interface Stack {
  project: string;
  /** When `up` was called; 0 before. */
  startedMs: number;
  url(port: PortName): string;
  compose(...args: string[]): Ran;
  /** A program for `node --eval` inside a container of ours. */
  evaluate(service: string, program: string): Ran;
  adminToken(): string;
  /** Names of the services that run the image of this repository. */
  ours(): string[];
  /** @returns whether everything is up */
  up(report: Report): boolean;
  down(report: Report): void;
}

export async function createStack(root: string): Promise<Stack> {
  const project = `cc-proxy-verify-${process.pid}`;
  const env: Record<string, string> = {};
  for (const port of PORTS) env[port] = String(await freePort());
  // An .env of the developer's must not decide what is verified.
  const files = ['--env-file', '/dev/null', '-f', join(root, 'docker-compose.yml')];
  const compose = (...args: string[]): Ran => run('docker', ['compose', '-p', project, ...files, ...args], env);
  const stack: Stack = {
    project,
    startedMs: 0,
    url: (port) => `http://127.0.0.1:${env[port]}`,
    compose,
    evaluate: (service, program) => compose('exec', '-T', service, 'node', '--input-type=module', '--eval', program),
    adminToken: () => compose('exec', '-T', 'gateway', 'cat', '/run/cc-proxy/admin-token').stdout,
    ours: () => ['gateway', 'comparator', 'console', 'simulator-primary', 'simulator-secondary'],
    up(report) {
      stack.startedMs = Date.now();
      const done = compose('up', '-d', '--wait', '--no-build', '--wait-timeout', '300');
      const seconds = ((Date.now() - stack.startedMs) / 1000).toFixed(0);
      const problems = done.ok ? [] : [done.stderr.slice(-2000), compose('ps', '-a').stdout];
      report.check('docker compose up -d --wait', problems, `${seconds} s, nothing typed, no key`);
      return done.ok;
    },
    down(report) {
      const done = compose('--profile', '*', 'down', '-v', '--timeout', '20');
      const left = run('docker', ['ps', '-aq', '--filter', `label=com.docker.compose.project=${project}`]).stdout;
      report.check('docker compose down -v leaves nothing', done.ok && left === '' ? [] : [done.stderr, left]);
    },
  };
  return stack;
}
