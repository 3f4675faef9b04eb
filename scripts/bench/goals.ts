// What the gateway is to cost, and whether it does: each goal, the cells that show it, and the verdict.
import { type IdleStreams, residentKbOfStream } from './idle-streams.ts';
import type { Cell } from './measure-cell.ts';
import type { PeerName } from './peer-list.ts';
import type { Start } from './start-times.ts';
import { compare, cpuOf, type Reading, type Spread, spread } from './summarize.ts';

/** All that a run measured. */
export interface Findings {
  readonly cells: readonly Cell[];
  /** The first second of each peer. */
  readonly cold: readonly Cell[];
  readonly starts: readonly Start[];
  readonly idle: IdleStreams | null;
}

export interface Goal {
  readonly what: string;
  readonly unit: '×' | 'ms' | 'KB' | 'MB' | 'spans';
  readonly must: number;
  readonly reach: number;
  /** Null = not measured in this run. */
  measure(findings: Findings): Spread | null;
  /** Whose exchanges have to be on the bus for the figure to count. */
  readonly publisher?: { readonly load: string; readonly peer: PeerName };
}

const ratio =
  (load: string, peer: PeerName, base: PeerName, read: Reading = cpuOf) =>
  ({ cells }: Findings): Spread | null =>
    compare(cells, { load, peer, base, read, how: 'ratio' });

const difference =
  (load: string, peer: PeerName, base: PeerName, read: Reading) =>
  ({ cells }: Findings): Spread | null =>
    compare(cells, { load, peer, base, read, how: 'difference' });

const firstByte =
  (which: 'p50' | 'p99'): Reading =>
  (cell) =>
    cell.client.firstByteMs[which];

const whole =
  (which: 'p50' | 'p99'): Reading =>
  (cell) =>
    cell.client.wholeMs[which];

const started =
  (variant: Start['variant'], read: (start: Start) => number) =>
  ({ starts }: Findings): Spread | null =>
    spread(starts.filter((start) => start.variant === variant).map(read));

function of(cells: readonly Cell[], load: string, peer: PeerName): readonly Cell[] {
  return cells.filter((cell) => cell.load === load && cell.peer === peer);
}

/** Of what must not happen once: a median would forgive it. */
function total(counts: readonly number[]): Spread | null {
  return counts.length === 0 ? null : spread([counts.reduce((sum, count) => sum + count, 0)]);
}

/** How much may be kept for good. */
const MUST_GIVE_BACK = 1.2;
const GIVES_BACK = 1.05;

