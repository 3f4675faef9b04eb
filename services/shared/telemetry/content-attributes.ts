// Prompt and answer text on a span, within a budget of bytes: the answer first, then the conversation from its newest
// message backwards, so that what is cut is what was said longest ago.
import { MimeType } from '@arizeai/openinference-semantic-conventions';
import { CCPROXY, OPENINFERENCE } from './attribute-keys.ts';
import { compactJson, LONGEST_BASE64 } from './compact-json.ts';
import { type Conversation, readConversation } from './conversation.ts';
import { type FlatMessage, flattenContent, type TextRules } from './flatten-message.ts';
import type { HiddenPart } from './hide-content.ts';
import type { ModelObservation, ModelRequest } from './model-call.ts';
import { utf8Size } from './protobuf-output.ts';
import { type ShownMessages, type SizedMessage, sized } from './shown-messages.ts';
import type { SpanRecord } from './tracing.ts';

export interface ContentInput {
  request: ModelRequest | null;
  /** What is shown of the request, where it was read already. */
  conversation?: Conversation;
  observation: ModelObservation;
  longestImage?: number;
  hide?: readonly HiddenPart[];
  redact(text: string): string;
}

/** The lists of traces show these two: enough to recognise a turn. */
const LONGEST_VALUE_BYTES = 64 * 1024;

type Attributes = SpanRecord['attributes'];

/**
 * Keys and values together take at most `maxBytes`; `ccproxy.content.truncated` says whether something is missing. Returns
 * the messages and tools, which belong behind the attributes.
 */
export function addContent(attributes: Attributes, input: ContentInput, maxBytes: number): ShownMessages[] {
  const budget = createBudget(maxBytes - Buffer.byteLength(CCPROXY.contentTruncated) - 1);
  const { request, observation, redact } = input;
  const rules: TextRules = { redact, longestImage: input.longestImage ?? LONGEST_BASE64 };
  const hidesImages = input.hide?.includes('input_images') ?? false;
  const conversation = input.conversation ?? readConversation(request, { ...rules, hidesImages });
  const values: Attributes = {};
  const summaryBytes = Math.min(LONGEST_VALUE_BYTES, Math.floor(maxBytes / 8));
  addValue(values, budget, [OPENINFERENCE.inputMimeType, OPENINFERENCE.inputValue], summaryBytes, {
    text: redact(lastUserText(conversation)),
    mime: MimeType.TEXT,
  });
  addValue(values, budget, [OPENINFERENCE.outputMimeType, OPENINFERENCE.outputValue], summaryBytes, finalText(input));
  const answer = observation.message;
  const outputs = answer === null ? [] : flattenContent('assistant', answer.content, new Map(), rules);
  const output = takeNewest(outputs, (entries) => [sized(entries)], budget, OPENINFERENCE.outputMessages);
  const tools = takeTools(conversation, budget);
  const inputs = takeInputs(conversation, budget);
  attributes[CCPROXY.contentTruncated] = budget.isExceeded;
  Object.assign(attributes, values);
  return [
    { prefix: OPENINFERENCE.outputMessages, messages: output },
    { prefix: OPENINFERENCE.inputMessages, messages: inputs },
    { prefix: OPENINFERENCE.tools, messages: tools },
  ];
}

interface Budget {
  left: number;
  isExceeded: boolean;
}

function createBudget(bytes: number): Budget {
  return { left: Math.max(0, bytes), isExceeded: false };
}

function addValue(
  values: Attributes,
  budget: Budget,
  [mimeKey, valueKey]: [string, string],
  maxBytes: number,
  { text, mime }: { text: string; mime: string },
): void {
  if (text === '') return;
  const keyBytes = utf8Size(mimeKey) + utf8Size(mime) + utf8Size(valueKey);
  const clipped = clip(text, Math.min(maxBytes, budget.left - keyBytes));
  if (clipped === '') {
    budget.isExceeded = true;
    return;
  }
  budget.left -= keyBytes + Buffer.byteLength(clipped);
  values[mimeKey] = mime;
  values[valueKey] = clipped;
}

