// What bounds a bus, alike for both adapters, and the defaults.
import type { Group } from './bus.ts';

export interface BusLimits {
  /** Entries kept in the stream; the oldest leave first and are booked as trimmed where they were not settled. */
  maxLen: number;
  /** How long a body and the memory of its id live. */
  bodyTtlSecs: number;
  /** A larger body is refused (`dropped_size`). */
  bodyMaxBytes: number;
  /** Sum of all bodies held; beyond it a body is refused (`dropped_size`). */
  redisBytesMax: number;
  /**
   * While bodies take no more than this share of that sum they come as they are, because bytes are cheaper than
   * compression; 0 = each is compressed.
   */
  plainShare: number;
  /** How long a turn counts as already enqueued. */
  turnTtlSecs: number;
}

export const DEFAULT_BUS_LIMITS: BusLimits = {
  maxLen: 5000,
  bodyTtlSecs: 1800,
  bodyMaxBytes: 16 * 1024 * 1024,
  redisBytesMax: 1024 * 1024 * 1024,
  plainShare: 1 / 4,
  turnTtlSecs: 3600,
};

export function isRoomFor(bodyBytes: number, heldBytes: number, limits: BusLimits): boolean {
  return bodyBytes <= limits.bodyMaxBytes && heldBytes + bodyBytes <= limits.redisBytesMax * limits.plainShare;
}

/** Dead letters kept for people to look at; older ones stay counted. */
export const DEAD_LETTERS_KEPT = 500;

/** A consumer that was silent for so long and owns nothing is forgotten. */
export const CONSUMER_IDLE_MS = 3_600_000;

/** Told about what the bus survived but an operator should know. Must not throw. */
export type OnTrouble = (what: string, cause?: unknown) => void;

/** What one entry counts for in a group: planned pairs in `compare`, one exchange in `history`. */
export function weightOf(group: Group, pairs: number): number {
  return group === 'history' ? 1 : pairs;
}
