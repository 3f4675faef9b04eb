// What the command line asks of the bench. A name that nobody has is answered with those that there are.
import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { LOADS, type Load } from './loads.ts';
import { PEER_NAMES, type PeerName, QUICK_PEERS, USUAL_PEERS } from './peer-list.ts';
import { WARM, type WarmUp } from './warm-up.ts';

export interface Options {
  readonly rounds: number;
  readonly seconds: number;
  readonly warmUp: WarmUp;
  /** A look: its figures are of code that is not compiled yet. */
  readonly isQuick: boolean;
  readonly loads: readonly Load[];
  readonly peers: readonly PeerName[];
  /** Of `bare` and of each gateway of ours that a goal speaks of. */
  readonly processes: number;
  /** Streams held at once; 0 = none are. */
  readonly idleStreams: number;
  /** Starts of each variant; 0 = none. */
  readonly starts: number;
  /** File to write; null = only printed. */
  readonly page: string | null;
}

/** The caller asked for what does not exist. */
export class UsageError extends Error {}

export const HELP = `npm run bench -- [options]
  --quick            a look of under two minutes at cold code, only printed: fewer peers and loads, one round
  --peers NAMES      comma-separated, or all: ${PEER_NAMES.join(', ')}
  --loads NAMES      comma-separated, or all: ${[...LOADS.map(({ name }) => name), 'idle-streams', 'start'].join(', ')}
  --rounds N         default 7
  --processes N      of bare and of our gateways, in turn; default 1
  --seconds N        length of each load, default 1
  --idle-streams N   how many are held, default 5000
  --out FILE         where the page goes, default docs/evidence/bench.md
`;

const SCENARIOS = ['idle-streams', 'start'] as const;
const QUICK_LOADS: readonly string[] = ['json-1k', 'burst-100k', 'paced', 'start'];
const STREAMS = 5000;
const STARTS = 5;
const PROCESSES = 1;

/** @throws UsageError; null = help was asked for */
export function readOptions(args: readonly string[], page: string): Options | null {
  const values = parse(args);
  if (values.help) return null;
  const { quick } = values;
  const seconds = positive('seconds', values.seconds ?? '1');
  const all = [...LOADS.map(({ name }) => name), ...SCENARIOS];
  const loads = choose('load', values.loads, all, quick ? QUICK_LOADS : all);
  const processes = positive('processes', values.processes ?? String(PROCESSES));
  if (!Number.isInteger(processes)) throw new UsageError(`--processes ${processes} must be a whole number`);
  const idle = positive('idle-streams', values['idle-streams'] ?? String(STREAMS));
  return {
    rounds: positive('rounds', values.rounds ?? (quick ? '1' : '7')),
    seconds,
    warmUp: quick ? { answers: 1, limitSeconds: seconds, eachSeconds: seconds / 4 } : WARM,
    isQuick: quick,
    loads: LOADS.filter(({ name }) => loads.includes(name)),
    peers: choose('peer', values.peers, PEER_NAMES, quick ? QUICK_PEERS : USUAL_PEERS),
    processes,
    idleStreams: loads.includes('idle-streams') ? idle : 0,
    starts: loads.includes('start') ? (quick ? 1 : STARTS) : 0,
    page: values.out ? resolve(values.out) : quick ? null : page,
  };
}

function parse(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      options: {
        help: { type: 'boolean', default: false },
        quick: { type: 'boolean', default: false },
        rounds: { type: 'string' },
        seconds: { type: 'string' },
        processes: { type: 'string' },
        loads: { type: 'string' },
        peers: { type: 'string' },
        'idle-streams': { type: 'string' },
        out: { type: 'string' },
      },
    }).values;
  } catch (cause) {
    throw new UsageError(cause instanceof Error ? cause.message : String(cause), { cause });
  }
}

function positive(name: string, text: string): number {
  const value = Number(text);
  if (!(value > 0 && value < Number.POSITIVE_INFINITY))
    throw new UsageError(`--${name} ${text} must be a number above 0`);
  return value;
}

/** In the order in which they are known. */
function choose<T extends string>(
  kind: string,
  asked: string | undefined,
  known: readonly T[],
  usual: readonly T[],
): T[] {
  if (asked === undefined) return known.filter((name) => usual.includes(name));
  if (asked === 'all') return [...known];
  const names = asked.split(',').map((name) => name.trim());
  const stranger = names.find((name) => !known.some((one) => one === name));
  if (stranger !== undefined) {
    throw new UsageError(`no ${kind} is called "${stranger}"; there are ${known.join(', ')}`);
  }
  return known.filter((name) => names.includes(name));
}