/** As many tools, in their order, as fit into a quarter of what is left: they are the same turn by turn. */
function takeTools({ tools }: Conversation, budget: Budget): SizedMessage[] {
  let left = Math.floor(budget.left / 4);
  const taken: SizedMessage[] = [];
  for (const tool of tools) {
    const flat = tool.flatten(new Map());
    const size = sizeOf(flat, OPENINFERENCE.tools);
    if (size > left) {
      budget.isExceeded = true;
      break;
    }
    left -= size;
    budget.left -= size;
    taken.push(...flat);
  }
  return taken;
}

/** The system prompt, if it takes no more than a quarter of what is left, then messages from the newest back. */
function takeInputs({ system, messages }: Conversation, budget: Budget): SizedMessage[] {
  const names = new Map(messages.flatMap((message) => message.calls()));
  const first = system?.flatten(names) ?? [];
  const systemBytes = sizeOf(first, OPENINFERENCE.inputMessages);
  const keepsSystem = systemBytes <= budget.left / 4;
  if (keepsSystem) budget.left -= systemBytes;
  else budget.isExceeded = true;
  const taken = takeNewest(messages, (message) => message.flatten(names), budget, OPENINFERENCE.inputMessages);
  return keepsSystem ? [...first, ...taken] : taken;
}

/**
 * Takes whole messages while they fit, the last first, and looks at no more; the very last is cut rather than left out. In
 * their own order again.
 */
function takeNewest<Part>(
  parts: readonly Part[],
  flatten: (part: Part) => readonly SizedMessage[],
  budget: Budget,
  prefix: string,
): SizedMessage[] {
  const taken: SizedMessage[] = [];
  const around = keySize('', prefix);
  for (const part of parts.toReversed()) {
    for (const message of flatten(part).toReversed()) {
      const size = message.bytes + message.entries.length * around;
      if (size > budget.left) {
        const start = taken.length === 0 ? cutMessage(message.entries, budget, prefix) : [];
        budget.left = 0;
        budget.isExceeded = true;
        return start.length > 0 ? [sized(start)] : taken.toReversed();
      }
      budget.left -= size;
      taken.push(message);
    }
  }
  return taken.toReversed();
}

/** The start of a message: whole parts, then the start of the one that no longer fits. */
function cutMessage(message: FlatMessage, budget: Budget, prefix: string): FlatMessage {
  const cut: FlatMessage = [];
  for (const [key, value] of message) {
    const keyBytes = keySize(key, prefix);
    const clipped = clip(value, budget.left - keyBytes);
    if (clipped === '' && value !== '') break;
    if (keyBytes > budget.left) break;
    budget.left -= keyBytes + Buffer.byteLength(clipped);
    cut.push([key, clipped]);
    if (clipped.length < value.length) break;
  }
  return cut;
}

/** Indices have up to seven digits here: more messages than that fit into no budget. */
const INDEX_BYTES = '.1234567.'.length;

function keySize(key: string, prefix: string): number {
  return utf8Size(prefix) + INDEX_BYTES + utf8Size(key);
}

function sizeOf(messages: readonly SizedMessage[], prefix: string): number {
  const around = keySize('', prefix);
  return messages.reduce((sum, { entries, bytes }) => sum + bytes + entries.length * around, 0);
}

/** The start of the text that takes at most `maxBytes` as UTF-8, no character split. */
export function clip(text: string, maxBytes: number): string {
  if (maxBytes <= 0) return '';
  // A UTF-16 unit takes one to three bytes, so most texts need no counting.
  if (text.length * 3 <= maxBytes || Buffer.byteLength(text) <= maxBytes) return text;
  const { read } = new TextEncoder().encodeInto(text, new Uint8Array(maxBytes));
  return text.slice(0, read);
}

function lastUserText({ messages }: Conversation): string {
  for (const message of messages.toReversed()) {
    const text = message.userText();
    if (text !== '') return text;
  }
  return '';
}

/** The text of the answer; the tool calls of one that has no text. */
function finalText({ observation, redact }: ContentInput): { text: string; mime: string } {
  if (observation.text !== '') return { text: redact(observation.text), mime: MimeType.TEXT };
  if (observation.toolCalls.length === 0) return { text: '', mime: MimeType.TEXT };
  const calls = observation.toolCalls.map(({ name, input, rawInput }) => ({ name, input: input ?? rawInput }));
  return { text: redact(compactJson(calls)), mime: MimeType.JSON };
}
