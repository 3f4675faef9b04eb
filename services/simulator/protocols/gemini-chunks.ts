// The chunks of a Gemini answer: parts, when they are told, and where signatures, sources and the finish reason are.
import { DEFAULT_DELTA_CHARS, pieces } from '../pieces.ts';
import type { GeminiQuirks } from '../quirks.ts';
import { type Fields, isFields } from '../read-ask.ts';
import type { CallPart, Citation, ScenePart } from '../scene-parts.ts';
import { SIGNATURE_PREFIX } from './gemini-check.ts';

export interface PartOptions {
  quirks: GeminiQuirks;
  deltaChars: number | undefined;
  /** The request asked to see thoughts. */
  showsThoughts: boolean;
  /** The request asked for arguments member by member. */
  streamsArguments: boolean;
}

/** The parts of each chunk. A signature is where this server puts it. */
export function toPartLists(parts: ScenePart[], options: PartOptions): Fields[][] {
  const { quirks } = options;
  const signature = signatureOf(parts);
  const calls = parts.filter((part) => part.kind === 'call');
  const lists = parts.flatMap((part) => spokenParts(part, signature, options)).map((part) => [part]);
  if (options.streamsArguments && quirks.partialArgs !== undefined) {
    return [
      ...lists,
      ...calls.flatMap((call, index) => partialCall(call, index === 0 ? signature : undefined, quirks)),
    ];
  }
  const told = calls.map((call, index) => callPart(call, index, signature, quirks));
  const apart = quirks.callsApart ? told.map((part) => [part]) : told.length > 0 ? [told] : [];
  const empty = quirks.signature === 'empty-text' ? [[{ text: '', thoughtSignature: signature }]] : [];
  return [...lists, ...apart, ...empty];
}

function spokenParts(part: ScenePart, signature: string, options: PartOptions): Fields[] {
  const size = Math.max(1, options.deltaChars ?? DEFAULT_DELTA_CHARS);
  if (part.kind === 'thinking' && options.showsThoughts) {
    return pieces(part.text, size).map((text) => ({ text, thought: true }));
  }
  if (part.kind !== 'text') return [];
  const cut: Fields[] = pieces(part.text, size).map((text) => ({ text }));
  const last = cut.at(-1);
  if (options.quirks.signature === 'text' && last !== undefined) last.thoughtSignature = signature;
  return cut;
}

function callPart(call: CallPart, index: number, signature: string, quirks: GeminiQuirks): Fields {
  const { name } = call;
  const args = quirks.missingArgs && call.isEmpty ? {} : { args: parsed(call.json) };
  const isSigned = quirks.signature === 'every-call' || (quirks.signature === undefined && index === 0);
  return {
    functionCall: { ...(quirks.callIds ? { id: call.id } : {}), name, ...args },
    ...(isSigned ? { thoughtSignature: signature } : {}),
  };
}

/** Arguments always are an object in this protocol, so broken ones are none. */
function parsed(json: string): unknown {
  try {
    return JSON.parse(json);
  } catch {
    return {};
  }
}

function partialCall(call: CallPart, signature: string | undefined, quirks: GeminiQuirks): Fields[][] {
  const input = parsed(call.json);
  const signed = signature === undefined ? {} : { thoughtSignature: signature };
  const opening = { functionCall: { name: call.name, willContinue: true }, ...signed };
  const members = Object.entries(isFields(input) ? input : {}).flatMap(([name, value]) => partialArgs(name, value));
  const told = members.map((partial) => ({ functionCall: { partialArgs: [partial], willContinue: true } }));
  const ending = quirks.partialArgs === 'ended' ? [{ functionCall: {} }] : [];
  return [opening, ...told, ...ending].map((part) => [part]);
}

function partialArgs(name: string, value: unknown): Fields[] {
  const jsonPath = `$.${name}`;
  if (typeof value === 'number') return [{ jsonPath, numberValue: value }];
  if (typeof value === 'boolean') return [{ jsonPath, boolValue: value }];
  if (value === null) return [{ jsonPath, nullValue: 'NULL_VALUE' }];
  const cut = pieces(typeof value === 'string' ? value : JSON.stringify(value), DEFAULT_DELTA_CHARS);
  return cut.map((stringValue, at) => ({
    jsonPath,
    stringValue,
    ...(at < cut.length - 1 ? { willContinue: true } : {}),
  }));
}

function signatureOf(parts: ScenePart[]): string {
  const thought = parts.map((part) => (part.kind === 'thinking' ? part.text + part.signature : '')).join('');
  const sealed = Buffer.from(`sealed:${thought.length}:${thought.slice(0, 60)}`).toString('base64');
  return SIGNATURE_PREFIX + sealed;
}

/** What was searched for and found, as far as the answer has come. */
export function groundingOf(parts: ScenePart[]): Fields | undefined {
  const searches = parts.filter((part) => part.kind === 'search');
  if (searches.length === 0) return undefined;
  const text = parts.map((part) => (part.kind === 'text' ? part.text : '')).join('');
  const sources: Citation[] = searches.flatMap((search) => search.sources);
  const cited = parts.flatMap((part) => (part.kind === 'text' && part.citations.length > 0 ? [part.text] : []));
  return {
    searchEntryPoint: { renderedContent: '<div>simulated</div>' },
    groundingChunks: sources.map(({ url, title }) => ({ web: { uri: url, title, domain: new URL(url).hostname } })),
    groundingSupports: cited.map((quote) => support(text, quote)),
    webSearchQueries: searches.map((search) => search.query),
  };
}

/** Places are counted in bytes of UTF-8; a start of 0 is left out, as Google's JSON does with zeros. */
function support(text: string, quote: string): Fields {
  const startIndex = Buffer.byteLength(text.slice(0, text.indexOf(quote)));
  const endIndex = startIndex + Buffer.byteLength(quote);
  return {
    segment: { ...(startIndex > 0 ? { startIndex } : {}), endIndex, text: quote },
    groundingChunkIndices: [0],
  };
}
