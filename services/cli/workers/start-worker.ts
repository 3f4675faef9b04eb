// One worker as its primary process knows it: how far it is, what it is asked, and that it is gone.
import cluster, { type Worker } from 'node:cluster';
import type { MetricFamilies } from './merge-families.ts';
import { isReport, type Order } from './messages.ts';
import { passLines } from './pass-lines.ts';

export interface Member {
  readonly state: 'starting' | 'ready' | 'draining';
  /** Its exit code. */
  readonly exited: Promise<number>;
  /** null when it serves none yet, or does not answer in time. */
  metrics(): Promise<MetricFamilies | null>;
  stop(): void;
  kill(): void;
}

/** In the environment of a worker: its number, from 1. A replacement takes it over. */
export const WORKER_NUMBER = 'CCPROXY_WORKER';

const METRICS_MS = 1000;

/** `onLost` is told of log lines that the standard output did not take. */
export function startWorker(number: number, onLost: (lines: number) => void): Member {
  // A terminal takes each line whole, and a worker is to know that it writes to one.
  cluster.setupPrimary({ stdio: ['ignore', process.stdout.isTTY ? 'inherit' : 'pipe', 'inherit', 'ipc'] });
  const worker = cluster.fork({ [WORKER_NUMBER]: String(number) });
  if (worker.process.stdout) passLines(worker.process.stdout, process.stdout, onLost);
  let state: Member['state'] = 'starting';
  const exited = new Promise<number>((resolve) => {
    worker.on('exit', (code) => resolve(code ?? 1));
    worker.on('error', () => {
      // A process that could not be made never exits.
      if (worker.process.pid === undefined) resolve(1);
    });
  });
  worker.on('message', (message: unknown) => {
    if (isReport(message) && message.type !== 'metrics') state = message.type;
  });
  return {
    get state() {
      return state;
    },
    exited,
    metrics: () => (state === 'starting' ? Promise.resolve(null) : askMetrics(worker)),
    stop: () => give(worker, { type: 'stop' }),
    kill: () => void worker.process.kill('SIGKILL'),
  };
}

function askMetrics(worker: Worker): Promise<MetricFamilies | null> {
  return new Promise((resolve) => {
    const id = Math.random();
    const end = (families: MetricFamilies | null): void => {
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
