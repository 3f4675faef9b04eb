// Does the client plan, and not act yet? Clients say so to the model in the conversation, now and then, and say when it is
// over: what was said last holds. Pure. The markers are short pieces of what Claude Code 1.0 and 2.1 send.
import { type Span, scanList } from '#shared/messages/scan-top-level.ts';
import { fieldsOf, listOf, textOf } from '#shared/providers/fields.ts';
import { MAX_DEPTH, valueAt } from './skim-request.ts';

/** The answer to the call by which the model ends its plan begins with it. */
const APPROVAL = 'User has approved your plan.';

const MARKERS: ReadonlyArray<{ text: string; isPlanning: boolean }> = [
  { text: 'Plan mode is active. The user indicated', isPlanning: true },
  { text: 'Plan mode still active (see full instructions', isPlanning: true },
  { text: 'You have exited plan mode. You can now make edits', isPlanning: false },
  { text: APPROVAL, isPlanning: false },
];
const MARKER_BYTES = MARKERS.map(({ text }) => Buffer.from(text));

/** Only messages that hold a marker's bytes are parsed. @throws ScanError or SyntaxError */
export function findPlanMode(bytes: Buffer, messages: Span): boolean {
  for (const place of scanList(bytes, messages, MAX_DEPTH).reverse()) {
    const own = bytes.subarray(place.start, place.end);
    if (!MARKER_BYTES.some((marker) => own.includes(marker))) continue;
    const said = lastMarker(spokenByClient(valueAt(bytes, place)));
    if (said !== undefined) return said.isPlanning;
  }
  return false;
}

function lastMarker(texts: string[]): (typeof MARKERS)[number] | undefined {
  const places = texts
    .reverse()
    .flatMap((text) =>
      MARKERS.map((marker) => ({ marker, at: text.lastIndexOf(marker.text) })).sort((a, b) => b.at - a.at),
    );
  return places.find(({ at }) => at !== -1)?.marker;
}

/** Texts in which the client itself speaks to the model; what a user types or a tool finds may quote anything. */
function spokenByClient(message: unknown): string[] {
  const { role, content } = fieldsOf(message);
  const blocks = typeof content === 'string' ? [{ type: 'text', text: content }] : listOf(content).map(fieldsOf);
  if (role === 'system') return blocks.map(({ text }) => textOf(text));
  if (role !== 'user') return [];
  return blocks.flatMap((block) => {
    const text = textOf(block.text);
    if (text.startsWith('<system-reminder>')) return [text];
    return block.type === 'tool_result' ? approvalIn(block.content) : [];
  });
}

function approvalIn(content: unknown): string[] {
  const texts = typeof content === 'string' ? [content] : listOf(content).map((part) => textOf(fieldsOf(part).text));
  return texts.filter((text) => text.startsWith(APPROVAL)).map(() => APPROVAL);
}
