// What was measured → the page: the goals first, then each load, how it was done, and what it does not say.
import { type Findings, type Judged, judge } from './goals.ts';
import { type IdleStreams, type Memory, residentKbOfStream } from './idle-streams.ts';
import type { Load } from './loads.ts';
import type { MissingPeer } from './peer.ts';
import { BASES, PEER_NAMES, PEERS, type PeerName, processesOf, SELDOM_PEERS } from './peer-list.ts';
import { SELDOM } from './run-rounds.ts';
import type { Start } from './start-times.ts';
import { type Row, spread, summarize } from './summarize.ts';
import type { WarmUp } from './warm-up.ts';

export interface Report {
  readonly command: string;
  readonly date: string;
  readonly machine: string;
  readonly versions: readonly string[];
  readonly placement: string;
  readonly rounds: number;
  readonly seconds: number;
  readonly processes: number;
  readonly warmUp: WarmUp;
  /** A look at code that is not compiled yet. */
  readonly isQuick: boolean;
  /** Load average of the last minute, at the start and at the end: what the neighbours did. */
  readonly loadAverage: readonly [number, number];
  /** Who was asked for. */
  readonly peers: readonly PeerName[];
  readonly loads: readonly Load[];
  readonly missing: readonly MissingPeer[];
  readonly findings: Findings;
}

/** The peer that the others are compared with. */
const BASE: PeerName = 'bare';

const COLUMNS = [
  'peer',
  'CPU µs/request',
  'main thread',
  '× bare',
  'range',
  'answers/s',
  'first byte p50 / p99 ms',
  'over direct',
  'whole p50 / p99 ms',
  'over direct',
  'event delay p50 / p99 ms',
  'loop delay p99 ms',
  'RSS MB',
  'published',
  'answers',
  'errors',
] as const;

export function formatReport(report: Report): string {
  const { findings, missing, loads } = report;
  return [
    '# Bench',
    '',
    `What the gateway costs beside the least that a proxy can be. Made by \`${report.command}\`, ${report.date}.`,
    '',
    `- **Machine:** ${report.machine}; ${report.placement}. Load average ${report.loadAverage.map((value) => value.toFixed(1)).join(' → ')}.`,
    `- **Versions:** ${report.versions.join(', ')}.`,
    `- **Rounds:** ${rounds(report)}`,
    `- **Warm-up:** ${warmUp(report)}`,
    '',
    '## Goals',
    '',
    ...goals(judge(findings)),
    '',
    'What stands in the way where a row misses, and what was tried: [profile.md](profile.md#what-misses-and-why).',
    '',
    ...(report.peers.length > 0 ? [...peers(report.peers, missing), ''] : []),
    ...loads.flatMap((load) => section(load, summarize(findings.cells, load.name, PEER_NAMES, BASE), missing)),
    ...(findings.cold.length > 0 ? cold(findings) : []),
    ...(findings.idle ? [...idleStreams(findings.idle), ''] : []),
    ...(findings.starts.length > 0 ? [...starts(findings.starts), ''] : []),
    ...HOW_TO_READ,
    ...(report.isQuick ? [] : OF_WARM_CODE),
    ...CAVEATS,
    '',
  ].join('\n');
}

function rounds({ rounds: times, seconds, loads, peers: names, processes }: Report): string {
  const few = Math.ceil(times / SELDOM);
  const seldom = [
    ...loads.filter(({ isSeldom }) => isSeldom).map(({ name }) => name),
    ...names.filter((name) => SELDOM_PEERS.includes(name)),
  ];
  const twice = names.filter((name) => BASES.includes(name));
  const several = names.filter((name) => processesOf(name, processes) > 1);
  return (
    `${times} for each load and peer${few < times && seldom.length > 0 ? `, ${few} for ${seldom.join(', ')}` : ''}. ` +
    `In random order${twice.length > 0 ? `, ${twice.join(' and ')} twice in a round` : ''}. ` +
    `${several.length > 0 ? `Of ${several.join(', ')} ${processes} processes in turn. ` : ''}` +
    `A load lasts ${seconds} s${longer(loads, seconds)}${led(loads, seconds)}.`
  );
}

function warmUp({ isQuick, warmUp: { answers, limitSeconds, eachSeconds }, loads }: Report): string {
  if (isQuick) return '**next to none (a look): these are figures of cold code**, often twice those of warm.';
  return (
    `each peer gets each load for ${eachSeconds} s${longer(loads, eachSeconds)}, then burst-100k until ` +
    `${integer(answers)} answers have come or ${limitSeconds} s have passed.`
  );
}

function longer(loads: readonly Load[], seconds: number): string {
  const others = loads.filter(({ lasts }) => lasts > 1).map(({ name, lasts }) => `${name} ${lasts * seconds} s`);
  return others.length === 0 ? '' : `, ${others.join(', ')}`;
}

