// Rows → the page: what was measured, how, where, and what it does not say.
import type { Load } from './loads.ts';
import type { MissingPeer } from './peers.ts';
import type { Row } from './summarize.ts';

export interface Report {
  readonly command: string;
  readonly date: string;
  readonly machine: string;
  readonly versions: string;
  readonly placement: string;
  readonly rounds: number;
  readonly seconds: number;
  /** Load average of the last minute, at the start and at the end: what the neighbours did. */
  readonly loadAverage: readonly [number, number];
  readonly loads: ReadonlyArray<{ load: Load; rows: Row[] }>;
  readonly missing: readonly MissingPeer[];
}

const COLUMNS = [
  'peer',
  'CPU µs/request',
  'main thread',
  '× bare',
  'range',
  'answers/s',
  'first byte p50 / p99 ms',
  'event delay p50 / p99 ms',
  'published',
  'answers',
  'errors',
] as const;

export function formatReport(report: Report): string {
  return [
    '# Bench',
    '',
    `What the gateway costs beside the least that a proxy can be. Made by \`${report.command}\`, ${report.date}.`,
    '',
    `- **Machine:** ${report.machine}; ${report.placement}. Load average ${report.loadAverage.map((value) => value.toFixed(1)).join(' → ')}.`,
    `- **Versions:** ${report.versions}.`,
    `- **Rounds:** ${report.rounds} of ${report.seconds} s for each load and peer, in random order, after a warm-up.`,
    ...report.missing.map(({ name, problem }) => `- **Not measured:** ${name}: ${problem.replace(/\s+/g, ' ')}`),
    '',
    ...PEERS,
    '',
    ...report.loads.flatMap(({ load, rows }) => [
      `## ${load.name}`,
      '',
      `${load.doc[0]?.toUpperCase() ?? ''}${load.doc.slice(1)}.`,
      '',
      ...table(rows),
      '',
      ...checkGenerator(load, rows),
    ]),
    ...CAVEATS,
    '',
  ].join('\n');
}

const PEERS = [
  '| peer | is |',
  '|---|---|',
  '| direct | the generator on the upstream, nothing between: shows that the generator is not the limit |',
  '| bare | node:http in front, undici `dispatch` behind, nothing else: the measure |',
  '| target | `cc-proxy gateway` as built, mode target, the model replaced in each request; metrics, log lines and history on |',
  '| compare | the same in mode compare: every exchange is published to Redis; nobody reads there |',
  '| target+otlp | target with spans and content exported to a receiver that takes everything |',
];

const CAVEATS = [
  '## How to read this',
  '',
  '- CPU is user and system time of the whole process, worker threads included, divided by complete answers. It counts',
  '  what is done after the answer too: each cell waits until the process is idle. The kernel books it in ticks of 10 ms,',
  '  for the process and for its main thread apart, so the second can come out a little above the first.',
  '- A ratio is taken within a round and then the median over the rounds, with the lowest and the highest. Ratios carry',
  '  over to other machines roughly; microseconds, answers a second and milliseconds do not, and they move with whatever',
  '  else runs there.',
  '- Where connections are kept busy, the first byte waits behind other requests: its time shows the queue. In paced',
  '  streams it shows the way.',
  '- An answer counts only when it was complete and right to the byte; everything else is an error, by kind.',
  '- Published is the share of exchanges that reached the bus. Under 100 % the gateway shed copies, on purpose, and so',
  '  spent less: compare such a row with care.',
  '- Generator, upstream and Redis share what the process under test leaves free. All talk over the loopback without TLS.',
];

function table(rows: readonly Row[]): string[] {
  return [row(COLUMNS), row(COLUMNS.map(() => '---')), ...rows.map((one) => row(cellsOf(one)))];
}

function row(cells: readonly string[]): string {
  return `| ${cells.join(' | ')} |`;
}

function cellsOf(one: Row): string[] {
  const { ratio, delayMs, firstByteMs, problems } = one;
  const errors = Object.entries(problems).map(([kind, count]) => `${count} ${kind}`);
  return [
    one.peer,
    integer(one.cpuUs),
    integer(one.mainThreadUs),
    ratio ? ratio.median.toFixed(2) : '–',
    ratio ? `${ratio.low.toFixed(2)}–${ratio.high.toFixed(2)}` : '–',
    integer(one.perSecond),
    `${firstByteMs.p50.toFixed(2)} / ${firstByteMs.p99.toFixed(2)}`,
    delayMs ? `${delayMs.p50.toFixed(2)} / ${delayMs.p99.toFixed(2)}` : '–',
    one.published === null ? '–' : `${(one.published * 100).toFixed(0)} %`,
    integer(one.finished),
    errors.length === 0 ? '0' : errors.join(', '),
  ];
}

function integer(value: number | null): string {
  return value === null ? '–' : Math.round(value).toLocaleString('en');
}

const ENOUGH = 5;

/** Whether the generator could have asked for more, in a sentence. */
function checkGenerator(load: Load, rows: readonly Row[]): string[] {
  const direct = rows.find(({ peer }) => peer === 'direct');
  const others = rows.filter(({ peer }) => peer !== 'direct');
  if (!direct || others.length === 0) return [];
  const busiest = Math.max(...others.map(({ generatorCpuShare }) => generatorCpuShare));
  const busy = `the generator used at most ${Math.round(busiest * 100)} % of a core through a peer`;
  if ('perSecond' in load.pressure) return [`${busy[0]?.toUpperCase()}${busy.slice(1)}.`, ''];
  const times = direct.perSecond / Math.max(...others.map(({ perSecond }) => perSecond));
  const verdict = times >= ENOUGH ? '' : ` (less than ${ENOUGH}: answers/s of the fastest peer are a lower bound)`;
  return [`Direct is ${times.toFixed(1)} times the fastest peer${verdict}; ${busy}.`, ''];
}
