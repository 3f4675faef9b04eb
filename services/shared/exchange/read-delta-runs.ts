// A recorded Anthropic stream → its events, where deltas of one kind that follow each other in one block are a single
// delta with all their text. They add up to the same message and break the same rules at a fraction of the cost: deltas
// are checked as they stand, and become text once a run or, where nobody reads it, not at all. Only for streams written
// the way Anthropic writes them; all others are left to the reader.

import type { StreamEvent } from '#shared/messages/accumulate-message.ts';
import { free } from './free.ts';

export interface DeltaRun {
  /** The stream's own name of the event. */
  name: string;
  event: StreamEvent;
  /** When its first event was whole, and its last. */
  firstMs: number;
  lastMs: number;
}

interface Chunk {
  readonly bytes: Buffer;
  readonly atMs: number;
}

/** `tools`: of text and thinking a run only shows whether there is any, by one letter in its place. */
export type ReadTexts = 'all' | 'tools';

/** The reader takes no longer events. */
const LONGEST_STREAM = 16 * 1024 * 1024;

/** null when any part of the stream is written otherwise. */
export function readDeltaRuns(chunks: readonly Chunk[], texts: ReadTexts = 'all'): DeltaRun[] | null {
  if (chunks.reduce((sum, { bytes }) => sum + bytes.length, 0) > LONGEST_STREAM) return null;
  try {
    return new RunReader(chunks, texts).read();
  } catch (error) {
    // More escapes in one event than a pattern can go back over.
    if (error instanceof OtherStyle || error instanceof RangeError) return null;
    throw error;
  }
}

/** The stream is written in a way that only the reader knows. */
class OtherStyle extends Error {}

/** When the byte before a place had come. Places must come in order. */
type Times = (place: number) => number;

function createTimes(chunks: readonly Chunk[]): Times {
  let index = 0;
  let end = chunks[0]?.bytes.length ?? 0;
  return (place) => {
    while (end < place && index + 1 < chunks.length) end += chunks[++index]?.bytes.length ?? 0;
    return chunks[index]?.atMs ?? 0;
  };
}

/** One event: a line for its name, a line for its data. */
const PLAIN_EVENT = /event: (\w+)\ndata: (\{[^\r\n]*\})\n\n/y;
const BEYOND_ASCII = /[\u0080-\u00ff]/;
const EVENT_END = '\n\n';
const DELTA = 'content_block_delta';
const HEAD = ['event: ', DELTA, '\ndata: {"type":"', DELTA, '","index":'].join('');
const QUOTE = 0x22;
const COMMA = ',';

interface DeltaKind {
  type: string;
  field: string;
  /** Between the index and the text. */
  middle: string;
  /** Events of one block that follow each other; of a long run the first of them. */
  run: RegExp;
}

function createKind(type: string, field: string): DeltaKind {
  const middle = `,"delta":{"type":"${type}","${field}":"`;
  const text = String.raw`[^"\\\x00-\x1f]*(?:\\(?:["\\/bfnrt]|u[\da-fA-F]{4})[^"\\\x00-\x1f]*)*`;
  // Anthropic pads its events between the braces.
  const event = (index: string): string => `${literal(HEAD)}${index}${literal(middle)}${text}"\\} *\\}\\n\\n`;
  return { type, field, middle, run: new RegExp(`${event('(0|[1-9]\\d{0,5})')}(?:${event('\\1')}){0,255}`, 'y') };
}

function literal(text: string): string {
  return text.replace(/[{}]/g, '\\$&');
}

const KINDS: readonly DeltaKind[] = [
  createKind('text_delta', 'text'),
  createKind('input_json_delta', 'partial_json'),
  createKind('thinking_delta', 'thinking'),
];

interface OpenRun {
  kind: DeltaKind;
  index: number;
  isRead: boolean;
  /** Their texts, as JSON without quotes; none where it is not read. */
  texts: string[];
  hasText: boolean;
  firstMs: number;
  /** Where its last event ends. */
  end: number;
}

class RunReader {
  /** A character a byte. */
  readonly #text: string;
  readonly #timeAt: Times;
  readonly #texts: ReadTexts;
  readonly #runs: DeltaRun[] = [];
  #at = 0;
  #run: OpenRun | null = null;

