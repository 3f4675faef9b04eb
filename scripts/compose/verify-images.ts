// Every target of the Dockerfile: it builds, it is as small as promised, its user is a number, and what must not be in it is
// not. And how a gateway on embedded parts starts from it.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { dig, poll, run } from './docker.ts';
import type { Report } from './report.ts';

/** Megabytes that a target may have; those without a number are for developers. */
const TARGETS: ReadonlyArray<readonly [name: string, megabytes: number | null]> = [
  ['runtime', 300],
  ['gateway', 300],
  ['comparator', 300],
  ['console', 300],
  ['simulator', 300],
  ['distroless', 200],
  ['debug', null],
  ['dev', null],
];
const ROUNDS = 3;
/** After that nothing of the start is left to do. */
const IDLE_MS = 5000;

export interface ImageParts {
  root: string;
  report: Report;
  isBuilding: boolean;
}

export async function verifyImages({ root, report, isBuilding }: ImageParts): Promise<void> {
  const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { version: string };
  const revision = run('git', ['-C', root, 'rev-parse', 'HEAD']).stdout.trim() || 'unknown';
  for (const [target, limit] of TARGETS) {
    const image = imageOf(target, version);
    if (isBuilding) {
      const args = ['--target', target, '--build-arg', `REVISION=${revision}`, '-t', image, root];
      const built = run('docker', ['build', '-q', ...args]);
      if (!built.ok) {
        report.check(`builds ${target}`, [built.stderr.slice(-2000)]);
        continue;
      }
    }
    if (target !== 'dev') inspect(image, target, limit, version, report);
  }
  lookInside(imageOf('runtime', version), report);
  for (const target of ['runtime', 'distroless']) {
    for (const command of ['start', 'simulator']) await verifyHealth(imageOf(target, version), target, command, report);
  }
  await measureStart(imageOf('runtime', version), report);
}

function imageOf(target: string, version: string): string {
  return `cc-proxy:${version}${target === 'runtime' ? '' : `-${target}`}`;
}

function inspect(image: string, target: string, limit: number | null, version: string, report: Report): void {
  const answer = run('docker', ['image', 'inspect', image]);
  if (!answer.ok) {
    report.check(`target ${target}`, [answer.stderr]);
    return;
  }
  const about: unknown = JSON.parse(answer.stdout);
  const megabytes = Number(dig(about, 0, 'Size')) / 1e6;
  const labels = (dig(about, 0, 'Config', 'Labels') ?? {}) as Record<string, string>;
  const user = String(dig(about, 0, 'Config', 'User'));
  const shown = run('docker', ['run', '--rm', '--read-only', '--cap-drop', 'ALL', image, '--version']);
  const problems = [
    ...(limit !== null && megabytes > limit ? [`${megabytes.toFixed(0)} MB, more than ${limit}`] : []),
    ...(/^[1-9]\d*:[1-9]\d*$/.test(user) ? [] : [`user ${user}`]),
    ...(labels['org.opencontainers.image.version'] === version ? [] : ['no label with the version']),
    ...(shown.ok && shown.stdout.trim() === version
      ? []
      : [`--version on a read-only root: ${shown.stdout}${shown.stderr}`]),
  ];
  report.check(`target ${target}`, problems, `${megabytes.toFixed(0)} MB, user ${user}`);
}

/** What an attacker would look for first. */
function lookInside(image: string, report: Report): void {
  const inside = (command: string): string =>
    run('docker', ['run', '--rm', '--entrypoint', 'sh', image, '-c', command]).stdout.trim();
  const tools = inside(
    'for t in npm npx corepack yarn tsc; do command -v $t; done; ls /usr/local/lib/node_modules 2>/dev/null',
  );
  report.check('no npm in the runtime', tools === '' ? [] : [tools]);
  const writable = inside('find /app -writable 2>/dev/null | head -5');
  report.check('code is not writable for its user', writable === '' ? [] : [writable]);
  const maps = inside('ls /app/dist/services/cli/main.js.map; find /app/node_modules -name "*.map" | head -1');
  report.check('source maps of our code, and of nobody else', maps.endsWith('main.js.map') ? [] : [maps]);
}

