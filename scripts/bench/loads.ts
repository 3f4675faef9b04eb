// The loads: what is asked, how often, and what comes back.
import type { AnswerKind } from './bodies.ts';

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
  readonly doc: string;
}

const CONNECTIONS = 8;
const STREAMS_PER_SECOND = 32;
const BURSTS_PER_SECOND = 150;

export const LOADS: readonly Load[] = [
  {
    name: 'json-1k',
    answer: 'json',
    requestBodyBytes: 1024,
    pressure: { connections: CONNECTIONS },
    doc: `1 KB in, 1 KB of JSON out, ${CONNECTIONS} connections: the fixed cost of a request`,
  },
  {
    name: 'json-100k',
    answer: 'json',
    requestBodyBytes: 100 * 1024,
    pressure: { connections: CONNECTIONS },
    doc: `100 KB in, 1 KB of JSON out, ${CONNECTIONS} connections: the cost of bytes in`,
  },
  {
    name: 'burst-100k',
    answer: 'burst',
    requestBodyBytes: 100 * 1024,
    pressure: { connections: CONNECTIONS },
    doc: `100 KB in, 200 events out at once, ${CONNECTIONS} connections: the cost of the code for each event`,
  },
  {
    name: 'open-burst',
    answer: 'burst',
    requestBodyBytes: 100 * 1024,
    pressure: { perSecond: BURSTS_PER_SECOND, arrivals: 'random' },
    doc: `the same, ${BURSTS_PER_SECOND} requests a second at random times: nobody waits for the answer before`,
  },
  {
    name: 'paced',
    answer: 'paced',
    requestBodyBytes: 100 * 1024,
    pressure: { perSecond: STREAMS_PER_SECOND, arrivals: 'even' },
    doc: `100 KB in, 200 events out at 5 ms, ${STREAMS_PER_SECOND} streams begun a second: what users have`,
  },
];

/** @throws when there is no load of that name */
export function findLoad(name: string): Load {
  const load = LOADS.find((candidate) => candidate.name === name);
  if (!load) throw new Error(`no load is called ${name}; there are ${LOADS.map((known) => known.name).join(', ')}`);
  return load;
}
