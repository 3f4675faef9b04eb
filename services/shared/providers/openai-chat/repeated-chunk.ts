// Most events of a stream differ from the one before in nothing but a piece of text. Where that is so, the piece is cut out
// and the rest, which has been read once, is not read again.
import { type Fields, fieldsOf, isFields, listOf, parseJson } from '../fields.ts';

export interface RepeatedChunk {
  /** The piece of text, when all else is as in the event that was kept; null = it has to be read. */
  read(data: string): string | null;
  /** An event as it was read. Kept when it says nothing but a piece of text. */
  keep(data: string, root: Fields): void;
}

/** Some servers change more from event to event: it is not tried for ever. */
const MOST_TRIES = 4;
const PROBE = 'probe';
/** Stands in a JSON string as it is. */
const PLAIN = /^[ !#-[\]-\uffff]*$/;

export function createRepeatedChunk(): RepeatedChunk {
  let before = '';
  let after = '';
  let tries = 0;
  return {
    read(data) {
      if (before === '' || data.length < before.length + after.length) return null;
      const end = data.length - after.length;
      // A slice that is compared costs a fourth of `startsWith`.
      if (data.slice(0, before.length) !== before || data.slice(end) !== after) return null;
      const piece = data.slice(before.length, end);
      if (PLAIN.test(piece)) return piece;
      const text = parseJson(`"${piece}"`);
      return typeof text === 'string' ? text : null;
    },
    keep(data, root) {
      if (tries >= MOST_TRIES) return;
      const text = onlyText(root);
      if (text === null || text === '') return;
      tries++;
      const mark = `"content":${JSON.stringify(text)}`;
      const at = data.indexOf(mark);
      if (at === -1) return;
      const end = at + mark.length - 1;
      const start = at + '"content":"'.length;
      // The same words may stand elsewhere: another text in this place must be read as another text.
      const probe = parseJson(data.slice(0, start) + PROBE + data.slice(end));
      if (!isFields(probe) || onlyText(probe) !== PROBE) return;
      before = data.slice(0, start);
      after = data.slice(end);
    },
  };
}

const OF_ROOT: ReadonlySet<string> = new Set([
  'id',
  'object',
  'created',
  'model',
  'system_fingerprint',
  'service_tier',
]);

/** The text of an event that says nothing else, not even that something is over; null of any other. */
function onlyText(root: Fields): string | null {
  const { choices, ...rest } = root;
  const [choice, ...others] = listOf(choices);
  if (others.length > 0 || !holdsOnly(rest, OF_ROOT)) return null;
  const { index, delta, ...more } = fieldsOf(choice);
  if ((index ?? 0) !== 0 || !holdsOnly(more) || !isFields(delta)) return null;
  const { role, content, ...besides } = delta;
  return typeof content === 'string' && holdsOnly(besides) ? content : null;
}

function holdsOnly(fields: Fields, names: ReadonlySet<string> = new Set()): boolean {
  return Object.entries(fields).every(
    ([name, value]) => value === null || (names.has(name) && typeof value !== 'object'),
  );
}