function led(loads: readonly Load[], seconds: number): string {
  const before = loads.filter(({ leadIn }) => leadIn > 0);
  if (before.length === 0) return '';
  const all = before.map(({ name, lasts, leadIn }) => `${leadIn * lasts * seconds} s of ${name}`);
  return `; before each comes some of the same that is not counted, ${all.join(', ')}`;
}

function peers(names: readonly PeerName[], missing: readonly MissingPeer[]): string[] {
  return [
    '## Peers',
    '',
    row(['peer', 'is', 'measured']),
    row(['---', '---', '---']),
    ...names.map((name) => row([name, PEERS[name], measured(missing.find((one) => one.name === name))])),
  ];
}

function measured(missing: MissingPeer | undefined): string {
  return missing ? `no: ${missing.problem.replace(/\s+/g, ' ').replaceAll('|', '/')}` : 'yes';
}

function goals(judged: readonly Judged[]): string[] {
  return [
    row(['what', 'median', 'range', 'must', 'reach', 'verdict']),
    row(['---', '---', '---', '---', '---', '---']),
    ...judged.map(({ goal, measured: found, verdict }) => {
      const show = goal.unit === 'spans' ? integer : figure;
      return row([
        goal.what,
        found ? `${show(found.median)} ${goal.unit}` : '–',
        found ? `${show(found.low)} to ${show(found.high)}` : '–',
        `≤ ${limit(goal.must)}`,
        `≤ ${limit(goal.reach)}`,
        verdict,
      ]);
    }),
    row(['memory under load over time', '–', '–', 'flat', 'flat', 'by `scripts/soak`']),
  ];
}

/** As many digits as a reader needs to tell it from its limit. */
function figure(value: number): string {
  const size = Math.abs(value);
  return value.toFixed(size >= 100 ? 0 : size >= 10 ? 1 : size >= 0.5 ? 2 : 3);
}

function limit(value: number): string {
  return value > 0 && value < 0.2 && value !== 0.1 ? `1/${Math.round(1 / value)}` : String(value);
}

function section(load: Load, rows: readonly Row[], missing: readonly MissingPeer[]): string[] {
  const absent = missing.filter(({ name }) => load.asks(name)).map(({ name }) => absentRow(name));
  return [
    `## ${load.name}`,
    '',
    `${load.doc[0]?.toUpperCase() ?? ''}${load.doc.slice(1)}.`,
    '',
    ...[row(COLUMNS), row(COLUMNS.map(() => '---')), ...rows.map((one) => row(cellsOf(one))), ...absent],
    '',
    ...checkGenerator(load, rows),
  ];
}

function absentRow(name: string): string {
  return row(COLUMNS.map((_, index) => (index === 0 ? name : index === COLUMNS.length - 1 ? 'not measured' : '–')));
}

function row(cells: readonly string[]): string {
  return `| ${cells.join(' | ')} |`;
}

function cellsOf(one: Row): string[] {
  const { ratio, problems } = one;
  const errors = Object.entries(problems).map(([kind, count]) => `${count} ${kind}`);
  return [
    one.peer,
    integer(one.cpuUs),
    integer(one.mainThreadUs),
    ratio ? ratio.median.toFixed(2) : '–',
    ratio ? `${ratio.low.toFixed(2)}–${ratio.high.toFixed(2)}` : '–',
    integer(one.perSecond),
    pair(one.firstByteMs),
    pair(one.firstByteOverMs),
    pair(one.wholeMs),
    pair(one.wholeOverMs),
    pair(one.delayMs),
    one.loopDelayP99Ms === null ? '–' : one.loopDelayP99Ms.toFixed(1),
    integer(one.rssMb),
    one.published === null ? '–' : `${(one.published * 100).toFixed(0)} %`,
    integer(one.finished),
    errors.length === 0 ? '0' : errors.join(', '),
  ];
}

function pair(times: { p50: number; p99: number } | null): string {
  return times ? `${times.p50.toFixed(2)} / ${times.p99.toFixed(2)}` : '–';
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
  const fastest = others.reduce((best, one) => (one.perSecond > best.perSecond ? one : best));
  const times = direct.perSecond / fastest.perSecond;
  const verdict = times >= ENOUGH ? '' : ` (less than ${ENOUGH}: its answers/s are a lower bound, its CPU is not)`;
  return [`Direct is ${times.toFixed(1)} times the fastest peer, ${fastest.peer}${verdict}; ${busy}.`, ''];
}

