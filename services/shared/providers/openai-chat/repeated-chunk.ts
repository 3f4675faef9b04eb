// Most events of a stream differ from the one before in nothing but a piece of text, of thinking or of a call's arguments.
// Where that is so, the piece is cut out and the rest, which has been read once, is not read again.
import type { ProseKind } from '#shared/messages/message-writer.ts';
import { createEventFrame, type EventFrame } from '#shared/simd/copy-pieces.ts';
import { type Fields, fieldsOf, isFields, listOf, parseJson } from '../fields.ts';

export interface RepeatedChunk {
  /** The delta, when all but its piece is as in the event that was kept; null = the event has to be read. */
  read(data: string): Fields | null;
  /** What stands around the piece in a stream, for who cuts it out there; null where it cannot be. */
  readonly frame: EventFrame | null;
  /** null = the piece is one of arguments. */
  readonly kind: ProseKind | null;
  /** It was found in the stream again. */
  confirm(): void;
  /** A piece in its delta. */
  toDelta(text: string): Fields;
  /** An event as it was read. Kept when it says nothing but one piece. */
  keep(data: string, root: Fields): void;
}

/** Some servers change more from event to event: it is not tried for ever. */
const MOST_TRIES = 4;
const EVENT_END = '\n\n';
/** Stands in a JSON string as it is. */
const PLAIN = /^[ !#-[\]-\uffff]*$/;

/** The only thing that an event says. */
interface Piece {
  text: string;
  /** Of the member that holds it. */
  name: string;
  /** What the reader would find, were it another text. */
  toDelta(text: string): Fields;
}

export function createRepeatedChunk(): RepeatedChunk {
  let before = '';
  let after = '';
  let toDelta: Piece['toDelta'] = () => ({});
  let tries = 0;
  const toText = (piece: string): string | null => {
    const text = PLAIN.test(piece) ? piece : parseJson(`"${piece}"`);
    if (typeof text !== 'string') return null;
    tries = 0;
    return text;
  };
  const repeated = {
    frame: null as EventFrame | null,
    kind: null as ProseKind | null,
    toDelta: (text: string): Fields => toDelta(text),
    confirm: (): void => {
      tries = 0;
    },
    read(data: string): Fields | null {
      if (before === '' || data.length < before.length + after.length) return null;
      const pieceEnd = data.length - after.length;
      // A slice that is compared costs a fourth of `startsWith`.
      if (data.slice(0, before.length) !== before || data.slice(pieceEnd) !== after) return null;
      const text = toText(data.slice(before.length, pieceEnd));
      return text === null ? null : toDelta(text);
    },
    keep(data: string, root: Fields): void {
      if (tries >= MOST_TRIES) return;
      const piece = onlyPiece(root);
      if (piece === null || piece.text === '') return;
      tries++;
      const start = data.indexOf(`"${piece.name}":${JSON.stringify(piece.text)}`) + piece.name.length + '"":"'.length;
      const textEnd = start + JSON.stringify(piece.text).length - '""'.length;
      // The same words may stand elsewhere: another text in this place must be read as another text.
      const other = piece.text === 'a' ? 'b' : 'a';
      const probe = onlyPiece(fieldsOf(parseJson(data.slice(0, start) + other + data.slice(textEnd))));
      if (probe?.name !== piece.name || probe.text !== other) return;
      before = data.slice(0, start);
      after = data.slice(textEnd);
      toDelta = piece.toDelta;
      repeated.kind = PROSE[piece.name] ?? null;
      // Of data in several lines each has its own mark in the stream.
      repeated.frame = data.includes('\n') ? null : createEventFrame(`data: ${before}`, `${after}${EVENT_END}`);
    },
  };
  return repeated;
}

const OF_ROOT: ReadonlySet<string> = new Set([
  'id',
  'object',
  'created',
  'model',
  'system_fingerprint',
  'service_tier',
]);
const OF_DELTA: ReadonlySet<string> = new Set(['role']);
const OF_CALL: ReadonlySet<string> = new Set(['index', 'type']);
const NONE: ReadonlySet<string> = new Set();
const PROSE: Record<string, ProseKind> = { content: 'text', reasoning_content: 'thinking', reasoning: 'thinking' };
const NAMES = Object.keys(PROSE);

/** Null of an event that says more, were it only that something is over. */
function onlyPiece(root: Fields): Piece | null {
  const { choices, ...rest } = root;
  const [choice, ...others] = listOf(choices);
  if (others.length > 0 || !holdsOnly(rest, OF_ROOT)) return null;
  const { index, delta, ...more } = fieldsOf(choice);
  if ((index ?? 0) !== 0 || !holdsOnly(more, NONE) || !isFields(delta)) return null;
  if (delta.tool_calls !== undefined && delta.tool_calls !== null) return onlyArguments(delta);
  const name = NAMES.find((one) => typeof delta[one] === 'string') ?? '';
  const { [name]: text, ...besides } = delta;
  if (typeof text !== 'string' || !holdsOnly(besides, OF_DELTA)) return null;
  return { text, name, toDelta: (other) => ({ [name]: other }) };
}

function onlyArguments({ tool_calls: calls, ...besides }: Fields): Piece | null {
  const [entry, ...others] = listOf(calls);
  if (others.length > 0 || !holdsOnly(besides, OF_DELTA)) return null;
  const { function: called, ...rest } = fieldsOf(entry);
  const { arguments: text, ...more } = fieldsOf(called);
  if (typeof text !== 'string' || !holdsOnly(rest, OF_CALL) || !holdsOnly(more, NONE)) return null;
  const toDelta = (other: string): Fields => ({ tool_calls: [{ ...rest, function: { arguments: other } }] });
  return { text, name: 'arguments', toDelta };
}

/** Besides nulls. */
function holdsOnly(fields: Fields, names: ReadonlySet<string>): boolean {
  for (const name of Object.keys(fields)) {
    const value = fields[name];
    if (value !== null && (!names.has(name) || typeof value === 'object')) return false;
  }
  return true;
}
