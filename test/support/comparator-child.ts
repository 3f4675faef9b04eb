// A comparator in a process of its own that dies by SIGKILL right after one step of its way, for the crash matrix.
// Argument: the JSON of ChildPlan. Prints `ready` when it reads.
import { appendFileSync } from 'node:fs';
import type { ComparatorParts } from '#services/comparator/service.ts';
import { createComparator } from '#services/comparator/service.ts';
import type { Bus } from '#shared/bus/bus.ts';
import { DEFAULT_BUS_LIMITS } from '#shared/bus/limits.ts';
import { createRedisBus } from '#shared/bus/redis.ts';
import { systemClock } from '#shared/clock.ts';
import { createPostgresStore } from '#shared/store/postgres.ts';
import { createSqliteStore } from '#shared/store/sqlite.ts';
import type { Store } from '#shared/store/store.ts';
import { createLogger } from '#shared/telemetry/logger.ts';
import { createMetrics } from '#shared/telemetry/metrics.ts';
import { noTracing, type Tracing } from '#shared/telemetry/tracing.ts';
import { createAgent } from '#shared/upstream/agent.ts';
import { callUpstream } from '#shared/upstream/call-upstream.ts';
import { COMPARATOR_CONFIG, testTarget, testTargets } from './comparator.ts';

export interface ChildPlan {
  redis: { url: string; prefix: string };
  store: { kind: 'sqlite' | 'postgres'; place: string };
  target: { name: string; url: string };
  /** Span ids are appended here, one a line. */
  sink: string;
  /** The step after which the process dies; null = it lives. */
  dieAfter: Step | null;
}

export const STEPS = [
  'read',
  'validate',
  'seen',
  'lease',
  'body',
  'reserve',
  'call',
  'score',
  'commit',
  'export',
  'mark',
  'ack',
] as const;
export type Step = (typeof STEPS)[number];

/** The comparator's parts on Redis and a database; with a plan to die, wrapped so that they carry it out. */
export function partsOf(plan: ChildPlan): ComparatorParts & { close(): Promise<void> } {
  const after = (step: Step): void => {
    if (step === plan.dieAfter) process.kill(process.pid, 'SIGKILL');
  };
  const bus = createRedisBus({ ...plan.redis, limits: DEFAULT_BUS_LIMITS, onTrouble: () => {} });
  const { kind, place } = plan.store;
  const store = kind === 'sqlite' ? createSqliteStore({ path: place }) : createPostgresStore({ url: place });
  const agent = createAgent(1_000);
  const tracing: Tracing = {
    ...noTracing,
    enabled: true,
    emit(spans) {
      for (const span of spans) appendFileSync(plan.sink, `${span.spanId}\n`);
      after('export');
    },
  };
  return {
    bus: dyingBus(bus, after),
    store: dyingStore(store, after),
    targets: testTargets([testTarget(plan.target.name, plan.target.url)]),
    clock: systemClock,
    log: createLogger({ service: 'cc-comparator', level: 'error', pretty: false }),
    metrics: createMetrics({ processMetrics: false }),
    tracing,
    async callTarget(request, _target, options) {
      after('reserve');
      const answer = await callUpstream(request, { ...options, dispatcher: agent });
      return {
        status: answer.status,
        rawHeaders: answer.rawHeaders,
        start: (sink) =>
          answer.start({
            ...sink,
            onEnd: () => {
              after('call');
              sink.onEnd();
            },
          }),
      };
    },
    async close() {
      await Promise.all([bus.close(), store.close(), agent.destroy()]);
    },
  };
}

function dyingBus(bus: Bus, after: (step: Step) => void): Bus {
  const dying = delegate(bus);
  dying.read = async (...args) => {
    const deliveries = await bus.read(...args);
    if (deliveries.length > 0) after('read');
    return deliveries;
  };
  dying.lease = async (...args) => {
    const isTaken = await bus.lease(...args);
    after('lease');
    return isTaken;
  };
  dying.body = async (id) => {
    const body = await bus.body(id);
    after('body');
    return body;
  };
  dying.finish = async (...args) => {
    await bus.finish(...args);
    after('ack');
  };
  return dying;
}

function dyingStore(store: Store, after: (step: Step) => void): Store {
  const dying = delegate(store);
  dying.pair = async (id) => {
    after('validate');
    const row = await store.pair(id);
    after('seen');
    return row;
  };
  dying.insertPair = async (row) => {
    after('score');
    const isNew = await store.insertPair(row);
    after('commit');
    return isNew;
  };
  dying.markExported = async (...args) => {
    await store.markExported(...args);
    after('mark');
  };
  return dying;
}

/** Every method, bound to the original: ports may be class instances with private members. */
function delegate<Port extends object>(port: Port): Port {
  return new Proxy({} as Port, {
    get(own, name) {
      if (Reflect.has(own, name)) return Reflect.get(own, name);
      const member: unknown = Reflect.get(port, name);
      return typeof member === 'function' ? member.bind(port) : member;
    },
  });
}

async function run(plan: ChildPlan): Promise<void> {
  await createComparator({ ...COMPARATOR_CONFIG, claim: CRASH_CLAIM }, partsOf(plan));
  process.stdout.write('ready\n');
}

/** Where the machine is busy a process is silent for long, and is given its own entry again: that is no reason to bury it. */
export const CRASH_CLAIM = { minIdleMs: 1_000, heartbeatMs: 100, maxDeliveries: 20 };

if (process.argv[1] === import.meta.filename) await run(JSON.parse(process.argv[2] ?? '') as ChildPlan);
