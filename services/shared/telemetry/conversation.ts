// What a span shows of a request, part by part: each is made of its own JSON alone, so that who knows what was made of the
// same JSON before need not make it again.
import { TOOL_SCHEMA } from './attribute-keys.ts';
import { compactJson } from './compact-json.ts';
import {
  type FlatMessage,
  flattenContent,
  flattenMessage,
  namedCalls,
  type TextRules,
  type ToolNames,
} from './flatten-message.ts';
import type { ModelRequest } from './model-call.ts';
import { type SizedMessage, sized } from './shown-messages.ts';

/** A message, the system prompt or a tool. */
export interface ConversationPart {
  /** Its text if a user wrote it; else empty. */
  userText(): string;
  /** The tool calls in it: id and name. */
  calls(): ReadonlyArray<readonly [id: string, name: string]>;
  /** `names`: of the calls that its results are of. */
  flatten(names: ToolNames): readonly SizedMessage[];
}

export interface Conversation {
  readonly system: ConversationPart | null;
  readonly messages: readonly ConversationPart[];
  readonly tools: readonly ConversationPart[];
}

export type PartKind = 'system' | 'message' | 'tool';

export function readConversation(request: ModelRequest | null, rules: TextRules): Conversation {
  const partsOf = (kind: PartKind, list: unknown): ConversationPart[] =>
    Array.isArray(list) ? list.map((value) => readPart(kind, value, rules)) : [];
  return {
    system: request?.system === undefined ? null : readPart('system', request.system, rules),
    messages: partsOf('message', request?.messages),
    tools: partsOf('tool', request?.tools),
  };
}

export function readPart(kind: PartKind, value: unknown, rules: TextRules): ConversationPart {
  const isMessage = kind === 'message';
  return {
    userText: () => (isMessage && isObject(value) && value.role === 'user' ? textOf(value.content) : ''),
    calls: () => (isMessage ? namedCalls(value) : []),
    flatten: (names) => flatten(kind, value, names, rules).map((entries) => sized(entries, rules.sizeOf)),
  };
}

function flatten(kind: PartKind, value: unknown, names: ToolNames, rules: TextRules): FlatMessage[] {
  if (kind === 'message') return flattenMessage(value, names, rules);
  if (kind === 'system') return flattenContent('system', value, names, rules);
  return [[[TOOL_SCHEMA, rules.redact(compactJson(value))]]];
}

function textOf(content: unknown): string {
  if (typeof content === 'string') return content;
  if (!Array.isArray(content)) return '';
  return content
    .map((block: unknown) =>
      isObject(block) && block.type === 'text' && typeof block.text === 'string' ? block.text : '',
    )
    .filter((text) => text !== '')
    .join('\n');
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
