// `docker compose stop` under running streams: each gets its last event, a new request is turned away, the exit code is 0.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { dig, poll, run } from './docker.ts';
import type { Report } from './report.ts';
import { isRefused, isWhole, openSlowStream, playSlowly } from './slow-scene.ts';
import type { Stack } from './stack.ts';

const STREAMS = 8;
const EVENTS = 60;
const BETWEEN_MS = 250;

export async function verifyDrain(stack: Stack, report: Report): Promise<void> {
  const url = stack.url('GATEWAY_PORT');
  const trouble = playSlowly(stack, EVENTS, BETWEEN_MS);
  if (trouble !== '') return report.check('slow streams can be played', [trouble]);
  const streams = Array.from({ length: STREAMS }, () => openSlowStream(url));
  const begun = await poll(30, 50, async () => (streams.every(({ isBegun }) => isBegun) ? true : null));
  const startedMs = Date.now();
  const id = stack.compose('ps', '-aq', 'gateway').stdout.trim();
  const stopping = stopGateway(id);
  const refused = await poll(10, 100, async () => ((await isRefused(url)) ? true : null));
  const texts = await Promise.all(streams.map(({ ended }) => ended));
  const seconds = ((Date.now() - startedMs) / 1000).toFixed(1);
  await stopping;
  const broken = texts.filter((text) => !isWhole(text)).map((text) => text.slice(-200));
  report.check(
    'streams that run are ended whole by `docker compose stop`',
    begun ? broken : ['the streams did not begin'],
    `${STREAMS} streams, the last ${seconds} s after the signal`,
  );
  report.check('meanwhile a new request is turned away', refused ? [] : ['it was taken']);
  const code = exitCodeOf(id);
  report.check('the gateway ends with 0', code === 0 ? [] : [`exit code ${code}`]);
}

/** Not by spawnSync: streams have to be read meanwhile. */
export async function stopGateway(id: string): Promise<void> {
  await once(spawn('docker', ['stop', '--time', '80', id], { stdio: 'ignore' }), 'close');
}

export function exitCodeOf(id: string): unknown {
  return dig(JSON.parse(run('docker', ['inspect', '--format', '{{json .State}}', id]).stdout), 'ExitCode');
}
