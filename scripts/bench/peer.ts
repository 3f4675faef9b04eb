// What a peer is to the bench once it runs.
import type { Address } from './client-view.ts';
import type { PeerName } from './peer-list.ts';

export interface Peer {
  readonly name: PeerName;
  readonly to: Address;
  /** null = nobody is between generator and upstream. */
  readonly pid: number | null;
  /** Name and version, where it is not ours. */
  readonly version: string | null;
  /** What it puts on the bus for each request; null = nothing. */
  readonly publishes: 'pair' | 'exchange' | null;
  /** The process's counters since the start; reading them begins a new measurement of its loop. Null = it has none. */
  counters(): Promise<Counters | null>;
}

/** Why a peer is not there. */
export interface MissingPeer {
  readonly name: PeerName;
  readonly problem: string;
}

export interface Counters {
  /** Planned pairs that reached the bus. */
  pairs: number;
  /** Exchanges that did not. */
  lost: number;
  /** Spans that were not exported. */
  spansLost: number;
  /** 99th percentile of the event loop's delay since it was read before. */
  loopDelayP99Ms: number;
}

export function isPresent(peer: Peer | MissingPeer): peer is Peer {
  return 'to' in peer;
}

export function isMissing(peer: Peer | MissingPeer): peer is MissingPeer {
  return !isPresent(peer);
}
