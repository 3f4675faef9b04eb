// Steps on what is said to a model: parts of the prompt that cost more than they tell it.
import { foldSystem } from '#shared/providers/anthropic/messages.ts';
import { withoutBilling } from '#shared/providers/content.ts';
import { type Fields, isFields, textOf } from '#shared/providers/fields.ts';
import { whole } from '../params.ts';
import type { StepKind } from '../step.ts';

export const dropBillingBlock: StepKind = {
  name: 'drop-billing-block',
  about:
    "Takes the client's billing line out of the system prompt: it differs in each conversation and defeats caches.",
  places: ['request'],
  params: [],
  create: () => ({ on: 'body', change: withoutBilling }),
};

export const foldSystemStep: StepKind = {
  name: 'fold-system',
  about: 'Turns system messages between the turns into words of the user turn beside them.',
  places: ['request'],
  params: [],
  create: () => ({ on: 'body', change: fold }),
};

interface Turn extends Fields {
  role: string;
  content: string | Fields[];
}

/** What is no conversation stays what it is: whoever reads it says what is wrong with it. */
function fold(body: Fields): Fields {
  const { messages } = body;
  const isFoldable =
    Array.isArray(messages) && messages.every(isTurn) && messages.some(({ role }) => role === 'system');
  return isFoldable ? { ...body, messages: foldSystem(messages, []) } : body;
}

function isTurn(message: unknown): message is Turn {
  if (!isFields(message) || typeof message.role !== 'string') return false;
  const { content } = message;
  return typeof content === 'string' || (Array.isArray(content) && content.every(isBlock));
}

function isBlock(block: unknown): boolean {
  return isFields(block) && typeof block.type === 'string' && (block.type !== 'text' || typeof block.text === 'string');
}

export const stripGitStatus: StepKind = {
  name: 'strip-git-status',
  about: "Takes Claude Code's snapshot of the git status out of the system prompt.",
  places: ['request'],
  params: [],
  create: () => ({ on: 'body', change: (body) => inSystem(body, withoutGitStatus) }),
};

/** Claude Code puts it last: from a line of that name to the end of its list of commits, else of the text. */
const STATUS = 'gitStatus: ';
const COMMITS = '\nRecent commits:\n';

function withoutGitStatus(text: string): string {
  const start = text.startsWith(STATUS) ? 0 : text.indexOf(`\n${STATUS}`);
  if (start === -1) return text;
  const commits = text.indexOf(COMMITS, start);
  const end = commits === -1 ? -1 : text.indexOf('\n\n', commits + COMMITS.length);
  return text.slice(0, start).trimEnd() + (end === -1 ? '' : text.slice(end));
}

function inSystem(body: Fields, change: (text: string) => string): Fields {
  const { system } = body;
  if (typeof system === 'string') {
    const text = change(system);
    return text === system ? body : withSystem(body, text.trim() === '' ? undefined : text);
  }
  if (!Array.isArray(system)) return body;
  const blocks = system.flatMap((block: unknown) => {
    if (!isFields(block) || typeof block.text !== 'string') return [block];
    const text = change(block.text);
    if (text === block.text) return [block];
    // A text of nothing is refused.
    return text.trim() === '' ? [] : [{ ...block, text }];
  });
  const isSame = blocks.length === system.length && blocks.every((block, index) => block === system[index]);
  return isSame ? body : withSystem(body, blocks.length === 0 ? undefined : blocks);
}

function withSystem({ system: _, ...body }: Fields, system: unknown): Fields {
  return system === undefined ? body : { ...body, system };
}

const USUAL_LENGTH = 1000;

export const shortenToolDescriptions: StepKind = {
  name: 'shorten-tool-descriptions',
  about: 'Cuts descriptions of tools that are longer, at the end of a line or sentence where there is one.',
  places: ['request'],
  params: [whole('max_chars', `Characters of each description; unset = ${USUAL_LENGTH}.`, 20, 100_000)],
  create: ({ max_chars: most = USUAL_LENGTH }) => ({ on: 'body', change: (body) => shortened(body, Number(most)) }),
};

function shortened(body: Fields, most: number): Fields {
  const { tools } = body;
  if (!Array.isArray(tools)) return body;
  const isLong = (tool: unknown): tool is Fields => isFields(tool) && textOf(tool.description).length > most;
  if (!tools.some(isLong)) return body;
  return {
    ...body,
    tools: tools.map((tool: unknown) =>
      isLong(tool) ? { ...tool, description: shorten(textOf(tool.description), most) } : tool,
    ),
  };
}

/** Letters of ASCII alone: with others a large body takes twice the time to write. */
const MORE = ' [...]';

function shorten(text: string, most: number): string {
  const head = text.slice(0, most - MORE.length);
  const end = Math.max(head.lastIndexOf('\n'), head.lastIndexOf('. ') + 1);
  // One that would lose more than half for a tidy end is cut where it must be.
  const kept = end >= most / 2 ? head.slice(0, end) : head;
  return kept.trimEnd().replace(/[\ud800-\udbff]$/, '') + MORE;
}
