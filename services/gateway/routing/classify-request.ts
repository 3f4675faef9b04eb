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
  const shape = new Shape(request);
  const kind = AUXILIARY.find(([, matches]) => matches(shape))?.[0] ?? null;
  if (hint === 'auxiliary' || kind !== null) return { class: 'auxiliary', kind };
  if (/create a detailed summary of the conversation/i.test(shape.lastUser)) return { class: 'compaction', kind: null };
  if (headers['x-claude-code-agent-id'] || isSubagent(shape)) return { class: 'subagent', kind: null };
  return { class: shape.hasTools ? 'main' : 'other', kind: null };
}

/** What the client itself says; null = the body has to be looked at. */
export function hintedClass(headers: ClientHeaders): RequestClass | null {
  if (headers['x-claude-code-compaction']) return 'compaction';
  const hint = headers['x-claude-code-request-class'];
  return typeof hint === 'string' && HINTED.has(hint) ? (hint as RequestClass) : null;
}

/** What the table asks for; a text is put together when it is asked for first. */
class Shape {
  readonly request: MessagesRequest;
  readonly hasTools: boolean;
  readonly isSingle: boolean;
  #system: string | undefined;
  #lastUser: string | undefined;

  constructor(request: MessagesRequest) {
    const { tools, messages } = request;
    this.request = request;
    this.hasTools = Array.isArray(tools) && tools.length > 0;
    this.isSingle = Array.isArray(messages) && messages.length === 1;
  }

  get system(): string {
    this.#system ??= textOf(this.request.system);
    return this.#system;
  }

  get lastUser(): string {
    this.#lastUser ??= lastUserText(this.request);
    return this.#lastUser;
  }
}

const AUXILIARY: ReadonlyArray<readonly [kind: string, matches: (shape: Shape) => boolean]> = [
  ['quota_probe', (shape) => shape.request.max_tokens === 1 && shape.isSingle && /quota/i.test(shape.lastUser)],
  ['quota_probe', ({ request, isSingle, hasTools }) => isSingle && !hasTools && (request.max_tokens ?? Infinity) <= 32],
  ['title', ({ request }) => isEmptyList(request.tools) && formatType(request) === 'json_schema'],
  [
    'title',
    (shape) => !shape.hasTools && shape.system.includes('new conversation topic') && shape.system.includes('title'),
  ],
  ['title', ({ lastUser }) => /5-10 word title|Summarize this coding conversation/.test(lastUser)],
  ['safety_classifier', ({ request }) => request.stream === undefined && thinkingType(request) === 'disabled'],
  ['prefix_detect', (shape) => shape.isSingle && inOrder(shape.lastUser, '<policy_spec>', 'Command:')],
  [
    'filepath_extract',
    (shape) =>
      !shape.hasTools &&
      inOrder(shape.lastUser, 'Command:', 'Output:') &&
      (shape.lastUser.includes('filepaths') || shape.system.includes('filepaths')),
  ],
  ['suggestion', ({ lastUser }) => lastUser.includes('[SUGGESTION MODE:')],
  ['background', ({ request, hasTools }) => !hasTools && /haiku/.test(request.model)],
];

/** A regular expression would look through all that follows once for each `first`. */
function inOrder(text: string, first: string, second: string): boolean {
  const at = text.indexOf(first);
  return at !== -1 && text.includes(second, at + first.length);
}

/** Stands in the first 400 characters of a subagent's instructions. */
export const SUBAGENT_MARK = 'cc_is_subagent=true';

function isSubagent({ system }: Shape): boolean {
  return system.slice(0, 400).includes(SUBAGENT_MARK);
}

function isEmptyList(value: unknown): boolean {
  return Array.isArray(value) && value.length === 0;
}

function formatType(request: MessagesRequest): unknown {
  return (request.output_config as { format?: { type?: unknown } } | undefined)?.format?.type;
}

function thinkingType(request: MessagesRequest): unknown {
  return (request.thinking as { type?: unknown } | undefined)?.type;
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
