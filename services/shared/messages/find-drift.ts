// What in a request nobody here has heard of: a sign that the client's protocol moved on. Pure. Values are never told,
// only names and where they stand; a name that does not look like one is not told either.
import type { MessagesRequest } from '#shared/wire/anthropic.ts';
import {
  BETAS,
  BLOCK_FIELDS,
  BLOCK_TYPES,
  HEADERS,
  MESSAGE_FIELDS,
  MODEL_FAMILY,
  NESTED_FIELDS,
  REQUEST_FIELDS,
  TOOL_FIELDS,
} from './known-surface.ts';

export const DRIFT_KINDS = ['field', 'block', 'header', 'beta', 'model'] as const;

export interface Drift {
  kind: (typeof DRIFT_KINDS)[number];
  /** `messages[].clear_at`, `messages[].content[hologram]`, `anthropic-mood`, `warp-2027-01-01`. */
  path: string;
}

export interface RequestSurface {
  /** null when the body is no JSON object. */
  request: MessagesRequest | null;
  /** Lower-case. */
  headerNames: readonly string[];
  /** The value of `anthropic-beta`. */
  betas: string;
  /** Models and aliases of ours. */
  isOurModel(name: string): boolean;
}

/** Each drift once, in the order of the request. */
export function findDrift({ request, headerNames, betas, isOurModel }: RequestSurface): Drift[] {
  const found = new Map<string, Drift>();
  const note: Note = (kind, path) => found.set(`${kind} ${path}`, { kind, path });
  for (const name of headerNames) {
    if (/^(?:anthropic-|x-claude-)/.test(name) && !HEADERS.has(name)) note('header', safeName(name));
  }
  for (const beta of betas.split(',').map((value) => value.trim())) {
    if (beta !== '' && !BETAS.has(beta)) note('beta', safeName(beta));
  }
  if (request !== null) readRequest(request, isOurModel, note);
  return [...found.values()];
}

type Note = (kind: Drift['kind'], path: string) => void;

function readRequest(request: MessagesRequest, isOurModel: (name: string) => boolean, note: Note): void {
  unknownKeys(request, REQUEST_FIELDS, '', note);
  for (const [name, fields] of Object.entries(NESTED_FIELDS)) unknownKeys(request[name], fields, `${name}.`, note);
  readBlocks(request.system, 'system', note);
  for (const message of listOf(request.messages)) {
    unknownKeys(message, MESSAGE_FIELDS, 'messages[].', note);
    readBlocks(isFields(message) ? message.content : undefined, 'messages[].content', note);
  }
  for (const tool of listOf(request.tools)) {
    const isOwn = isFields(tool) && (tool.type === undefined || tool.type === null || tool.type === 'custom');
    if (isOwn) unknownKeys(tool, TOOL_FIELDS, 'tools[].', note);
  }
  const { model } = request;
  if (typeof model === 'string' && !isOurModel(model) && !isKnownFamily(model)) note('model', familyOf(model));
}

function readBlocks(content: unknown, path: string, note: Note): void {
  for (const block of listOf(content)) {
    if (!isFields(block) || typeof block.type !== 'string') continue;
    const { type } = block;
    if (!BLOCK_TYPES.has(type)) note('block', `${path}[${safeName(type)}]`);
    // The type is the client's word: it must not find what objects inherit.
    const known = Object.hasOwn(BLOCK_FIELDS, type) ? BLOCK_FIELDS[type] : undefined;
    unknownKeys(block, known, `${path}[${type}].`, note);
    if (type === 'tool_result') readBlocks(block.content, `${path}[tool_result].content`, note);
  }
}

function unknownKeys(value: unknown, known: ReadonlySet<string> | undefined, path: string, note: Note): void {
  if (!known || !isFields(value)) return;
  for (const key of Object.keys(value)) if (!known.has(key)) note('field', path + safeName(key));
}

function isKnownFamily(model: string): boolean {
  return MODEL_FAMILY.test(model.toLowerCase().replace(/^.*\//, ''));
}

/** The words a name begins with, without version. */
function familyOf(model: string): string {
  const bare = model.toLowerCase().replace(/^.*\//, '');
  return safeName(/^[a-z]+(?:-[a-z]+)*/.exec(bare)?.[0] ?? bare);
}

const NAME = /^[A-Za-z][\w.:-]{0,63}$/;

function safeName(name: string): string {
  return NAME.test(name) ? name : '(unnamed)';
}

function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

function isFields(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
