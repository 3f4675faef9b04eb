// The deltas of a Chat Completions stream, in the order in which they are sent, with the scene's quirks in them.
import { DEFAULT_DELTA_CHARS, pieces } from '../pieces.ts';
import type { ChatQuirks } from '../quirks.ts';
import type { Fields } from '../read-ask.ts';
import type { CallPart, Citation, ScenePart } from '../scene-parts.ts';

export interface DeltaOptions {
  quirks: ChatQuirks;
  /** The text is a refusal. */
  isRefusal: boolean;
  deltaChars: number | undefined;
}

export function toDeltas(parts: ScenePart[], options: DeltaOptions): Fields[] {
  const { quirks } = options;
  const size = Math.max(1, options.deltaChars ?? DEFAULT_DELTA_CHARS);
  const calls = parts.filter((part) => part.kind === 'call');
  if (quirks.legacyFunctionCall) return [...spoken(parts, options, size), ...legacyCall(calls[0], size)];
  const lists = calls.map((call, index) => callDeltas(call, index, quirks, size));
  return [...spoken(parts, options, size), ...(quirks.interleave ? alternate(lists) : lists.flat())];
}

/** Everything that is no call; calls come last in this protocol. */
function spoken(parts: ScenePart[], options: DeltaOptions, size: number): Fields[] {
  return parts.flatMap((part): Fields[] => {
    switch (part.kind) {
      case 'thinking':
        return thinkingDeltas(part.text, part.signature, options.quirks, size);
      case 'redacted':
        if (options.quirks.reasoning !== 'reasoning_details') return [];
        return [{ reasoning_details: [encryptedDetail(part.data)] }];
      case 'text':
        return textDeltas(part.text, part.citations, options, size);
      default:
        return [];
    }
  });
}

function textDeltas(value: string, citations: Citation[], options: DeltaOptions, size: number): Fields[] {
  const { quirks, isRefusal } = options;
  const deltas = pieces(value, size).map((piece): Fields => {
    if (isRefusal && quirks.refusal !== 'content_filter') return { refusal: piece };
    return { content: quirks.contentParts ? [{ type: 'text', text: piece }] : piece };
  });
  return citations.length === 0 ? deltas : [...deltas, { content: '', annotations: toAnnotations(value, citations) }];
}

export function toAnnotations(value: string, citations: Citation[]): Fields[] {
  return citations.map(({ url, title }) => ({
    type: 'url_citation',
    url_citation: { start_index: 0, end_index: value.length, url, title },
  }));
}

function thinkingDeltas(value: string, signature: string, quirks: ChatQuirks, size: number): Fields[] {
  const cut = pieces(value, size);
  switch (quirks.reasoning ?? 'reasoning_content') {
    case 'reasoning_content':
      return cut.map((piece) => ({ reasoning_content: piece }));
    case 'reasoning':
      return cut.map((piece) => ({ reasoning: piece }));
    case 'reasoning_details':
      return [
        ...cut.map((piece) => ({ content: '', reasoning: piece, reasoning_details: [textDetail(piece)] })),
        { content: '', reasoning: null, reasoning_details: [{ ...textDetail(''), signature }] },
      ];
    case 'parts':
      return cut.map((piece) => ({ content: [thinkingPart(piece)] }));
    case 'think-tags':
      return ['<think>', ...cut, '</think>\n\n'].map((piece) => ({ content: piece }));
    case 'none':
      return [];
  }
}

export function textDetail(value: string): Fields {
  return { type: 'reasoning.text', text: value, format: 'anthropic-claude-v1', index: 0 };
}

export function encryptedDetail(data: string): Fields {
  return { type: 'reasoning.encrypted', data, id: 'reasoning_1', format: 'anthropic-claude-v1', index: 1 };
}

export function thinkingPart(value: string): Fields {
  return { type: 'thinking', thinking: [{ type: 'text', text: value }] };
}

function callDeltas(call: CallPart, index: number, quirks: ChatQuirks, size: number): Fields[] {
  const place = placeOf(index, quirks);
  const beside = quirks.toolContent === undefined ? {} : { content: quirks.toolContent === 'empty' ? '' : null };
  const { toolArguments } = quirks;
  if (toolArguments !== undefined) {
    const id = quirks.toolId === 'never' ? {} : { id: call.id };
    return [{ ...beside, tool_calls: [{ ...place, ...id, type: 'function', function: wholeFunction(call, quirks) }] }];
  }
  const cut = pieces(call.json, size);
  const opening = {
    ...openingId(call, quirks),
    type: 'function',
    function: { ...openingName(call, quirks), arguments: '' },
  };
  const later = (cut.length > 0 ? cut : ['']).map((piece, at) => ({
    ...laterId(call, quirks, at),
    function: { ...laterName(call, quirks, at), arguments: piece },
  }));
  return [opening, ...later].map((part) => ({ ...beside, tool_calls: [{ ...place, ...part }] }));
}

export function wholeFunction(call: CallPart, quirks: ChatQuirks): Fields {
  const { name, json } = call;
  if (quirks.toolArguments === 'missing' && call.isEmpty) return { name };
  return { name, arguments: quirks.toolArguments === 'object' ? JSON.parse(json) : json };
}

function placeOf(index: number, quirks: ChatQuirks): Fields {
  switch (quirks.toolIndex) {
    case 'from-1':
      return { index: index + 1 };
    case 'gaps':
      return { index: index * 3 };
    case 'all-0':
      return { index: 0 };
    case 'none':
      return {};
    default:
      return { index };
  }
}

function openingId(call: CallPart, { toolId }: ChatQuirks): Fields {
  return toolId === 'late' || toolId === 'never' ? {} : { id: call.id };
}

function laterId(call: CallPart, { toolId }: ChatQuirks, at: number): Fields {
  if (toolId === 'null-later') return { id: null };
  if (toolId === 'empty-later') return { id: '' };
  return toolId === 'repeated' || (toolId === 'late' && at === 0) ? { id: call.id } : {};
}

function openingName(call: CallPart, { toolName }: ChatQuirks): Fields {
  return toolName === 'late' ? {} : { name: call.name };
}

function laterName(call: CallPart, { toolName }: ChatQuirks, at: number): Fields {
  if (toolName === 'null-later') return { name: null };
  if (toolName === 'empty-later') return { name: '' };
  return toolName === 'repeated' || (toolName === 'late' && at === 0) ? { name: call.name } : {};
}

function legacyCall(call: CallPart | undefined, size: number): Fields[] {
  if (call === undefined) return [];
  const deltas: Fields[] = [
    { name: call.name, arguments: '' },
    ...pieces(call.json, size).map((piece) => ({ arguments: piece })),
  ];
  return deltas.map((part) => ({ function_call: part }));
}

/** One of each list in turn. */
function alternate(lists: Fields[][]): Fields[] {
  const longest = Math.max(0, ...lists.map((list) => list.length));
  return Array.from({ length: longest }, (_, at) => lists.flatMap((list) => list.slice(at, at + 1))).flat();
}
