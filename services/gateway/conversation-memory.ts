// An agent sends its whole conversation with every turn. Remembers what spans show of its messages, tools and instructions
// by the JSON they came as, and the texts that were looked through. Nothing in which a secret was found is kept; all that
// is kept shares one bound, and is forgotten a while after it was last sent.
import { randomUUID } from 'node:crypto';
import { parseRequest } from '#shared/exchange/read-exchange.ts';
import { ownCopy } from '#shared/free.ts';
import {
  NO_OUTLINE,
  ScanError,
  type Span,
  scanList,
  scanTopLevel,
  skipValue,
} from '#shared/messages/scan-top-level.ts';
import {
  type Conversation,
  type ConversationPart,
  type PartKind,
  readConversation,
  readPart,
} from '#shared/telemetry/conversation.ts';
import type { TextRules, ToolNames } from '#shared/telemetry/flatten-message.ts';
import type { HiddenPart } from '#shared/telemetry/hide-content.ts';
import type { LlmAttributesInput } from '#shared/telemetry/llm-attributes.ts';
import { utf8Size } from '#shared/telemetry/protobuf-output.ts';
import { LONGEST_READY, type SizedMessage } from '#shared/telemetry/shown-messages.ts';
import { parseWithTexts } from './parse-with-texts.ts';
import { createRememberedSettings } from './remembered-settings.ts';

export interface ConversationMemory {
  /** The conversation is looked at before the next request is read, or nothing new of it is remembered. */
  read(request: Buffer, places: RequestPlaces | null, beta?: string): ReadRequest;
  /** As the redactor does, but quicker for a text that was clean before. */
  redactText(text: string): string;
  /** Of what was read last nothing more is shown: its texts are let go, and its bytes may be overwritten. */
  endReading(): void;
  /** Forgets what was not seen again since it was called before. */
  forget(): void;
}

/** Where the parts of a request stand, and the long strings of its messages. */
export type RequestPlaces = Readonly<Record<'system' | 'messages' | 'tools', Span | undefined>> & {
  readonly longStrings: readonly Span[];
  /** Where the last message begins, if it is an object or array; else -1. */
  readonly lastMessage: number;
};

/** From a scan of its top level. */
export function placesOf(spans: ReadonlyMap<string, Span>): RequestPlaces {
  const [system, messages, tools] = ['system', 'messages', 'tools'].map((key) => {
    const span = spans.get(key);
    return span && { start: span.start, end: span.end };
  });
  const { longStrings, lastStart } = spans.get('messages')?.outline ?? NO_OUTLINE;
  return { system, messages, tools, longStrings, lastMessage: lastStart };
}

/** `request`: only where the rest does not say what it says; null also where the bytes are no JSON object. */
export interface ReadRequest
  extends Pick<LlmAttributesInput, 'request' | 'said' | 'counts'>,
    Required<Pick<LlmAttributesInput, 'conversation'>> {}

export interface MemoryOptions extends Omit<TextRules, 'hidesImages'> {
  /** What of a request is not said. */
  hide: readonly HiddenPart[];
  /** Of all that is kept, about, in bytes. */
  maxBytes: number;
}

interface KnownPart {
  readonly kind: PartKind;
  readonly json: Buffer;
  readonly userText: string;
  readonly calls: ReturnType<ConversationPart['calls']>;
  readonly shown: readonly SizedMessage[];
  /** The names of tools that it was made with. */
  readonly named: ReadonlyMap<string, string | undefined>;
  readonly bytes: number;
}

/** A text that was looked through, as JSON. */
interface KnownText {
  readonly kind: 'text';
  readonly json: Buffer;
  readonly text: string;
  readonly bytes: number;
}

type Known = KnownPart | KnownText;
type ListKind = 'message' | 'tool';

/** Of a list. */
interface Element extends Span {
  readonly known: KnownPart | undefined;
}

