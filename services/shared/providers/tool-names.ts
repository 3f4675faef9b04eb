// Names and ids of tools as an upstream takes them. Both are made from the original alone, so that every replica makes
// the same ones; names are mapped back in the answer.
import { createHash } from 'node:crypto';
import { madeOnce } from '#shared/made-once.ts';

export interface ToolNameRule {
  max: number;
  /** Matches one character that is not allowed. */
  illegal: RegExp;
  /** A name that does not match gets `_` in front. */
  start?: RegExp;
}

export const OPENAI_TOOL_NAMES: ToolNameRule = { max: 64, illegal: /[^a-zA-Z0-9_-]/g };

export interface ToolNames {
  /** The name to send, in tools, history and choice alike. */
  toUpstream(name: string): string;
  /** Names as sent → as the client knows them; only those that differ. */
  readonly renamed: ReadonlyMap<string, string>;
}

interface GivenNames {
  /** The client's → as sent. */
  sent: Map<string, string>;
  renamed: Map<string, string>;
  taken: Set<string>;
}

/** `tools`: those of the request. What is legal keeps its name and no other tool gets it. */
export function createToolNames(tools: ReadonlyArray<{ name: string }>, rule: ToolNameRule): ToolNames {
  const given = madeOnce(tools, rule, () => nameTools(tools, rule));
  // Histories name tools that are no more.
  return namesFrom({ sent: new Map(given.sent), renamed: new Map(given.renamed), taken: new Set(given.taken) }, rule);
}

function nameTools(tools: ReadonlyArray<{ name: string }>, rule: ToolNameRule): GivenNames {
  const names = tools.map(({ name }) => name);
  const taken = new Set(names.filter((name) => legalName(name, rule) === name));
  const given = { sent: new Map([...taken].map((name) => [name, name])), renamed: new Map(), taken };
  const { toUpstream } = namesFrom(given, rule);
  for (const name of names) toUpstream(name);
  return given;
}

function namesFrom({ sent, renamed, taken }: GivenNames, rule: ToolNameRule): ToolNames {
  const toUpstream = (name: string): string => {
    const known = sent.get(name);
    if (known !== undefined) return known;
    let chosen = legalName(name, rule);
    for (let attempt = 1; taken.has(chosen); attempt++) chosen = hashedName(name, rule, attempt);
    taken.add(chosen);
    sent.set(name, chosen);
    if (chosen !== name) renamed.set(chosen, name);
    return chosen;
  };
  return { toUpstream, renamed };
}

function legalName(name: string, rule: ToolNameRule): string {
  const isLegal = name !== '' && name.length <= rule.max && cleaned(name, rule) === name;
  return isLegal ? name : hashedName(name, rule, 0);
}

function hashedName(name: string, rule: ToolNameRule, attempt: number): string {
  const hash = hashOf(attempt === 0 ? name : `${name}#${attempt}`, 8);
  return `${cleaned(name, rule).slice(0, rule.max - 9)}_${hash}`;
}

function cleaned(name: string, rule: ToolNameRule): string {
  const legal = name.replace(rule.illegal, '_');
  return rule.start && !rule.start.test(legal) ? `_${legal}` : legal;
}

export interface ToolIdRule {
  max: number;
  /** Matches one character that is not allowed. */
  illegal: RegExp;
  /** Ids have exactly this length. */
  exact?: boolean;
}

/** Clients take no others. */
export const CLIENT_TOOL_IDS: ToolIdRule = { max: Number.POSITIVE_INFINITY, illegal: /[^a-zA-Z0-9_-]/g };

/** The same id for a call and for its result. */
export function toToolId(id: string, rule: ToolIdRule): string {
  const isLegal = id.search(rule.illegal) === -1;
  if (rule.exact) return isLegal && id.length === rule.max ? id : hashOf(id, rule.max);
  if (isLegal && id.length <= rule.max && id !== '') return id;
  const legal = id.replace(rule.illegal, '_');
  return `${legal.slice(0, Math.max(0, Math.min(rule.max, 200) - 17))}_${hashOf(id, 16)}`;
}

function hashOf(text: string, length: number): string {
  return createHash('sha256').update(text.toWellFormed()).digest('hex').slice(0, length);
}
