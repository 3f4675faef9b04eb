// A recorded Anthropic stream → its events, where deltas of one kind that follow each other in one block are a single
// delta with all their text. They add up to the same message and break the same rules at a fraction of the cost: their
// JSON is read once a run. Only for streams written the way Anthropic writes them; all others are left to the reader.

import type { StreamEvent } from '#shared/messages/accumulate-message.ts';
import { decodeStream } from '#shared/sse/read-sse.ts';

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

/** The reader takes no longer events. */
const LONGEST_STREAM = 16 * 1024 * 1024;

/** null when any part of the stream is written otherwise. */
export function readDeltaRuns(chunks: readonly Chunk[]): DeltaRun[] | null {
  const { text, ends } = decodeStream(chunks);
  if (text.length > LONGEST_STREAM) return null;
  try {
    return new RunReader(text, createTimes(chunks, ends)).read();
  } catch (error) {
    if (error instanceof OtherStyle) return null;
    throw error;
  }
}

/** The stream is written in a way that only the reader knows. */
class OtherStyle extends Error {}

/** Places must come in order. */
type Times = (place: number) => number;

function createTimes(chunks: readonly Chunk[], ends: readonly number[]): Times {
  let chunk = 0;
  return (place) => {
    while ((ends[chunk] ?? place) < place) chunk++;
    return chunks[chunk]?.atMs ?? 0;
  };
}

/** One event: a line for its name, a line for its data. */
const PLAIN_EVENT = /event: (\w+)\ndata: (\{[^\r\n]*\})\n\n/y;
/** How a delta begins, up to its text. */
const HEAD =
  /event: content_block_delta\ndata: \{"type":"content_block_delta","index":(0|[1-9]\d{0,5}),"delta":\{"type":"(?:text_delta","text|thinking_delta","thinking|input_json_delta","partial_json)":"/y;

interface OpenRun {
  /** All its events begin with this. */
  head: string;
  /** Their texts, as JSON without quotes. */
  texts: string[];
  firstMs: number;
  /** Where its last event ends. */
  end: number;
}

class RunReader {
  readonly #text: string;
  readonly #timeAt: Times;
  readonly #runs: DeltaRun[] = [];
  #at = 0;
  #run: OpenRun | null = null;

  constructor(text: string, timeAt: Times) {
    this.#text = text;
    this.#timeAt = timeAt;
  }

  read(): DeltaRun[] {
    while (this.#readDelta() || this.#readEvent());
    this.#closeRun();
    // What is left is an event that was cut off, unless one ends in it.
    if (/\r|\n\n/.test(this.#text.slice(this.#at))) throw new OtherStyle();
    return this.#runs;
  }

  #readDelta(): boolean {
    const head = this.#headHere();
    if (head === null) return false;
    const start = this.#at + head.length;
    const lineEnd = this.#text.indexOf('\n', start);
    const end = endOfText(this.#text, lineEnd);
    if (end < start) return false;
    this.#at = lineEnd + 2;
    const text = this.#text.slice(start, end);
    if (this.#run?.head === head) this.#run.texts.push(text);
    else this.#openRun(head, text);
    if (this.#run) this.#run.end = this.#at;
    return true;
  }

  #headHere(): string | null {
    const head = this.#run?.head;
    // Four times as quick as startsWith.
    if (head !== undefined && this.#text.slice(this.#at, this.#at + head.length) === head) return head;
    HEAD.lastIndex = this.#at;
    return HEAD.exec(this.#text)?.[0] ?? null;
  }

  #openRun(head: string, text: string): void {
    this.#closeRun();
    this.#run = { head, texts: [text], firstMs: this.#timeAt(this.#at), end: this.#at };
  }

  #closeRun(): void {
    if (this.#run === null) return;
    const { head, texts, firstMs, end } = this.#run;
    this.#run = null;
    // Read as a list: each text must be a string of its own.
    const strings = parse(`["${texts.join('","')}"]`);
    if (!Array.isArray(strings) || strings.length !== texts.length) throw new OtherStyle();
    const event = parse(`${head.slice(head.indexOf('{'))}"}}`) as StreamEvent & { delta: Record<string, string> };
    const [, field = ''] = Object.keys(event.delta);
    event.delta[field] = strings.join('');
    this.#runs.push({ name: event.type, event, firstMs, lastMs: this.#timeAt(end) });
  }

  /** Any event, a delta written otherwise too. */
  #readEvent(): boolean {
    PLAIN_EVENT.lastIndex = this.#at;
    const [whole, name = '', data = ''] = PLAIN_EVENT.exec(this.#text) ?? [];
    if (whole === undefined) return false;
    this.#closeRun();
    this.#at += whole.length;
    const event = parse(data);
    if (!isEvent(event)) throw new OtherStyle();
    const atMs = this.#timeAt(this.#at);
    this.#runs.push({ name, event, firstMs: atMs, lastMs: atMs });
    return true;
  }
}

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const CLOSE_BRACE = 0x7d;
const SPACE = 0x20;
const LINE_END = 0x0a;

/** Where the text of a delta ends whose line ends at `lineEnd`; -1 when it may end elsewhere. */
function endOfText(text: string, lineEnd: number): number {
  if (text.charCodeAt(lineEnd + 1) !== LINE_END) return -1;
  let at = lineEnd - 1;
  if (text.charCodeAt(at--) !== CLOSE_BRACE) return -1;
  // Anthropic pads its events here.
  while (text.charCodeAt(at) === SPACE) at--;
  if (text.charCodeAt(at--) !== CLOSE_BRACE) return -1;
  return text.charCodeAt(at) === QUOTE && text.charCodeAt(at - 1) !== BACKSLASH ? at : -1;
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