interface Generation {
  /** And how many bytes each takes. */
  readonly texts: Map<string, number>;
  readonly known: Map<number, Known[]>;
  /** What came behind a part in its list, and before all of them: both are among the known. */
  readonly followers: Map<KnownPart | ListKind, KnownPart>;
  bytes: number;
}

/** Shorter texts are looked through as quickly as they are looked up, and shorter JSON is read as quickly. */
const SHORTEST_TEXT = 512;
const SHORTEST_JSON = 32;
/** Of the same length that look alike, as versions of one file do. */
const MOST_ALIKE = 8;
/** What surrounds a part, and each of its entries, calls and names. */
const PART_BYTES = 960;
const ENTRY_BYTES = 192;
/** Places where JSON is looked at, less one, to tell whether it may be known. */
const LOOKS = 8;
const WORD_BYTES = 4;
/** Whatever is deeper is read as if nothing were known. */
const MAX_DEPTH = 512;
const OPEN_BRACKET = 0x5b;
const OPEN_BRACE = 0x7b;
const SPACE = 0x20;

export function createConversationMemory({ redact, longestImage, hide, maxBytes }: MemoryOptions): ConversationMemory {
  let recent = createGeneration();
  let earlier = createGeneration();
  const mark = randomUUID();
  const settings = createRememberedSettings(redactText, hide);
  const images = { longestImage, hidesImages: hide.includes('input_images') };
  /** Of the request that is at hand: texts that are not known, and where they stand. */
  const unknown = new Map<string, Buffer>();

  const forget = (): void => {
    settings.forget();
    earlier = recent;
    recent = createGeneration();
  };

  /** Room for something that is not known yet; false when it is too large. */
  function makeRoom(bytes: number): boolean {
    if (bytes > maxBytes / 2) return false;
    if (recent.bytes + bytes > maxBytes / 2) forget();
    recent.bytes += bytes;
    return true;
  }

  function lookThrough(text: string): string {
    return recent.texts.has(text) || earlier.texts.has(text) ? text : redact(text);
  }

  function redactText(text: string): string {
    if (text.length < SHORTEST_TEXT) return redact(text);
    if (recent.texts.has(text)) return text;
    const clean = lookThrough(text);
    if (clean === text) rememberText(text);
    return clean;
  }

  /** One that is clean. */
  function rememberText(text: string): void {
    if (text.length < SHORTEST_TEXT || recent.texts.has(text)) return;
    const size = earlier.texts.get(text) ?? utf8Size(text);
    // One letter beyond Latin-1 makes all of them take two bytes.
    if (!makeRoom(size === text.length ? size : 2 * text.length)) return;
    recent.texts.set(text, size);
    const json = unknown.get(text);
    if (json !== undefined) remember({ kind: 'text', json: ownCopy(json), text, bytes: json.length });
  }

  function sizeOf(text: string): number {
    if (text.length < SHORTEST_TEXT) return utf8Size(text);
    return recent.texts.get(text) ?? earlier.texts.get(text) ?? utf8Size(text);
  }

  function recall<Kind extends Known['kind']>(kind: Kind, json: Buffer): Extract<Known, { kind: Kind }> | undefined {
    if (json.length < SHORTEST_JSON) return undefined;
    const look = lookOf(json);
    const isSame = (known: Known): known is Extract<Known, { kind: Kind }> =>
      known.kind === kind && known.json.equals(json);
    const found = recent.known.get(look)?.find(isSame);
    if (found !== undefined) return found;
    const before = earlier.known.get(look)?.find(isSame);
    if (before !== undefined) remember(before);
    return before;
  }

  function remember(known: Known): void {
    if (known.json.length < SHORTEST_JSON || !makeRoom(known.bytes)) return;
    const look = lookOf(known.json);
    const alike = recent.known.get(look) ?? [];
    for (const one of alike.slice(0, -MOST_ALIKE + 1)) recent.bytes -= one.bytes;
    recent.known.set(look, [...alike.slice(-MOST_ALIKE + 1), known]);
  }

  function readText(json: Buffer): string {
    const known = recall('text', json);
    if (known !== undefined) return known.text;
    const text = JSON.parse(json.toString('utf8')) as string;
    unknown.set(text, json);
    return text;
  }

  /** What came behind it when that was read before, if it stands there again. */
  function recallFollower(before: KnownPart | ListKind, bytes: Buffer, at: number): KnownPart | undefined {
    const recently = recent.followers.get(before);
    const next = recently ?? earlier.followers.get(before);
    if (next === undefined) return undefined;
    const { kind, json } = next;
    const end = at + json.length;
    const isThere = end <= bytes.length && bytes.compare(json, 0, json.length, at, end) === 0;
    if (!isThere) return undefined;
    return next === recently ? next : recall(kind, json);
  }

  /** The elements of a list. Where one is known, the one behind it mostly is too, and need not be looked for. */
  function readList(kind: ListKind, bytes: Buffer, list: Span | undefined, lastStart: number): Element[] {
    const elements: Element[] = [];
    let before: KnownPart | ListKind | undefined = kind;
    if (list === undefined) return elements;
    scanList(bytes, list, MAX_DEPTH, (start) => {
      const next = before && recallFollower(before, bytes, start);
      const unknownEnd = (): number =>
        start === lastStart ? endOfLast(bytes, list) : skipValue(bytes, start, MAX_DEPTH);
      const end = next ? start + next.json.length : unknownEnd();
      const known = next ?? recall(kind, bytes.subarray(start, end));
      const isNew = before && recent.followers.get(before) !== known;
      if (before && isNew && known?.json[0] === OPEN_BRACE) recent.followers.set(before, known);
      elements.push({ start, end, known });
      before = known;
      return end;
    });
    return elements;
  }

  /** `strings`: long ones in it. @throws SyntaxError */
  function reading(kind: PartKind, json: Buffer, strings: readonly Span[]): (rules: TextRules) => ConversationPart {
    return (rules) => readPart(kind, parseWithTexts(json, { strings, mark, readText }), rules);
  }

  function knownPart(known: KnownPart, strings: readonly Span[]): ConversationPart {
    const read = reading(known.kind, known.json, strings);
    return {
      userText: () => known.userText,
      calls: () => known.calls,
      flatten: (names) =>
        isNamedAlike(known.named, names)
          ? known.shown
          : read({ redact: lookThrough, ...images, sizeOf }).flatten(names),
    };
  }

  /** @throws SyntaxError */
  function newPart(kind: PartKind, json: Buffer, strings: readonly Span[], isKept: boolean): ConversationPart {
    const read = reading(kind, json, strings);
    return isKept ? keeping(kind, json, read) : read({ redact: redactText, ...images, sizeOf });
  }

  /** A part that is remembered when it is shown; of one that holds a secret only its other texts are. */
  function keeping(kind: PartKind, json: Buffer, read: (rules: TextRules) => ConversationPart): ConversationPart {
    let isClean = true;
    const cleanTexts: string[] = [];
    const part = read({
      redact: (text) => {
        const clean = lookThrough(text);
        if (clean === text) cleanTexts.push(text);
        else isClean = false;
        return clean;
      },
      ...images,
      sizeOf,
    });
    return {
      ...part,
      flatten: (names) => {
        const named = new Map<string, string | undefined>();
        const get = (id: string): string | undefined => {
          named.set(id, names.get(id));
          return names.get(id);
        };
        const shown = part.flatten({ get });
        if (isClean) {
          const { userText, calls } = { userText: part.userText(), calls: part.calls() };
          const around = PART_BYTES + (calls.length + named.size) * ENTRY_BYTES;
          const bytes = json.length + userText.length + shown.reduce((sum, each) => sum + bytesOf(each), around);
          remember({ kind, json: ownCopy(json), userText, calls, shown, named, bytes });
        } else {
          for (const text of cleanTexts) rememberText(text);
        }
        return shown;
      },
    };
  }

  /** @throws ScanError or SyntaxError */
  function readBeside(bytes: Buffer, places: RequestPlaces, beta: string | undefined): ReadRequest {
    const { system, messages, tools, longStrings, lastMessage } = places;
    const stringsIn = createDistributor(longStrings);
    const partOf = (kind: PartKind, { start, end, known }: Element, strings: readonly Span[], isKept: boolean) =>
      known ? knownPart(known, strings) : newPart(kind, bytes.subarray(start, end), strings, isKept);
    const systemPart = system && { ...system, known: recall('system', bytes.subarray(system.start, system.end)) };
    const conversation: Conversation = {
      system: systemPart === undefined ? null : partOf('system', systemPart, [], true),
      // The last message is seldom sent again as it is: what marks the end for a cache moves on.
      messages: readList('message', bytes, messages, lastMessage).map((element, index, all) =>
        partOf('message', element, stringsIn(element), index < all.length - 1),
      ),
      tools: readList('tool', bytes, tools, -1).map((element) => partOf('tool', element, [], true)),
    };
    const lists = [messages, tools].filter((list) => list !== undefined && bytes[list.start] === OPEN_BRACKET);
    const beside = withNull(
      bytes,
      [system, ...lists].filter((span) => span !== undefined),
    );
    const counts = {
      messages: lists.includes(messages) ? conversation.messages.length : undefined,
      tools: lists.includes(tools) ? conversation.tools.length : undefined,
    };
    return { request: null, said: settings.read(beside, beta), counts, conversation };
  }

  return {
    forget,
    redactText,
    endReading: () => unknown.clear(),
    read: (bytes, places, beta) => {
      unknown.clear();
      try {
        return readBeside(bytes, places ?? placesOf(scan(bytes)), beta);
      } catch (error) {
        if (!(error instanceof ScanError || error instanceof SyntaxError)) throw error;
        const request = parseRequest(bytes);
        return { request, conversation: readConversation(request, { redact: redactText, ...images }) };
      }
    },
  };
}

