// The items of a response while they grow, told apart by their place in the output: behind some servers ids rotate, are
// empty or differ between an item and its deltas.
import { type Fields, numberOf, textOf } from '../fields.ts';

export interface OutputItem {
  type: string;
  /** Place in the output. */
  key: number;
  id: string;
  isDone: boolean;
  /** What was written of it, by kind and part. */
  written: Map<string, string>;
  /** A call has been handed to the writer. */
  isStarted: boolean;
  callId: string;
  name: string;
}

export interface OutputItems {
  /** The item at a place or of a call, made when it is new; without a place it comes after all others. */
  open(fields: Fields, place: number | null): OutputItem;
  /** Whose event it is: by place, else by id, else the newest item of the kind that is still open. */
  find(event: Fields, type: string): OutputItem;
  all(): OutputItem[];
}

export function createOutputItems(): OutputItems {
  const items = new Map<number, OutputItem>();
  const open = (fields: Fields, place: number | null): OutputItem => {
    const callId = textOf(fields.call_id);
    // One call at two places is one call: of a second one the tool would run twice.
    const same = callId === '' ? undefined : [...items.values()].find((item) => item.callId === callId);
    const key = same?.key ?? place ?? Math.max(-1, ...items.keys()) + 1;
    const item = items.get(key) ?? {
      ...{ type: textOf(fields.type), key, id: textOf(fields.id), isDone: false, isStarted: false },
      ...{ written: new Map<string, string>(), callId: '', name: '' },
    };
    items.set(key, item);
    item.callId ||= callId;
    item.name ||= textOf(fields.name);
    return item;
  };
  return {
    open,
    find: (event, type) => {
      const place = numberOf(event.output_index);
      const id = textOf(event.item_id);
      const known = [...items.values()];
      const found =
        place !== null
          ? items.get(place)
          : (known.find((item) => id !== '' && item.id === id) ??
            known.findLast((item) => item.type === type && !item.isDone));
      return found ?? open({ type, id }, place);
    },
    all: () => [...items.values()],
  };
}

export function partKey(kind: string, index: unknown): string {
  return `${kind} ${numberOf(index) ?? 0}`;
}

/** Notes a delta of a part. */
export function addWritten(item: OutputItem, part: string, delta: string): void {
  item.written.set(part, (item.written.get(part) ?? '') + delta);
}

/** What a final text has beyond what was written of that part; nothing when it differs. */
export function restOf(item: OutputItem, part: string, whole: string): string {
  const written = item.written.get(part) ?? '';
  return whole.length > written.length && whole.startsWith(written) ? whole.slice(written.length) : '';
}
