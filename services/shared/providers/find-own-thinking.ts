// Finds the thinking in a native request that this gateway signed for another provider. Anthropic would refuse it, so it
// is cut out of the bytes; a body without the mark is only searched for it.
import type { Edit } from '#shared/messages/edit-bytes.ts';
import { ScanError, type Span, scanList, scanTopLevel } from '#shared/messages/scan-top-level.ts';
import { fieldsOf, isFields, parseJson } from './fields.ts';
import { isOwnThinkingState, OWN_MARK } from './thinking-state.ts';

const MAX_DEPTH = 512;
const NONE: ReadonlySet<string> = new Set();

export interface OwnThinking {
  /** The cuts that take the blocks out, and whole messages that held nothing else. */
  cuts: Edit[];
  blocks: number;
}

/** `messages` is the top-level value. What is no conversation has none: the upstream says what is wrong with it. */
export function findOwnThinking(bytes: Buffer, messages: Span | undefined): OwnThinking {
  if (messages === undefined || !bytes.includes(OWN_MARK)) return { cuts: [], blocks: 0 };
  try {
    return inMessages(bytes, messages);
  } catch (error) {
    if (error instanceof ScanError) return { cuts: [], blocks: 0 };
    throw error;
  }
}

function inMessages(bytes: Buffer, messages: Span): OwnThinking {
  const elements = scanList(bytes, messages, MAX_DEPTH);
  const found: OwnThinking = { cuts: [], blocks: 0 };
  const emptied = new Set<number>();
  for (const [index, element] of elements.entries()) {
    const blocks = blocksOf(bytes, element);
    const own = new Set([...blocks.keys()].filter((at) => isOwn(bytes, blocks[at])));
    found.blocks += own.size;
    if (own.size === 0) continue;
    if (own.size === blocks.length) emptied.add(index);
    else found.cuts.push(...cutsOf(blocks, own));
  }
  // With nothing left there would be no conversation: what is wrong with it is the upstream's to say.
  if (emptied.size === elements.length) return { cuts: [], blocks: 0 };
  found.cuts.push(...cutsOf(elements, emptied));
  return found;
}

/** The content blocks of a message, as places in the body. */
function blocksOf(bytes: Buffer, message: Span): Span[] {
  const inside = bytes.subarray(message.start, message.end);
  if (!inside.includes(OWN_MARK)) return [];
  const content = scanTopLevel(inside, MAX_DEPTH, NONE).get('content');
  if (content === undefined) return [];
  return scanList(bytes, { start: message.start + content.start, end: message.start + content.end }, MAX_DEPTH);
}

function isOwn(bytes: Buffer, span: Span | undefined): boolean {
  if (span === undefined) return false;
  const json = bytes.subarray(span.start, span.end);
  if (!json.includes(OWN_MARK)) return false;
  const block = parseJson(json.toString('utf8'));
  if (!isFields(block)) return false;
  const { type, signature, data } = fieldsOf(block);
  return (
    (type === 'thinking' && isOwnThinkingState(signature)) || (type === 'redacted_thinking' && isOwnThinkingState(data))
  );
}

/** Each with the comma behind it, or for the last ones with the comma before. */
function cutsOf(elements: readonly Span[], removed: ReadonlySet<number>): Edit[] {
  const lastKept = elements.findLastIndex((_, index) => !removed.has(index));
  return [...removed].flatMap((index) => {
    const element = elements[index];
    if (element === undefined) return [];
    const next = elements[index + 1];
    const start = index > lastKept ? (elements[lastKept]?.end ?? element.start) : element.start;
    const end = index > lastKept || next === undefined ? element.end : next.start;
    return [{ start, end, text: '' }];
  });
}