  constructor(chunks: readonly Chunk[], texts: ReadTexts) {
    this.#text = textOf(chunks);
    this.#timeAt = createTimes(chunks);
    this.#texts = texts;
  }

  read(): DeltaRun[] {
    while (this.#readDeltas() || this.#readEvent());
    this.#closeRun();
    // What is left is an event that was cut off, unless one ends in it.
    if (/\r|\n\n/.test(this.#text.slice(this.#at))) throw new OtherStyle();
    return this.#runs;
  }

  #readDeltas(): boolean {
    const indexAt = this.#at + HEAD.length;
    const indexEnd = this.#text.indexOf(COMMA, indexAt);
    const kind = KINDS.find(({ middle }) => this.#text.startsWith(middle, indexEnd));
    if (!kind) return false;
    kind.run.lastIndex = this.#at;
    if (!kind.run.test(this.#text)) return false;
    const end = kind.run.lastIndex;
    const index = Number(this.#text.slice(indexAt, indexEnd));
    if (this.#run?.kind !== kind || this.#run.index !== index) this.#openRun(kind, index);
    if (this.#run) this.#addDeltas(this.#run, indexEnd + kind.middle.length - this.#at, end);
    return true;
  }

  /** All events up to `end` begin with as many bytes before their text. */
  #addDeltas(run: OpenRun, headLength: number, end: number): void {
    while (this.#at < end && (run.isRead || !run.hasText)) {
      const start = this.#at + headLength;
      run.hasText ||= this.#text.charCodeAt(start) !== QUOTE;
      this.#at = this.#text.indexOf(EVENT_END, start) + EVENT_END.length;
      if (run.isRead) run.texts.push(decode(this.#text.slice(start, this.#text.lastIndexOf('"', this.#at))));
    }
    this.#at = end;
    run.end = end;
  }

  #openRun(kind: DeltaKind, index: number): void {
    this.#closeRun();
    const isRead = this.#texts === 'all' || kind.field === 'partial_json';
    const firstMs = this.#timeAt(this.#text.indexOf(EVENT_END, this.#at) + EVENT_END.length);
    this.#run = { kind, index, isRead, texts: [], hasText: false, firstMs, end: this.#at };
  }

  #closeRun(): void {
    if (this.#run === null) return;
    const { kind, index, isRead, texts, hasText, firstMs, end } = this.#run;
    this.#run = null;
    const text = isRead ? parse(`"${texts.join('')}"`) : hasText ? '-' : '';
    if (typeof text !== 'string') throw new OtherStyle();
    const event = { type: DELTA, index, delta: { type: kind.type, [kind.field]: text } };
    this.#runs.push({ name: event.type, event, firstMs, lastMs: this.#timeAt(end) });
  }

  /** Any event, a delta written otherwise too. */
  #readEvent(): boolean {
    PLAIN_EVENT.lastIndex = this.#at;
    const [, name = '', data = ''] = PLAIN_EVENT.exec(this.#text) ?? [];
    if (name === '') return false;
    this.#closeRun();
    this.#at = PLAIN_EVENT.lastIndex;
    const event = parse(decode(data));
    if (!isEvent(event)) throw new OtherStyle();
    const atMs = this.#timeAt(this.#at);
    this.#runs.push({ name, event, firstMs: atMs, lastMs: atMs });
    return true;
  }
}

/** @param text a character a byte */
function decode(text: string): string {
  return BEYOND_ASCII.test(text) ? Buffer.from(text, 'latin1').toString('utf8') : text;
}

/** A character a byte. */
function textOf(chunks: readonly Chunk[]): string {
  const [first] = chunks;
  if (chunks.length === 1 && first) return first.bytes.toString('latin1');
  const bytes = Buffer.allocUnsafeSlow(chunks.reduce((sum, chunk) => sum + chunk.bytes.length, 0));
  let at = 0;
  for (const chunk of chunks) at += chunk.bytes.copy(bytes, at);
  const text = bytes.toString('latin1');
  free(bytes);
  return text;
}

function isEvent(value: unknown): value is StreamEvent {
  return typeof value === 'object' && value !== null && 'type' in value && typeof value.type === 'string';
}

/** undefined when it is no JSON. */
function parse(json: string): unknown {
  try {
    return JSON.parse(json);
  } catch {
    return undefined;
  }
}