/** Nothing when the warm figures to compare with were not measured. */
function cold({ cells, cold: first }: Findings): string[] {
  const load = first[0]?.load ?? '';
  const names = [...new Set(first.map(({ peer }) => peer))];
  const warm = new Map(summarize(cells, load, names, BASE).map((one) => [one.peer, one.cpuUs]));
  const rows = first.flatMap(({ peer, cpuUs }) => {
    const warmUs = warm.get(peer) ?? null;
    if (cpuUs === null || warmUs === null) return [];
    return [row([peer, integer(cpuUs.total), integer(warmUs), (cpuUs.total / warmUs).toFixed(2)])];
  });
  if (rows.length === 0) return [];
  return [
    '## cold',
    '',
    `The first second of ${load} that each peer got, beside the median of its rounds: what compiling the code costs once.`,
    '',
    row(['peer', 'cold CPU µs/request', 'warm', 'cold × warm']),
    row(['---', '---', '---', '---']),
    ...rows,
    '',
  ];
}

function idleStreams(idle: IdleStreams): string[] {
  const { streams, warm, held, after, finished, problems } = idle;
  const errors = Object.entries(problems).map(([kind, count]) => `${count} ${kind}`);
  const both = ({ resident, live }: Memory): string => `${integer(resident)} / ${integer(live)}`;
  const line = (name: string, before: Memory, time: 0 | 1): string =>
    row([name, both(before), both(held[time]), integer(residentKbOfStream(idle, time)), both(after[time])]);
  return [
    '## idle-streams',
    '',
    `${integer(streams)} streams through \`target\` that have begun and then say nothing, requests of ` +
      `${idle.requestBodyBytes / 1024} KB; released, and the same again. Read when all garbage is collected.`,
    '',
    row(['resident / live', 'before MB', 'held MB', 'a stream KB', 'after MB']),
    row(['---', '---', '---', '---', '---']),
    line('first', warm, 0),
    line('again', after[0], 1),
    '',
    `Of ${integer(streams * 2)} streams ${integer(finished)} ended whole; errors: ${errors.join(', ') || '0'}.`,
    '',
    ...WHAT_STAYS,
  ];
}

const WHAT_STAYS = [
  'Live is what is in use: objects of JavaScript and their buffers. Resident memory stays above it because the C library',
  'keeps what was freed: the streams are released at once, their answers pass through tens of megabytes of buffers, and one',
  'small block near the end of its heap holds all below it back, as chance will have it. Made to give it back',
  '(`malloc_trim` called with a debugger), a gateway that had 257 MB after such streams had 99, one that had 173 MB after',
  '30,000 of them had 102; both had 84 at their start. What comes later is put there again, so the second time must not end',
  'above the first.',
];

function starts(all: readonly Start[]): string[] {
  const show = (values: readonly number[]): string => {
    const found = spread(values);
    return found ? `${integer(found.median)} (${integer(found.low)}–${integer(found.high)})` : '–';
  };
  return [
    '## start',
    '',
    'From the start of the process until `/readyz` says yes, and resident memory when it has come to rest.',
    '',
    row(['variant', 'starts', 'ready after ms', 'idle RSS MB']),
    row(['---', '---', '---', '---']),
    ...(['target', 'tracing'] as const).map((variant) => {
      const own = all.filter((start) => start.variant === variant);
      const [ready, idle] = [own.map(({ readyMs }) => readyMs), own.map(({ idleMb }) => idleMb)];
      return row([variant, String(own.length), show(ready), show(idle)]);
    }),
  ];
}

const HOW_TO_READ = ['## How to read this', ''];

const OF_WARM_CODE = [
  '- Figures are of warm code: until a process has answered some thousand requests, half of what it spends goes into',
  '  compiling its own code. The warm-up has one rule for all; what a peer costs before it stands under "cold".',
];

const CAVEATS = [
  '- CPU is user and system time of the whole process, worker threads and children included, divided by complete answers.',
  '  It counts what is done after the answer too: each cell waits until the process is idle.',
  '- A ratio or a difference is taken within a round and then the median over the rounds, with the lowest and the highest.',
  '  Who is measured twice in a round counts with the mean of both.',
  '  Ratios carry over to other machines roughly; microseconds, answers a second and milliseconds do not, and they move',
  '  with whatever else runs there.',
  '- Where connections are kept busy, the first byte waits behind other requests: its time shows the queue. In paced',
  '  streams and with one client alone it shows the way.',
  '- An answer counts only when it was complete and right: to the byte where it is relayed, by the text of every event and',
  '  its ending where the peer writes it anew. Everything else is an error, by kind; a stream cut short is a `short answer`.',
  "- An event's delay is from its making in the upstream to its arrival at the client, by the time stamp it carries.",
  '- Loop delay is what the gateway itself says of its event loop, less the 10 ms between two looks.',
  '- Published is the share of exchanges that reached the bus. Under 100 % the gateway shed copies, on purpose, and so',
  '  spent less: compare such a row with care.',
  '- Generator, upstream and Redis share what the process under test leaves free. All talk over the loopback without TLS.',
];
