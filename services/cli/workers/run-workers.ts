// The primary process of `server.workers`: it starts the workers, puts their metrics and probes behind one listener,
// replaces a worker that died, and passes the end on. It answers no client itself.
import { Registry } from 'prom-client';
import type { Config } from '#shared/config/load.ts';
import { ConfigError } from '#shared/errors.ts';
import { untilSignalled } from '#shared/lifecycle.ts';
import type { ServiceLogger } from '#shared/telemetry/logger.ts';
import { type Readiness, startOpsServer } from '#shared/telemetry/ops-server.ts';
import { mergeFamilies } from './merge-families.ts';
import { type Member, startWorker } from './start-worker.ts';

const FIRST_PAUSE_MS = 500;
const LONGEST_PAUSE_MS = 30_000;
/** What a worker may need beside `server.drain_secs`: to end what it cut, and to hand over and send what is queued. */
const ENDING_MS = 30_000;
/** The exit code of a mistake in the settings: trying again cannot help. */
const CONFIG_EXIT = 2;

/** Resolves when every worker has ended. @throws ConfigError when a worker does not get ready for the settings' sake */
export async function runWorkers(config: Config, log: ServiceLogger): Promise<void> {
  const members = new Map<number, Member>();
  const ending = new AbortController();
  let refused = (_error: ConfigError): void => undefined;
  const misconfigured = new Promise<never>((_resolve, reject) => {
    refused = reject;
  });
  const start = (number: number, pauseMs: number): void => {
    const member = startWorker(number, (lines) => log.warn('log.dropped', { worker: number, lines }));
    members.set(number, member);
    void member.exited.then((code) => {
      members.delete(number);
      if (ending.signal.aborted) return;
      if (code === CONFIG_EXIT && member.state === 'starting') {
        refused(new ConfigError('a worker did not start; its own line above says why'));
        return;
      }
      // One that had served begins again at once; one that never did is given time.
      const wait = member.state === 'starting' ? pauseMs : FIRST_PAUSE_MS;
      log.error('worker.ended', { worker: number, code, restartMs: wait });
      setTimeout(() => {
        if (!ending.signal.aborted) start(number, Math.min(wait * 2, LONGEST_PAUSE_MS));
      }, wait).unref();
    });
  };
  const ops = await startOpsServer({
    address: config.ops.listen_address,
    metrics: {
      registry: { contentType: Registry.OPENMETRICS_CONTENT_TYPE, metrics: () => collect([...members.values()]) },
    },
    ready: async () => readiness(members, config.server.workers, ending.signal.aborted),
  });
  // A second signal ends this process at once, and no worker outlives it.
  process.once('exit', () => {
    if (!ending.signal.aborted) return;
    for (const member of members.values()) member.kill();
  });
  for (let number = 1; number <= config.server.workers; number += 1) start(number, FIRST_PAUSE_MS);
  try {
    await Promise.race([untilSignalled(), misconfigured]);
  } finally {
    ending.abort();
    await endWorkers(members, config.server.drain_secs * 1000 + ENDING_MS, log);
    await ops.stop();
  }
}

/** Resolves when all are gone; those that do not end in time are killed. */
export async function endWorkers(
  members: ReadonlyMap<number, Pick<Member, 'exited' | 'stop' | 'kill'>>,
  limitMs: number,
  log: Pick<ServiceLogger, 'error'>,
): Promise<void> {
  const last = [...members];
  const left = new Set(last.map(([number]) => number));
  const timer = setTimeout(() => {
    for (const [number, member] of last) {
      if (!left.has(number)) continue;
      log.error('worker.killed', { worker: number, limitMs });
      member.kill();
    }
  }, limitMs);
  for (const [, member] of last) member.stop();
  await Promise.all(last.map(([number, { exited }]) => exited.then(() => left.delete(number))));
  clearTimeout(timer);
}

/** Ready when every worker is: a listener that only some of them serve would be slow without anyone knowing why. */
function readiness(members: ReadonlyMap<number, Member>, wanted: number, isEnding: boolean): Readiness {
  const states = Array.from({ length: wanted }, (_, index) => members.get(index + 1)?.state ?? 'gone');
  return {
    ready: !isEnding && states.every((state) => state === 'ready'),
    checks: Object.fromEntries(states.map((state, index) => [`worker ${index + 1}`, state === 'ready' ? 'ok' : state])),
  };
}

/** A worker that does not answer in time is left out. */
async function collect(members: readonly Member[]): Promise<string> {
  const answers = await Promise.all(members.map((member) => member.metrics()));
  return mergeFamilies(answers.filter((families) => families !== null));
}
