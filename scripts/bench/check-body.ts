// Whether an answer is the right one. What is only relayed must be the same to the byte; what was converted or written
// anew must hold every event's text and end as a message does. Events that carry their time of making are reported.
import { STAMP_DIGITS, STAMP_MARK } from './bodies.ts';

export interface BodyCheck {
  begin(): void;
  push(part: Buffer): void;
  /** What is wrong with the body; null = nothing. */
  end(): string | null;
}

/** A stamped event is there whole. */
export type OnEvent = (madeAtUs: number) => void;

export interface ExpectedBytes {
  readonly payload: Buffer;
  /** Where events end and where their stamps are; null = there are none to report. */
  readonly events: { readonly ends: readonly number[]; readonly stamps: readonly number[] } | null;
}

export function checkBytes({ payload, events }: ExpectedBytes, onEvent: OnEvent): BodyCheck {
  const got = Buffer.alloc(payload.length);
  let length = 0;
  let event = 0;
  /** Reports the stamps of events that are whole and blanks them, so that the rest can be compared. */
  const takeStamps = (): void => {
    if (!events) return;
    for (; event < events.ends.length && (events.ends[event] ?? 0) <= length; event++) {
      const at = events.stamps[event] ?? -1;
      if (at === -1) continue;
      onEvent(Number(got.toString('latin1', at, at + STAMP_DIGITS)));
      got.fill('0', at, at + STAMP_DIGITS, 'latin1');
    }
  };
  return {
    begin: () => {
      length = 0;
      event = 0;
    },
    push: (part) => {
      part.copy(got, length);
      length += part.length;
      takeStamps();
    },
    end: () => {
      if (length < payload.length) return 'short answer';
      return length === payload.length && got.equals(payload) ? null : 'wrong bytes';
    },
  };
}

export interface ExpectedText {
  /** Stamps that must be there, one each event. */
  readonly stamps: number;
  readonly reportsStamps: boolean;
  /** What must be in the body besides. */
  readonly text: string;
}

const MARK = STAMP_MARK.charCodeAt(0);
const ROOM = 256 * 1024;

export function checkText({ stamps, reportsStamps, text }: ExpectedText, onEvent: OnEvent): BodyCheck {
  let got = Buffer.alloc(ROOM);
  let length = 0;
  let scanned = 0;
  let seen = 0;
  const scan = (): void => {
    for (;;) {
      const at = got.subarray(0, length).indexOf(MARK, scanned);
      const end = at + 1 + STAMP_DIGITS;
      scanned = at === -1 ? length : at;
      if (at === -1 || end > length) return;
      scanned = end;
      const digits = got.toString('latin1', at + 1, end);
      if (!/^\d+$/.test(digits)) continue;
      seen++;
      if (reportsStamps) onEvent(Number(digits));
    }
  };
  return {
    begin: () => {
      length = 0;
      scanned = 0;
      seen = 0;
    },
    push: (part) => {
      if (length + part.length > got.length) got = Buffer.concat([got, Buffer.alloc(got.length + part.length)]);
      part.copy(got, length);
      length += part.length;
      if (stamps > 0) scan();
    },
    end: () => {
      if (seen < stamps) return 'short answer';
      return seen === stamps && got.subarray(0, length).includes(text) ? null : 'wrong text';
    },
  };
}
