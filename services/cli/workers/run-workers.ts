// The primary process of `server.workers`: it starts the workers, puts their metrics and probes behind one listener,
// replaces a worker that died, and passes the end on. It answers no client itself.
import cluster, { type Worker } from 'node:cluster';
import { AggregatorRegistry, Registry } from 'prom-client';
import type { Config } from '#shared/config/load.ts';
import { ConfigError } from '#shared/errors.ts';
import { untilSignalled } from '#shared/lifecycle.ts';
import type { ServiceLogger } from '#shared/telemetry/logger.ts';
import { type Readiness, startOpsServer } from '#shared/telemetry/ops-server.ts';
import { isReport, type Order, type Report } from './messages.ts';

type Families = Extract<Report, { type: 'metrics' }>['families'];

interface Member {
  worker: Worker;
  /** The number in its label `worker`; a replacement takes it over. */
  number: number;
  state: 'starting' | 'ready' | 'draining';
  readonly exited: Promise<number>;
}

/** In the environment of a worker: its number, from 1. */
export const WORKER_NUMBER = 'CCPROXY_WORKER';

const METRICS_MS = 1000;
const FIRST_PAUSE_MS = 500;
const LONGEST_PAUSE_MS = 30_000;
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
    const member = fork(number);
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
  for (let number = 1; number <= config.server.workers; number += 1) start(number, FIRST_PAUSE_MS);
  try {
    await Promise.race([untilSignalled(), misconfigured]);
  } finally {
    ending.abort();
    const last = [...members.values()];
    for (const { worker } of last) give(worker, { type: 'stop' });
    await Promise.all(last.map(({ exited }) => exited));
    await ops.stop();
  }
}

function fork(number: number): Member {
  const worker = cluster.fork({ [WORKER_NUMBER]: String(number) });
  const exited = new Promise<number>((resolve) => worker.on('exit', (code) => resolve(code ?? 1)));
  const member: Member = { worker, number, state: 'starting', exited };
  worker.on('message', (message: unknown) => {
    if (isReport(message) && message.type !== 'metrics') member.state = message.type;
  });
  return member;
}

/** Ready when every worker is: a listener that only some of them serve would be slow without anyone knowing why. */
function readiness(members: ReadonlyMap<number, Member>, wanted: number, isEnding: boolean): Readiness {
  const states = Array.from({ length: wanted }, (_, index) => members.get(index + 1)?.state ?? 'gone');
  return {
    ready: !isEnding && states.every((state) => state === 'ready'),
    checks: Object.fromEntries(states.map((state, index) => [`worker ${index + 1}`, state === 'ready' ? 'ok' : state])),
  };
}

/** One text of all workers' series, told apart by their label `worker`. A worker that does not answer in time is left out. */
async function collect(members: readonly Member[]): Promise<string> {
  const answers = await Promise.all(members.map((member) => ask(member)));
  const registry = AggregatorRegistry.aggregate(answers.filter((families) => families !== null).map(openMetricsNames));
  registry.setContentType(Registry.OPENMETRICS_CONTENT_TYPE);
  return registry.metrics();
}

/** OpenMetrics names a counter without `_total` and puts it on the sample; aggregated counters keep it unless it is cut. */
function openMetricsNames(families: Families): Families {
  return families.map((family) =>
    String(family.type) === 'counter' ? { ...family, name: family.name.replace(/_total$/, '') } : family,
  );
}

function ask({ worker, state }: Member): Promise<Families | null> {
  if (state === 'starting') return Promise.resolve(null);
  return new Promise((resolve) => {
    const id = Math.random();
    const end = (families: Families | null): void => {
      clearTimeout(timer);
      worker.off('message', onMessage);
      resolve(families);
    };
    const onMessage = (message: unknown): void => {
      if (isReport(message) && message.type === 'metrics' && message.id === id) end(message.families);
    };
    const timer = setTimeout(() => end(null), METRICS_MS);
    worker.on('message', onMessage);
    give(worker, { type: 'metrics', id });
  });
}

function give(worker: Worker, order: Order): void {
  if (worker.isConnected()) worker.send(order, () => undefined);
}
