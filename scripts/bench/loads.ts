// The loads: what is asked, how often, what comes back, and whom it is asked of.
import type { AnswerKind } from './bodies.ts';
import { type PeerName, SLOW_PEERS } from './peer-list.ts';

export interface Load {
  readonly name: string;
  readonly answer: AnswerKind;
  readonly requestBodyBytes: number;
  /**
   * `connections`: the next request as soon as the answer is there. `perSecond`: whether or not answers are there;
   * `random` = at times that know nothing of each other.
   */
  readonly pressure:
    | { readonly connections: number }
    | { readonly perSecond: number; readonly arrivals: 'even' | 'random' };
  /** How many times as long as others it lasts: few requests a second are few figures. */
  readonly lasts: number;
  /**
   * How much of that goes before, uncounted: to wake after a rest, or after another load, is no cost of a request. 0 = its
   * senders rest themselves.
   */
  readonly leadIn: number;
  /** No goal speaks of it: a few figures are enough. */
  readonly isSeldom: boolean;
  readonly asks: (peer: PeerName) => boolean;
  readonly doc: string;
}

const KB = 1024;
const CONNECTIONS = 8;
const STREAMS_PER_SECOND = 32;
const BURSTS_PER_SECOND = 150;
const LARGE_PER_SECOND = 20;

const everyone = (): boolean => true;
/** Those that cannot keep up with an open load would only show their queue. */
const quickOnes = (peer: PeerName): boolean => !SLOW_PEERS.includes(peer);

export const LOADS: readonly Load[] = [
  {
    name: 'json-1k',
    answer: 'json',
    requestBodyBytes: KB,
    pressure: { connections: CONNECTIONS },
    lasts: 1,
    leadIn: 0.5,
    isSeldom: true,
    asks: everyone,
    doc: `1 KB in, 1 KB of JSON out, ${CONNECTIONS} connections: the fixed cost of a request`,
  },
  {
    name: 'json-100k',
    answer: 'json',
    requestBodyBytes: 100 * KB,
    pressure: { connections: CONNECTIONS },
    lasts: 1,
    leadIn: 0.5,
    isSeldom: true,
    asks: everyone,
    doc: `100 KB in, 1 KB of JSON out, ${CONNECTIONS} connections: the cost of bytes in`,
  },
  {
    name: 'json-1m',
    answer: 'json',
    requestBodyBytes: 1024 * KB,
    pressure: { connections: CONNECTIONS },
    lasts: 1,
    leadIn: 0.5,
    isSeldom: true,
    asks: quickOnes,
    doc: `1 MiB in, 1 KB of JSON out, ${CONNECTIONS} connections: the cost of many bytes in`,
  },
  {
    name: 'burst-100k',
    answer: 'burst',
    requestBodyBytes: 100 * KB,
    pressure: { connections: CONNECTIONS },
    lasts: 1,
    leadIn: 0.5,
    isSeldom: false,
    asks: everyone,
    doc: `100 KB in, 200 events out at once, ${CONNECTIONS} connections: the cost of the code for each event`,
  },
  {
    name: 'open-burst',
    answer: 'burst',
    requestBodyBytes: 100 * KB,
    pressure: { perSecond: BURSTS_PER_SECOND, arrivals: 'random' },
    lasts: 1,
    leadIn: 0,
    isSeldom: false,
    asks: quickOnes,
    doc: `the same, ${BURSTS_PER_SECOND} requests a second at random times: nobody waits for the answer before`,
  },
  {
    name: 'paced',
    answer: 'paced',
    requestBodyBytes: 100 * KB,
    pressure: { perSecond: STREAMS_PER_SECOND, arrivals: 'even' },
    lasts: 4,
    leadIn: 0.25,
    isSeldom: false,
    asks: everyone,
    doc: `100 KB in, 200 events out at 5 ms, ${STREAMS_PER_SECOND} streams begun a second: what users have`,
  },
  {
    name: 'single-100k',
    answer: 'burst',
    requestBodyBytes: 100 * KB,
    pressure: { connections: 1 },
    lasts: 1,
    leadIn: 0,
    isSeldom: false,
    asks: everyone,
    doc: '100 KB in, 200 events out at once, one client alone: the way without a queue',
  },
  {
    name: 'single-1m',
    answer: 'burst',
    requestBodyBytes: 1024 * KB,
    pressure: { connections: 1 },
    lasts: 1,
    leadIn: 0,
    isSeldom: false,
    asks: quickOnes,
    doc: '1 MiB in, 200 events out at once, one client alone: how long a large request is held up',
  },
  {
    name: 'open-500k',
    answer: 'burst',
    requestBodyBytes: 500 * KB,
    pressure: { perSecond: LARGE_PER_SECOND, arrivals: 'random' },
    lasts: 3,
    leadIn: 0,
    isSeldom: false,
    asks: quickOnes,
    doc: `500 KB in, 200 events out at once, ${LARGE_PER_SECOND} requests a second at random times: whether large prompts hold others up`,
  },
];

/** @throws when there is no load of that name */
export function findLoad(name: string): Load {
  const load = LOADS.find((candidate) => candidate.name === name);
  if (!load) throw new Error(`no load is called ${name}`);
  return load;
}
