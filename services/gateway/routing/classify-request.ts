// What kind of request this is: the client's own hint, else an ordered table of body shapes. Pure. The markers are short
// pieces of what clients send and change with their releases; recorded requests are the test.
import type { RequestClass } from '#shared/exchange/exchange.ts';
import type { ContentBlock, MessagesRequest } from '#shared/wire/anthropic.ts';

export const CLASS_RULES_VERSION = 'class-rules@1';

export interface Classification {
  class: RequestClass;
  /** Finer kind of an auxiliary request. */
  kind: string | null;
}

export type ClientHeaders = Readonly<Record<string, string | string[] | undefined>>;

const HINTED: ReadonlySet<string> = new Set(['main', 'subagent', 'workflow', 'compaction', 'auxiliary']);

export function classifyRequest(request: MessagesRequest, headers: ClientHeaders): Classification {
  const hint = hintedClass(headers);
  if (hint !== null && hint !== 'auxiliary') return { class: hint, kind: null };
  const kind = auxiliaryKind(request);
  if (hint === 'auxiliary') return { class: 'auxiliary', kind };
  if (kind !== null) return { class: 'auxiliary', kind };
  if (asksForSummary(request)) return { class: 'compaction', kind: null };
  if (headers['x-claude-code-agent-id'] || isSubagent(request)) return { class: 'subagent', kind: null };
  return { class: hasTools(request) ? 'main' : 'other', kind: null };
}

/** What the client itself says; null = the body has to be looked at. */
export function hintedClass(headers: ClientHeaders): RequestClass | null {
  if (headers['x-claude-code-compaction']) return 'compaction';
  const hint = headers['x-claude-code-request-class'];
  return typeof hint === 'string' && HINTED.has(hint) ? (hint as RequestClass) : null;
}

interface Shape {
  request: MessagesRequest;
  system: string;
  lastUser: string;
}

const AUXILIARY: ReadonlyArray<readonly [kind: string, matches: (shape: Shape) => boolean]> = [
  ['quota_probe', ({ request, lastUser }) => request.max_tokens === 1 && isSingle(request) && /quota/i.test(lastUser)],
  ['quota_probe', ({ request }) => isSingle(request) && !hasTools(request) && (request.max_tokens ?? Infinity) <= 32],
  ['title', ({ request }) => isEmptyList(request.tools) && formatType(request) === 'json_schema'],
  [
    'title',
    ({ request, system }) =>
      !hasTools(request) && system.includes('new conversation topic') && system.includes('title'),
  ],
  ['title', ({ lastUser }) => /5-10 word title|Summarize this coding conversation/.test(lastUser)],
  ['safety_classifier', ({ request }) => request.stream === undefined && thinkingType(request) === 'disabled'],
  ['prefix_detect', ({ request, lastUser }) => isSingle(request) && inOrder(lastUser, '<policy_spec>', 'Command:')],
  [
    'filepath_extract',
    ({ request, system, lastUser }) =>
      !hasTools(request) &&
      inOrder(lastUser, 'Command:', 'Output:') &&
      (lastUser.includes('filepaths') || system.includes('filepaths')),
  ],
  ['suggestion', ({ lastUser }) => lastUser.includes('[SUGGESTION MODE:')],
  ['background', ({ request }) => /haiku/.test(request.model) && !hasTools(request)],
];

/** A regular expression would look through all that follows once for each `first`. */
function inOrder(text: string, first: string, second: string): boolean {
  const at = text.indexOf(first);
  return at !== -1 && text.includes(second, at + first.length);
}

function auxiliaryKind(request: MessagesRequest): string | null {
  const shape: Shape = { request, system: systemText(request), lastUser: lastUserText(request) };
  return AUXILIARY.find(([, matches]) => matches(shape))?.[0] ?? null;
}

function asksForSummary(request: MessagesRequest): boolean {
  return /create a detailed summary of the conversation/i.test(lastUserText(request));
}

/** Stands in the first 400 characters of a subagent's instructions. */
export const SUBAGENT_MARK = 'cc_is_subagent=true';

function isSubagent(request: MessagesRequest): boolean {
  return systemText(request).slice(0, 400).includes(SUBAGENT_MARK);
}

function hasTools(request: MessagesRequest): boolean {
  return Array.isArray(request.tools) && request.tools.length > 0;
}

function isEmptyList(value: unknown): boolean {
  return Array.isArray(value) && value.length === 0;
}

function isSingle(request: MessagesRequest): boolean {
  return Array.isArray(request.messages) && request.messages.length === 1;
}

function formatType(request: MessagesRequest): unknown {
  return (request.output_config as { format?: { type?: unknown } } | undefined)?.format?.type;
}

function thinkingType(request: MessagesRequest): unknown {
  return (request.thinking as { type?: unknown } | undefined)?.type;
}

export function systemText(request: MessagesRequest): string {
  return textOf(request.system);
}

function lastUserText(request: MessagesRequest): string {
  const messages = Array.isArray(request.messages) ? request.messages : [];
  return textOf(messages.findLast((message) => message?.role === 'user')?.content);
}

function textOf(content: unknown): string {
  if (typeof content === 'string') return content;
  if (!Array.isArray(content)) return '';
  return (content as ContentBlock[]).map((block) => (isText(block) ? block.text : '')).join('\n');
}

/** Some clients do not say what a text is. */
function isText(block: ContentBlock | null): block is ContentBlock & { text: string } {
  return typeof block?.text === 'string' && (block.type === undefined || block.type === 'text');
}
