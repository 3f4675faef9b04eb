// A conversation → Gemini's contents: user and model in turn, each model step with the signature of its first call, each
// call's response in the content that follows it.
import { inlineImage, inReminder, joinTexts, type Placed, readDocument, unsupportedSource } from '../content.ts';
import { type Fields, fieldsOf, invalid, textOf } from '../fields.ts';
import { atLeastOne, flattenResult, resultParts, type ToolResult, type Turn } from '../tool-results.ts';
import type { GeminiTraits } from './models.ts';
import { decodeSignature, toUpstreamId, UNSIGNED } from './thought-signature.ts';

export interface ContentsContext {
  model: string;
  traits: GeminiTraits;
  toToolName(name: string): string;
}

interface Content {
  role: 'user' | 'model';
  parts: Fields[];
  /** Nothing else may be added to it. */
  isClosed: boolean;
}

/** @throws GatewayError 400 naming the block that cannot be carried */
export function toContents(turns: readonly Turn[], context: ContentsContext): Fields[] {
  const contents: Content[] = [];
  const add = (role: Content['role'], parts: Fields[], isClosed = false): void => {
    const last = contents.at(-1);
    if (parts.length === 0) return;
    if (last?.role === role && !last.isClosed) last.parts.push(...parts);
    else contents.push({ role, parts, isClosed });
  };
  for (const turn of turns) {
    if (turn.role === 'system') add('user', [{ text: inReminder(joinTexts(turn.content, '\n\n')) }]);
    else if (turn.role === 'user') add('user', turn.content.map(toPart));
    else {
      add('model', modelParts(turn, context));
      const { responses, beside } = toResponses(turn.results, context);
      add('user', responses, !context.traits.richResults);
      add('user', beside);
    }
  }
  // A conversation begins with the user.
  if (contents[0]?.role === 'model')
    contents.unshift({ role: 'user', parts: [{ text: 'Continue.' }], isClosed: false });
  return atLeastOne(contents).map(({ role, parts }) => ({ role, parts }));
}

function toPart(placed: Placed): Fields {
  const { block, at } = placed;
  if (block.type === 'text') return { text: textOf(block.text) };
  if (block.type === 'image') return toImage(placed);
  if (block.type === 'document') return toDocument(placed);
  throw invalid(`${block.type} at ${at}: cannot be sent to this provider in a user's turn`);
}

function toImage(placed: Placed): Fields {
  const inline = inlineImage(placed);
  if (inline) return { inlineData: { mimeType: inline.mediaType, data: inline.base64 } };
  const { block, at } = placed;
  const source = fieldsOf(block.source);
  const url = textOf(source.url);
  if (source.type !== 'url' || !/^(https?|gs):/i.test(url)) throw unsupportedSource('image', source, at);
  return { fileData: { mimeType: imageType(url), fileUri: url } };
}

function imageType(url: string): string {
  const ending = /\.(png|webp|gif|heic|heif)(?:[?#]|$)/i.exec(url)?.[1]?.toLowerCase() ?? 'jpeg';
  return `image/${ending}`;
}

function toDocument(placed: Placed): Fields {
  const document = readDocument(placed);
  switch (document.kind) {
    case 'text':
      return { text: document.text };
    case 'url':
      return { fileData: { mimeType: 'application/pdf', fileUri: document.url } };
    case 'pdf':
      return { inlineData: { mimeType: document.mediaType, data: document.base64 } };
  }
}

function modelParts(turn: Turn, context: ContentsContext): Fields[] {
  const signatures = readSignatures(turn.content, context.model);
  let isFirst = true;
  return turn.content.flatMap(({ block, at }): Fields[] => {
    if (block.type === 'text') return [{ text: textOf(block.text) }];
    if (block.type === 'thinking' || block.type === 'redacted_thinking') return [];
    if (block.type !== 'tool_use') {
      throw invalid(`${block.type} at ${at}: cannot be sent to this provider in an assistant's turn`);
    }
    const id = textOf(block.id);
    const signature = signatures.get(id) ?? (isFirst && context.traits.needsSignatures ? UNSIGNED : undefined);
    isFirst = false;
    const call = { ...givenId(id), name: context.toToolName(textOf(block.name)), args: fieldsOf(block.input) };
    return [{ functionCall: call, ...(signature === undefined ? {} : { thoughtSignature: signature }) }];
  });
}

/** By the call's id. One foreign block, and nothing of the turn is taken for our own. */
function readSignatures(content: readonly Placed[], model: string): Map<string, string> {
  const signatures = new Map<string, string>();
  for (const { block } of content) {
    if (block.type !== 'thinking' && block.type !== 'redacted_thinking') continue;
    const state = decodeSignature(block.type === 'thinking' ? block.signature : block.data, model);
    if (state === null) return new Map();
    if (state.call !== '') signatures.set(state.call, state.signature);
  }
  return signatures;
}

function givenId(id: string): Fields {
  const given = toUpstreamId(id);
  return given === undefined ? {} : { id: given };
}

function toResponses(
  results: readonly ToolResult[],
  context: ContentsContext,
): { responses: Fields[]; beside: Fields[] } {
  const beside: Fields[] = [];
  const responses = results.map((result) => {
    // The error has a place of its own here, so its text needs no mark.
    const plain = { ...result, isError: false };
    const flat = context.traits.richResults ? richResult(plain) : flattenResult(plain, beside.length + 1);
    const media = flat.media.map(toPart);
    const isInside = context.traits.richResults && media.every((part) => part.text === undefined);
    if (!isInside) beside.push(...media);
    const response = result.isError ? { error: flat.text || 'Tool execution failed' } : { output: flat.text };
    const name = context.toToolName(result.name);
    const parts = isInside && media.length > 0 ? { parts: media } : {};
    return { functionResponse: { ...givenId(result.id), name, response, ...parts } };
  });
  return { responses, beside };
}

function richResult(result: ToolResult): { text: string; media: Placed[] } {
  const parts = resultParts(result);
  return {
    text: parts.flatMap((part) => (part.kind === 'text' ? [part.text] : [])).join('\n'),
    media: parts.flatMap((part) => (part.kind === 'media' ? [part.placed] : [])),
  };
}
