// A recorded Anthropic stream → its events, where deltas of one kind that follow each other in one block are a single
// delta with all their text. They add up to the same message and break the same rules at a fraction of the cost: deltas
// are checked as they stand, and become text once a run or, where nobody reads it, not at all. Only for streams written
// the way Anthropic writes them; all others are left to the reader.

import { joinAdjacent } from '#shared/exchange/exchange.ts';
import { free } from '#shared/free.ts';
import type { StreamEvent } from '#shared/messages/accumulate-message.ts';
import { createDeltaJoiner, type DeltaJoiner } from '#shared/simd/join-deltas.ts';

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
  const size = chunks.reduce((sum, { bytes }) => sum + bytes.length, 0);
  if (size > LONGEST_STREAM) return null;
  const deltas = createDeltaJoiner(joinAdjacent(chunks), size);
  try {
    return new RunReader(deltas, createTimes(chunks), texts).read();
  } catch (error) {
    // More text in one event than a pattern can go back over.
    if (error instanceof OtherStyle || error instanceof RangeError) return null;
    throw error;
  } finally {
    free(deltas.stream);
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
const PLAIN_EVENT = /^event: (\w+)\ndata: (\{[^\r\n]*\})\n\n$/;
const EVENT_END = '\n\n';
const CR = 13;
const DELTA = 'content_block_delta';

/** What stands in a delta before its text, by the delta's type the field of it. */
const FIELDS: Record<string, string> = {
  text_delta: 'text',
  input_json_delta: 'partial_json',
  thinking_delta: 'thinking',
};
const HEAD = new RegExp(
  `^event: ${DELTA}\\ndata: \\{"type":"${DELTA}","index":(0|[1-9]\\d{0,5}),"delta":\\{"type":"(\\w+)","(\\w+)":"`,
);
const LONGEST_HEAD = 160;

interface OpenRun {
  head: string;
  index: number;
  type: string;
  field: string;
  isRead: boolean;
  /** Their texts, as JSON without quotes; none where it is not read. */
  texts: string[];
  hasText: boolean;
  firstMs: number;
  /** Where its last event ends. */
  end: number;
}

class RunReader {
  readonly #bytes: Buffer;
  readonly #deltas: DeltaJoiner;
  readonly #timeAt: Times;
  readonly #texts: ReadTexts;
  readonly #runs: DeltaRun[] = [];
  #at = 0;
  #run: OpenRun | null = null;

  constructor(deltas: DeltaJoiner, timeAt: Times, texts: ReadTexts) {
    this.#bytes = deltas.stream;
    this.#deltas = deltas;
    this.#timeAt = timeAt;
    this.#texts = texts;
  }

  read(): DeltaRun[] {
    while (this.#readDeltas() || this.#readEvent());
    this.#closeRun();
    // What is left is an event that was cut off, unless one ends in it.
    const rest = this.#bytes.subarray(this.#at);
    if (rest.includes(CR) || rest.includes(EVENT_END)) throw new OtherStyle();
    return this.#runs;
  }

  #readDeltas(): boolean {
    const start = this.#bytes.toString('latin1', this.#at, this.#at + LONGEST_HEAD);
    const [head = '', index = '', type = '', field = ''] = HEAD.exec(start) ?? [];
    if (head === '' || FIELDS[type] !== field) return false;
    const end = this.#deltas.read(head, this.#at);
    if (end === this.#at) return false;
    const run = this.#run?.head === head ? this.#run : this.#openRun({ head, index: Number(index), type, field });
    run.hasText ||= this.#deltas.hasText;
    if (run.isRead) run.texts.push(this.#deltas.text());
    run.end = end;
    this.#at = end;
    return true;
  }

  #openRun(kind: Pick<OpenRun, 'head' | 'index' | 'type' | 'field'>): OpenRun {
    this.#closeRun();
    const isRead = this.#texts === 'all' || kind.field === 'partial_json';
    const firstMs = this.#timeAt(this.#bytes.indexOf(EVENT_END, this.#at) + EVENT_END.length);
    const run = { ...kind, isRead, texts: [], hasText: false, firstMs, end: this.#at };
    this.#run = run;
    return run;
  }

  #closeRun(): void {
    if (this.#run === null) return;
    const { index, type, field, isRead, texts, hasText, firstMs, end } = this.#run;
    this.#run = null;
    const text = isRead ? parse(`"${texts.join('')}"`) : hasText ? '-' : '';
    if (typeof text !== 'string') throw new OtherStyle();
    const event = { type: DELTA, index, delta: { type, [field]: text } };
    this.#runs.push({ name: event.type, event, firstMs, lastMs: this.#timeAt(end) });
  }

  /** Any event, a delta written otherwise too. */
  #readEvent(): boolean {
    const end = this.#bytes.indexOf(EVENT_END, this.#at) + EVENT_END.length;
    const [, name = '', data = ''] = PLAIN_EVENT.exec(this.#bytes.toString('utf8', this.#at, end)) ?? [];
    if (name === '') return false;
    this.#closeRun();
    this.#at = end;
    const event = parse(data);
    if (!isEvent(event)) throw new OtherStyle();
    const atMs = this.#timeAt(this.#at);
    this.#runs.push({ name, event, firstMs: atMs, lastMs: atMs });
    return true;
  }
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