/** Where the last element of a list ends. */
function endOfLast(bytes: Buffer, { end }: Span): number {
  let at = end - 1;
  while ((bytes[at - 1] ?? 0) <= SPACE) at--;
  return at;
}

/** Asked for one place after the other: which strings are in it, and where. */
function createDistributor(strings: readonly Span[]): (place: Span) => Span[] {
  let next = 0;
  return (place) => {
    const inside: Span[] = [];
    for (let span = strings[next]; span !== undefined && span.end <= place.end; span = strings[++next]) {
      inside.push({ start: span.start - place.start, end: span.end - place.start });
    }
    return inside;
  };
}

function scan(bytes: Buffer): Map<string, Span> {
  return scanTopLevel(bytes, MAX_DEPTH, new Set(), { prefix: Buffer.alloc(0), isSeen: true, outline: NO_OUTLINE });
}

function createGeneration(): Generation {
  return { texts: new Map(), known: new Map(), followers: new Map(), bytes: 0 };
}

/** Of the length and of some of the bytes. */
function lookOf(json: Buffer): number {
  const { length } = json;
  let look = length;
  const step = (length - WORD_BYTES) / LOOKS;
  for (let index = 0; index <= LOOKS; index++) {
    look = Math.imul(look ^ json.readInt32LE(Math.floor(index * step)), 0x9e3779b1);
  }
  return look;
}

function isNamedAlike(named: KnownPart['named'], names: ToolNames): boolean {
  for (const [id, name] of named) if (names.get(id) !== name) return false;
  return true;
}

/** A short one will be there as bytes too. */
function bytesOf({ entries, bytes }: SizedMessage): number {
  return (bytes <= LONGEST_READY ? 2 * bytes : bytes) + entries.length * ENTRY_BYTES;
}

/** The JSON with null in these places. */
function withNull(bytes: Buffer, places: readonly Span[]): string {
  let json = '';
  let at = 0;
  for (const { start, end } of places.toSorted((a, b) => a.start - b.start)) {
    json += `${bytes.toString('utf8', at, start)}null`;
    at = end;
  }
  return json + bytes.toString('utf8', at);
}