export const GOALS: readonly Goal[] = [
  {
    what: 'CPU of a request, `features`, burst-100k, × bare',
    ...{ unit: '×', must: 1.4, reach: 0.7 },
    measure: ratio('burst-100k', 'features', 'bare'),
    publisher: { load: 'burst-100k', peer: 'features' },
  },
  {
    what: 'the same, paced',
    ...{ unit: '×', must: 1.15, reach: 0.85 },
    measure: ratio('paced', 'features', 'bare'),
    publisher: { load: 'paced', peer: 'features' },
  },
  {
    what: 'CPU, `compare`, burst-100k, × bare',
    ...{ unit: '×', must: 1.7, reach: 1.1 },
    measure: ratio('burst-100k', 'compare', 'bare'),
    publisher: { load: 'burst-100k', peer: 'compare' },
  },
  {
    what: 'CPU, `compare`, open-burst, × `target`',
    ...{ unit: '×', must: 1.5, reach: 1.1 },
    measure: ratio('open-burst', 'compare', 'target'),
    publisher: { load: 'open-burst', peer: 'compare' },
  },
  {
    what: 'CPU, `spans`, burst-100k, × `target`',
    ...{ unit: '×', must: 1.1, reach: 1.05 },
    measure: ratio('burst-100k', 'spans', 'target'),
  },
  {
    what: 'the same, paced',
    ...{ unit: '×', must: 1.1, reach: 1.05 },
    measure: ratio('paced', 'spans', 'target'),
  },
  {
    what: 'CPU, `tracing` (content on), burst-100k, × `target`',
    ...{ unit: '×', must: 1.1, reach: 1.05 },
    measure: ratio('burst-100k', 'tracing', 'target'),
  },
  {
    what: 'the same, paced',
    ...{ unit: '×', must: 1.1, reach: 1.05 },
    measure: ratio('paced', 'tracing', 'target'),
  },
  {
    what: 'spans lost, `tracing`, open-500k',
    ...{ unit: 'spans', must: 0, reach: 0 },
    measure: ({ cells }) => total(of(cells, 'open-500k', 'tracing').flatMap((cell) => cell.spansLost ?? [])),
  },
  {
    what: 'first byte over direct, `target`, single-100k, p50',
    ...{ unit: 'ms', must: 1, reach: 0.5 },
    measure: difference('single-100k', 'target', 'direct', firstByte('p50')),
  },
  {
    what: 'the same, p99',
    ...{ unit: 'ms', must: 3, reach: 2 },
    measure: difference('single-100k', 'target', 'direct', firstByte('p99')),
  },
  {
    what: 'delay of an event over direct, `target`, paced, p50',
    ...{ unit: 'ms', must: 0.2, reach: 0.1 },
    measure: difference('paced', 'target', 'direct', (cell) => cell.client.delayMs?.p50 ?? null),
  },
  {
    what: 'whole answer, `everything`, open-burst, × `target`, p50',
    ...{ unit: '×', must: 1.1, reach: 1 },
    measure: ratio('open-burst', 'everything', 'target', whole('p50')),
    publisher: { load: 'open-burst', peer: 'everything' },
  },
  {
    what: 'the same, p99',
    ...{ unit: '×', must: 1.1, reach: 1 },
    measure: ratio('open-burst', 'everything', 'target', whole('p99')),
    publisher: { load: 'open-burst', peer: 'everything' },
  },
  {
    what: 'CPU, `converted`, burst-100k, × bare',
    ...{ unit: '×', must: 2, reach: 1.6 },
    measure: ratio('burst-100k', 'converted', 'bare'),
  },
  {
    what: 'the same, paced',
    ...{ unit: '×', must: 2, reach: 1.6 },
    measure: ratio('paced', 'converted', 'bare'),
  },
  {
    what: 'first byte over bare, `converted`, single-1m, p50',
    ...{ unit: 'ms', must: 20, reach: 8 },
    measure: difference('single-1m', 'converted', 'bare', firstByte('p50')),
  },
  {
    what: 'CPU, `target`, burst-100k, × Portkey',
    ...{ unit: '×', must: 1 / 8, reach: 1 / 15 },
    measure: ratio('burst-100k', 'target', 'portkey'),
  },
  {
    what: 'CPU, `converted`, burst-100k, × claude-code-router',
    ...{ unit: '×', must: 1 / 45, reach: 1 / 90 },
    measure: ratio('burst-100k', 'converted', 'claude-code-router'),
  },
  {
    what: 'CPU, `target`, burst-100k, × LiteLLM',
    ...{ unit: '×', must: 1 / 50, reach: 1 / 110 },
    measure: ratio('burst-100k', 'target', 'litellm'),
  },
  {
    what: 'memory of an idle stream',
    ...{ unit: 'KB', must: 40, reach: 25 },
    measure: ({ idle }) => (idle ? spread([residentKbOfStream(idle, 0)]) : null),
  },
  {
    what: 'live memory after idle streams, × before them',
    ...{ unit: '×', must: MUST_GIVE_BACK, reach: GIVES_BACK },
    measure: ({ idle }) => (idle ? spread([idle.after[1].live / idle.warm.live]) : null),
  },
  {
    what: 'resident memory after idle streams, × before them',
    ...{ unit: '×', must: MUST_GIVE_BACK, reach: GIVES_BACK },
    measure: ({ idle }) => (idle ? spread([idle.after[1].resident / idle.warm.resident]) : null),
  },
  {
    what: 'resident memory after as many again, × after the first',
    ...{ unit: '×', must: MUST_GIVE_BACK, reach: GIVES_BACK },
    measure: ({ idle }) => (idle ? spread([idle.after[1].resident / idle.after[0].resident]) : null),
  },
  {
    what: "event loop's delay, `tracing`, open-500k, p99",
    ...{ unit: 'ms', must: 10, reach: 5 },
    measure: ({ cells }) => spread(of(cells, 'open-500k', 'tracing').flatMap((cell) => cell.loopDelayP99Ms ?? [])),
  },
  {
    what: 'start to ready, `target`',
    ...{ unit: 'ms', must: 1000, reach: 600 },
    measure: started('target', ({ readyMs }) => readyMs),
  },
  {
    what: 'start to ready, `tracing`',
    ...{ unit: 'ms', must: 1000, reach: 600 },
    measure: started('tracing', ({ readyMs }) => readyMs),
  },
  {
    what: 'idle memory, `target`',
    ...{ unit: 'MB', must: 120, reach: 100 },
    measure: started('target', ({ idleMb }) => idleMb),
  },
  {
    what: 'idle memory, `tracing`',
    ...{ unit: 'MB', must: 170, reach: 140 },
    measure: started('tracing', ({ idleMb }) => idleMb),
  },
];

/** Below this share of published exchanges a figure leaves out work that it should count. */
const ENOUGH_PUBLISHED = 0.99;

export interface Judged {
  readonly goal: Goal;
  readonly measured: Spread | null;
  readonly verdict: string;
}

export function judge(findings: Findings, goals: readonly Goal[] = GOALS): Judged[] {
  return goals.map((goal) => {
    const measured = goal.measure(findings);
    return { goal, measured, verdict: measured === null ? 'not measured' : verdictOf(goal, measured, findings) };
  });
}

function verdictOf(goal: Goal, { median }: Spread, { cells }: Findings): string {
  const { publisher } = goal;
  const published = publisher
    ? spread(
        cells.flatMap(({ load, peer, published: share }) =>
          load === publisher.load && peer === publisher.peer && share !== null ? share : [],
        ),
      )
    : null;
  const verdict = median <= goal.reach ? 'reached' : median <= goal.must ? 'must met' : '**missed**';
  if (published === null || published.median >= ENOUGH_PUBLISHED) return verdict;
  return `${verdict}, with ${Math.round(published.median * 100)} % published`;
}
