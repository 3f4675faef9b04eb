// What the running containers may do: asked inside of each, not read from the file.
import { dig, run } from './docker.ts';
import type { Report } from './report.ts';
import type { Stack } from './stack.ts';

const LOOK = `
  import { readFileSync, writeFileSync } from 'node:fs';
  const attempt = (path) => { try { writeFileSync(path, ''); return 'written'; } catch (error) { return error.code; } };
  const status = readFileSync('/proc/self/status', 'utf8');
  const field = (name) => new RegExp('^' + name + ':\\\\s+(\\\\S+)', 'm').exec(status)?.[1];
  console.log(JSON.stringify({
    uid: process.getuid(), root: attempt('/app/x'), etc: attempt('/etc/x'), secrets: attempt('/run/cc-proxy/x'),
    tmp: attempt('/tmp/x'), capabilities: field('CapEff'), noNewPrivileges: field('NoNewPrivs'),
  }));
`;

export function verifyHardening(stack: Stack, report: Report): void {
  for (const service of stack.ours()) {
    const { stdout, stderr } = stack.evaluate(service, LOOK);
    const seen = stdout === '' ? {} : (JSON.parse(stdout) as Record<string, unknown>);
    const wanted: Record<string, unknown> = {
      ...{ uid: 1000, root: 'EROFS', etc: 'EROFS', tmp: 'written' },
      ...{ capabilities: '0000000000000000', noNewPrivileges: '1' },
    };
    const problems = Object.entries(wanted).flatMap(([name, value]) =>
      seen[name] === value ? [] : [`${name} is ${seen[name]}, not ${value}`],
    );
    if (seen.secrets === 'written') problems.push('secrets can be written');
    report.check(
      `${service} is confined`,
      stderr.trim() === '' ? problems : [stderr, ...problems],
      `uid ${seen.uid}, root ${seen.root}, capabilities none`,
    );
  }
  const ids = stack.compose('ps', '-aq').stdout.split('\n').filter(Boolean);
  const about = JSON.parse(run('docker', ['inspect', ...ids]).stdout) as unknown[];
  const unbounded = about.filter(
    (container) => dig(container, 'HostConfig', 'LogConfig', 'Config', 'max-size') === undefined,
  );
  report.check(
    'every log is rotated, every memory bounded',
    [
      ...unbounded.map((container) => `${dig(container, 'Name')}: log`),
      ...about
        .filter((container) => dig(container, 'HostConfig', 'Memory') === 0)
        .map((container) => `${dig(container, 'Name')}: memory`),
    ],
    `${about.length} containers`,
  );
  const open = about.flatMap((container) =>
    Object.values((dig(container, 'HostConfig', 'PortBindings') ?? {}) as object).flatMap((bindings) =>
      (bindings as unknown[])
        .filter((binding) => dig(binding, 'HostIp') !== '127.0.0.1')
        .map(() => String(dig(container, 'Name'))),
    ),
  );
  report.check('every published port is on 127.0.0.1', open);
}
