import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { createComparator } from '#services/comparator/service.ts';
import { createSimulator, type Simulator } from '#services/simulator/service.ts';
import type { BusCounters } from '#shared/bus/bus.ts';
import type { PairRow } from '#shared/store/store.ts';
import { COMPARATOR_CONFIG, publish, untilSettled } from '../support/comparator.ts';
import { type ChildPlan, CRASH_CLAIM, partsOf, STEPS, type Step } from '../support/comparator-child.ts';
import { startPostgres, type TestPostgres } from '../support/postgres.ts';
import { startRedis, type TestRedis } from '../support/redis.ts';

const CHILD = new URL('../support/comparator-child.ts', import.meta.url).pathname;
/** What touches the store is tried on both databases, the rest on one. */
const POSTGRES_STEPS: readonly Step[] = ['seen', 'score', 'commit', 'export', 'mark'];
/** The answer was there and not stored: the call is made again. */
const COSTS_A_CALL: readonly Step[] = ['call', 'score'];

interface Result {
  signal: NodeJS.Signals | null;
  rows: PairRow[];
  spanIds: string[];
  calls: number;
  counters: BusCounters;
}

describe('comparator crash matrix (T-2)', () => {
  let redis: TestRedis;
  let postgres: TestPostgres;
  let simulator: Simulator;
  let folder: string;
  const results = new Map<string, Result>();

  before(async function () {
    this.timeout(240_000);
    redis = await startRedis(this);
    const started = await startPostgres();
    if (typeof started === 'string') {
      console.log(`      ${started}`);
      this.skip();
    }
    postgres = started;
    simulator = await createSimulator({ listenAddress: '127.0.0.1:0', delayScale: 0, defaultScene: 'text' });
    folder = await mkdtemp(join(tmpdir(), 'ccproxy-crash-'));
    const cases = [
      ...STEPS.map((step) => ({ step, kind: 'sqlite' as const })),
      ...POSTGRES_STEPS.map((step) => ({ step, kind: 'postgres' as const })),
    ];
    const queue = [...cases];
    const worker = async (): Promise<void> => {
      for (let next = queue.shift(); next; next = queue.shift()) {
        results.set(`${next.kind} ${next.step}`, await crashAndRecover(next.step, next.kind));
      }
    };
    await Promise.all([worker(), worker(), worker(), worker()]);
  });

  after(async () => {
    await simulator?.stop();
    await redis?.end();
    await postgres?.stop();
    if (folder) await rm(folder, { recursive: true, force: true });
  });

  async function crashAndRecover(step: Step, kind: 'sqlite' | 'postgres'): Promise<Result> {
    const name = `${kind}-${step}`;
    const place = kind === 'sqlite' ? join(folder, `${name}.db`) : await postgres.createDatabase();
    const sink = join(folder, `${name}.spans`);
    await writeFile(sink, '');
    const plan: ChildPlan = {
      redis: { url: redis.url, prefix: `${redis.prefix}${name}:` },
      store: { kind, place },
      target: { name, url: simulator.url },
      sink,
      dieAfter: step,
    };
    const parts = partsOf({ ...plan, dieAfter: null });
    try {
      await parts.store.migrate();
      await publish(parts.bus, { shadow: [name] });
      const signal = await runChild(plan);
      const survivor = await createComparator({ ...COMPARATOR_CONFIG, claim: CRASH_CLAIM }, parts);
      await untilSettled(parts.bus, 45_000);
      await survivor.stop();
      return {
        signal,
        rows: (await parts.store.pairs({ limit: 10 })).data,
        spanIds: (await readFile(sink, 'utf8')).split('\n').filter((line) => line !== ''),
        calls: simulator.seen().filter(({ body }) => (body as { model?: string }).model === name).length,
        counters: await parts.bus.counters('compare'),
      };
    } finally {
      await parts.close();
    }
  }

  /** Resolves with the signal that ended the child. */
  async function runChild(plan: ChildPlan): Promise<NodeJS.Signals | null> {
    const child = spawn(process.execPath, ['--conditions=source', CHILD, JSON.stringify(plan)], {
      stdio: ['ignore', 'ignore', 'inherit'],
    });
    const limit = setTimeout(() => child.kill('SIGTERM'), 60_000);
    const [, signal] = (await once(child, 'exit')) as [number | null, NodeJS.Signals | null];
    clearTimeout(limit);
    return signal;
  }

  for (const kind of ['sqlite', 'postgres'] as const) {
    for (const step of kind === 'sqlite' ? STEPS : POSTGRES_STEPS) {
      it(`killed after ${step} on ${kind}: one row, one span an id, every pair accounted for`, () => {
        const result = results.get(`${kind} ${step}`);
        expect(result?.signal).to.equal('SIGKILL');
        expect(result?.rows.map((row) => [row.status, row.exported_at !== null])).to.deep.equal([['paired', true]]);
        expect(new Set(result?.spanIds).size).to.equal(2);
        expect(result?.counters).to.deep.equal({ published: 1, finished: 1, dead: 0, pending: 0 });
        expect(result?.calls).to.equal(COSTS_A_CALL.includes(step) ? 2 : 1);
      });
    }
  }
});