/** Settings that need nothing else: no model is asked. */
const EMBEDDED = ['-e', 'CC_TARGET__URL=http://127.0.0.1:1', '-e', 'CC_TARGET__MODEL=none'];

/** The health check of the image, which does not know what it was started with. */
async function verifyHealth(image: string, target: string, command: string, report: Report): Promise<void> {
  const flags = ['-d', '--read-only', '--tmpfs', '/tmp', '--volume', '/var/lib/cc-proxy', '--cap-drop', 'ALL'];
  const id = run('docker', ['run', ...flags, ...EMBEDDED, image, command]).stdout.trim();
  try {
    const health = (): string => run('docker', ['inspect', '--format', '{{.State.Health.Status}}', id]).stdout.trim();
    await poll(60, 500, async () => (health() === 'starting' ? null : true));
    const problems = health() === 'healthy' ? [] : [health(), run('docker', ['logs', id]).stdout.slice(-1000)];
    report.check(`target ${target} is healthy as ${command}`, problems);
  } finally {
    run('docker', ['rm', '-f', '-v', id]);
  }
}

async function measureStart(image: string, report: Report): Promise<void> {
  const variants: ReadonlyArray<readonly [string, readonly string[]]> = [
    ['tracing off', []],
    ['tracing on', ['-e', 'CC_TRACING__ENDPOINT=http://127.0.0.1:4318']],
  ];
  for (const [name, settings] of variants) {
    const starts: Start[] = [];
    for (let round = 0; round < ROUNDS; round++) starts.push(await startOnce(image, settings));
    const inOrder = starts.map(({ seconds }) => seconds).sort((a, b) => a - b);
    const cpu = starts.map(({ cpuSeconds }) => cpuSeconds.toFixed(2)).join(', ');
    const megabytes = starts.map((start) => start.megabytes.toFixed(0)).join(', ');
    report.check(`a gateway on embedded parts starts, ${name}`, inOrder.some(Number.isNaN) ? ['it did not'] : []);
    report.fact(
      `start of the gateway, embedded, ${name}`,
      `listens after ${inOrder.map((seconds) => seconds.toFixed(2)).join(', ')} s (CPU ${cpu} s); idle with ${megabytes} MB`,
    );
  }
}

interface Start {
  /** From the start of the container to the first connection it takes; NaN when it never did. */
  seconds: number;
  /** Of a core, for all of it: what the time above would be on a machine with nothing else to do, at most. */
  cpuSeconds: number;
  /** Resident, a while later. */
  megabytes: number;
}

async function startOnce(image: string, settings: readonly string[]): Promise<Start> {
  const flags = ['-d', '--read-only', '--tmpfs', '/tmp', '--network', 'none', ...EMBEDDED, ...settings];
  const id = run('docker', ['run', ...flags, image, 'gateway']).stdout.trim();
  try {
    const listening = await poll(60, 200, async () => {
      const line = /^.*"event":"gateway\.listening".*$/m.exec(run('docker', ['logs', id]).stdout)?.[0];
      return line === undefined ? null : String(dig(JSON.parse(line), 'time'));
    });
    const started = run('docker', ['inspect', '--format', '{{.State.StartedAt}}', id]).stdout.trim();
    await sleep(IDLE_MS);
    const status = run('docker', ['exec', id, 'cat', '/proc/1/status', '/proc/1/stat']).stdout;
    // Behind the name: user and system time, the twelfth and thirteenth field, in hundredths.
    const fields = status.slice(status.lastIndexOf(') ')).split(' ');
    return {
      seconds: (Date.parse(listening ?? '') - Date.parse(started)) / 1000,
      cpuSeconds: (Number(fields[12]) + Number(fields[13])) / 100,
      megabytes: Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1]) / 1000,
    };
  } finally {
    run('docker', ['rm', '-f', id]);
  }
}
