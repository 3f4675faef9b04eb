// An agent sends its whole conversation with every turn. Remembers what spans show of its messages, tools and instructions
// by the JSON they came as, and the texts that were looked through. Nothing in which a secret was found is kept; all that
// is kept shares one bound, and is forgotten a while after it was last sent.
import { parseRequest } from '#shared/exchange/read-exchange.ts';
import { ScanError, type Span, scanList, scanTopLevel } from '#shared/messages/scan-top-level.ts';
import {
  type Conversation,
  type ConversationPart,
  type PartKind,
  readConversation,
  readPart,
  type SizedMessage,
} from '#shared/telemetry/conversation.ts';
import type { TextRules, ToolNames } from '#shared/telemetry/flatten-message.ts';
import type { ModelRequest } from '#shared/telemetry/model-call.ts';

export interface ConversationMemory {
  read(request: Buffer): ReadRequest;
  /** As the redactor does, but quicker for a text that was clean before. */
  redactText(text: string): string;
  /** Forgets what was not seen again since it was called before. */
  forget(): void;
}

export interface ReadRequest {
  /** It may lack the conversation; null = the bytes are no JSON object. */
  request: ModelRequest | null;
  conversation: Conversation;
}

export interface MemoryOptions extends TextRules {
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

interface Generation {
  readonly texts: Set<string>;
  readonly parts: Map<number, KnownPart[]>;
  bytes: number;
}

/** Shorter texts are looked through as quickly as they are looked up, and shorter JSON is read as quickly. */
const SHORTEST_TEXT = 512;
const SHORTEST_JSON = 32;
/** Of the same length that look alike, as versions of one file do. */
const MOST_ALIKE = 8;
/** What surrounds a part, and each of its entries. */
const PART_BYTES = 256;
const ENTRY_BYTES = 64;
/** Whatever is deeper is read as if nothing were known. */
const MAX_DEPTH = 512;
const OPEN_BRACKET = 0x5b;

export function createConversationMemory({ redact, longestImage, maxBytes }: MemoryOptions): ConversationMemory {
  let recent = createGeneration();
  let earlier = createGeneration();

  const forget = (): void => {
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
    if (clean === text && makeRoom(text.length)) recent.texts.add(text);
    return clean;
  }

  function recall(kind: PartKind, json: Buffer): KnownPart | undefined {
    if (json.length < SHORTEST_JSON) return undefined;
    const look = lookOf(json);
    const isSame = (known: KnownPart): boolean => known.kind === kind && known.json.equals(json);
    const found = recent.parts.get(look)?.find(isSame);
    if (found !== undefined) return found;
    const before = earlier.parts.get(look)?.find(isSame);
    if (before !== undefined) remember(before);
    return before;
  }

  function remember(part: KnownPart): void {
    if (part.json.length < SHORTEST_JSON || !makeRoom(part.bytes)) return;
    const look = lookOf(part.json);
    const alike = recent.parts.get(look) ?? [];
    recent.parts.set(look, [...alike.slice(-MOST_ALIKE + 1), part]);
  }

  /** @throws SyntaxError */
  function partOf(kind: PartKind, json: Buffer, isKept: boolean): ConversationPart {
    const known = recall(kind, json);
    const read = (rules: TextRules): ConversationPart => readPart(kind, JSON.parse(json.toString('utf8')), rules);
    if (known === undefined) {
      if (!isKept) return read({ redact: redactText, longestImage });
      return keeping(kind, json, read);
    }
    return {
      userText: () => known.userText,
      calls: () => known.calls,
      flatten: (names) =>
        isNamedAlike(known.named, names) ? known.shown : read({ redact: lookThrough, longestImage }).flatten(names),
    };
  }

  /** A part that is remembered when it is shown. */
  function keeping(kind: PartKind, json: Buffer, read: (rules: TextRules) => ConversationPart): ConversationPart {
    let isClean = true;
    const part = read({
      redact: (text) => {
        const clean = lookThrough(text);
        if (clean !== text) isClean = false;
        return clean;
      },
      longestImage,
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
          const bytes = json.length + userText.length + shown.reduce((sum, each) => sum + bytesOf(each), PART_BYTES);
          remember({ kind, json: Buffer.from(json), userText, calls, shown, named, bytes });
        }
        return shown;
      },
    };
  }

  /** @throws ScanError or SyntaxError */
  function readBeside(bytes: Buffer): ReadRequest {
    const spans = scanTopLevel(bytes, MAX_DEPTH, new Set());
    const partsOf = (kind: PartKind, list: Span | undefined): ConversationPart[] => {
      const places = list === undefined ? [] : scanList(bytes, list, MAX_DEPTH);
      // The last message is seldom sent again as it is: what marks the end for a cache moves on.
      return places.map(({ start, end }, index) =>
        partOf(kind, bytes.subarray(start, end), kind !== 'message' || index < places.length - 1),
      );
    };
    const [system, messages, tools] = ['system', 'messages', 'tools'].map((key) => spans.get(key));
    const conversation: Conversation = {
      system: system === undefined ? null : partOf('system', bytes.subarray(system.start, system.end), true),
      messages: partsOf('message', messages),
      tools: partsOf('tool', tools),
    };
    const lists = [messages, tools].filter((list) => list !== undefined && bytes[list.start] === OPEN_BRACKET);
    const beside = withNull(
      bytes,
      [system, ...lists].filter((span) => span !== undefined),
    );
    const request = JSON.parse(beside) as Record<string, unknown>;
    // How many they are is asked of the request.
    if (lists.includes(messages)) request.messages = conversation.messages;
    if (lists.includes(tools)) request.tools = conversation.tools;
    return { request, conversation };
  }

  return {
    forget,
    redactText,
    read: (bytes) => {
      try {
        return readBeside(bytes);
      } catch (error) {
        if (!(error instanceof ScanError || error instanceof SyntaxError)) throw error;
        const request = parseRequest(bytes);
        return { request, conversation: readConversation(request, { redact: redactText, longestImage }) };
      }
    },
  };
}

function createGeneration(): Generation {
  return { texts: new Set(), parts: new Map(), bytes: 0 };
}

/** Of the length and of some of the bytes. */
function lookOf(json: Buffer): number {
  const { length } = json;
  let look = length;
  for (const at of [length >> 2, length >> 1, length - (length >> 2), length - 8]) {
    look = Math.imul(look, 0x9e3779b1) ^ json.readInt32LE(at);
  }
  return look;
}

function isNamedAlike(named: KnownPart['named'], names: ToolNames): boolean {
  for (const [id, name] of named) if (names.get(id) !== name) return false;
  return true;
}

function bytesOf({ entries, bytes }: SizedMessage): number {
  return bytes + entries.length * ENTRY_BYTES;
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
