// By what a turn that is compared is known again: the agent inside its session, and the key of a repeated attempt. Both are
// made of the bytes as they were sent.
import { createHash } from 'node:crypto';
import { crc32 } from 'node:zlib';
import { type Span, scanFields, scanList, scanTopLevel } from '#shared/messages/scan-top-level.ts';
import { MAX_DEPTH, textSpan, valueAt } from './skim-request.ts';

export interface PairIdentity {
  lineageId: string;
  turnKey: string;
}

type Spans = ReadonlyMap<string, Span>;

/** null when the bytes are no request. `spans`: where its top-level values stand, null when that is not known. */
export type IdentifyPair = (
  bytes: Buffer,
  headers: Readonly<Record<string, string>>,
  spans: Spans | null,
  sessionId: string,
) => PairIdentity | null;

/** Agents remembered by their instructions and tools; the first are forgotten first. */
const REMEMBERED = 256;

/** The same for the same bytes, whichever of them is asked. */
export function createPairIdentifier(): IdentifyPair {
  const agents = new Map<string, string>();
  const knownAgent = (bytes: Buffer, spans: Spans): string => {
    const [system, tools] = [spans.get('system'), spans.get('tools')];
    const billing = system && billingText(bytes, system);
    const parts = [bytesAt(bytes, tools), ...(system ? aroundBilling(bytes, system, billing) : [])];
    const key = parts.map((part) => `${part.length}:${crc32(part)}`).join();
    const known = agents.get(key);
    if (known !== undefined) return known;
    const agent = toAgent(system ? instructionsOf(bytes, system, billing) : [], tools ? toolNames(bytes, tools) : []);
    agents.set(key, agent);
    const first = agents.size > REMEMBERED ? agents.keys().next().value : undefined;
    if (first !== undefined) agents.delete(first);
    return agent;
  };
  const agentOf = (bytes: Buffer, spans: Spans): string => {
    try {
      return knownAgent(bytes, spans);
    } catch {
      // Its instructions or tools are no JSON after all: the turn is one to be known again like any other.
      return toAgent([bytesAt(bytes, spans.get('system')), bytesAt(bytes, spans.get('tools'))], []);
    }
  };
  return (bytes, headers, spans, sessionId) => {
    try {
      const places = spans ?? scanTopLevel(bytes, MAX_DEPTH, new Set());
      return {
        lineageId: `${sessionId}/${headers['x-claude-code-agent-id'] ?? agentOf(bytes, places)}`,
        turnKey: turnKeyOf(bytes, places, sessionId),
      };
    } catch {
      return null; // ours to look at, the upstream's to refuse
    }
  };
}

/** Who says not which agent it is, is known by its instructions and what its tools are called. */
function toAgent(instructions: Buffer[], tools: string[]): string {
  return hash(...instructions, JSON.stringify(tools)).slice(0, 32);
}

/**
 * Equal for a turn that is sent again, also with another `stream` and `max_tokens`, as clients do after a failure: a client
 * that repeats a turn writes `messages` and `tools` the same way, and who writes them otherwise is asking anew.
 */
function turnKeyOf(bytes: Buffer, spans: Spans, sessionId: string): string {
  const model = spans.get('model');
  const name = model ? valueAt(bytes, model) : undefined;
  return hash(sessionId, String(name), bytesAt(bytes, spans.get('messages')), bytesAt(bytes, spans.get('tools')));
}

const BILLING = '"x-anthropic-billing-header:';
const BILLING_LINE = /^x-anthropic-billing-header:[^\n]*\n?/;

/** So far ahead in the instructions the line of billing begins, if there is one. */
const HEAD_BYTES = 256;

/** The text that begins with the line of billing: the first there is. */
function billingText(bytes: Buffer, system: Span): Span | undefined {
  const { start, end } = system;
  const head = bytes.toString('latin1', start, Math.min(end, start + HEAD_BYTES));
  const at = head.indexOf(BILLING);
  if (at === -1) return undefined;
  const firstBlock = start + head.length - head.slice(1).trimStart().length;
  const text = bytes[start] === QUOTE ? system : textSpan(bytes, firstBlock);
  return text?.start === start + at ? text : undefined;
}

/** The texts as they are written, but for the line of billing ahead of them, which differs each time. */
function instructionsOf(bytes: Buffer, system: Span, billing: Span | undefined): Buffer[] {
  const texts = textsAt(bytes, system);
  if (billing === undefined) return texts.map((text) => bytesAt(bytes, text));
  const rest = String(valueAt(bytes, billing)).replace(BILLING_LINE, '');
  const others = texts.slice(1).map((text) => bytesAt(bytes, text));
  return [...(rest === '' ? [] : [Buffer.from(JSON.stringify(rest))]), ...others];
}

/** The instructions as they stand, before and behind that line. */
function aroundBilling(bytes: Buffer, { start, end }: Span, billing: Span | undefined): Buffer[] {
  if (billing === undefined) return [bytes.subarray(start, end)];
  let at = billing.start + BILLING.length;
  while (at < end && bytes[at] !== QUOTE && bytes[at] !== BACKSLASH) at++;
  return [bytes.subarray(start, billing.start), bytes.subarray(at, end)];
}

function textsAt(bytes: Buffer, span: Span): Span[] {
  if (bytes[span.start] === QUOTE) return [span];
  return scanList(bytes, span, MAX_DEPTH).flatMap(({ start }) => textSpan(bytes, start) ?? []);
}

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const OPEN_BRACE = 0x7b;

function toolNames(bytes: Buffer, tools: Span): string[] {
  return scanList(bytes, tools, MAX_DEPTH).map(({ start }) => toolName(bytes, start));
}

/** Most say first what they are called: the rest of those is not looked at. */
function toolName(bytes: Buffer, start: number): string {
  let name: unknown;
  let type: unknown;
  if (bytes[start] !== OPEN_BRACE) return '';
  scanFields(bytes, start, MAX_DEPTH, (key, span) => {
    if (key === 'type') type = valueAt(bytes, span);
    if (key === 'name') name = valueAt(bytes, span);
    return typeof name !== 'string';
  });
  return typeof name === 'string' ? name : typeof type === 'string' ? type : '';
}

function bytesAt(bytes: Buffer, span: Span | undefined): Buffer {
  return span === undefined ? bytes.subarray(0, 0) : bytes.subarray(span.start, span.end);
}

const HASHED_BYTES = 8192;

/**
 * SHA-256 as hex, over the end of each part, where turns and agents of one session differ, and the length and CRC-32 of all
 * of it: SHA-256 of it all takes four times as long.
 */
function hash(...parts: Array<string | Buffer>): string {
  const digest = createHash('sha256');
  for (const part of parts) {
    if (typeof part === 'string') digest.update(`${part.length}:`).update(part);
    else digest.update(`${part.length}:${crc32(part)}:`).update(part.subarray(-HASHED_BYTES));
  }
  return digest.digest('hex');
}
