// By what a turn that is compared is known again: the agent inside its session, and the key of a repeated attempt. Both are
// made of the bytes as they were sent. Pure.
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
export function identifyPair(
  bytes: Buffer,
  headers: Readonly<Record<string, string>>,
  spans: Spans | null,
  sessionId: string,
): PairIdentity | null {
  try {
    const places = spans ?? scanTopLevel(bytes, MAX_DEPTH, new Set());
    return {
      lineageId: `${sessionId}/${headers['x-claude-code-agent-id'] ?? agentOf(bytes, places)}`,
      turnKey: turnKeyOf(bytes, places, sessionId),
    };
  } catch {
    return null; // ours to look at, the upstream's to refuse
  }
}

/** Who says not which agent it is, is known by its instructions and what its tools are called. */
function agentOf(bytes: Buffer, spans: Spans): string {
  const [instructions, tools] = [spans.get('system'), spans.get('tools')];
  return hash(
    ...(instructions ? instructionsOf(bytes, instructions) : []),
    JSON.stringify(tools ? scanList(bytes, tools, MAX_DEPTH).map(({ start }) => toolName(bytes, start)) : []),
  ).slice(0, 32);
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

/** The texts as they are written, but for the line of billing ahead of them, which differs each time. */
function instructionsOf(bytes: Buffer, span: Span): Buffer[] {
  const texts = textsAt(bytes, span);
  const [first, ...others] = texts;
  if (first === undefined || bytes.toString('latin1', first.start, first.start + BILLING.length) !== BILLING) {
    return texts.map((text) => bytesAt(bytes, text));
  }
  const rest = String(valueAt(bytes, first)).replace(BILLING_LINE, '');
  return [...(rest === '' ? [] : [Buffer.from(JSON.stringify(rest))]), ...others.map((text) => bytesAt(bytes, text))];
}

function textsAt(bytes: Buffer, span: Span): Span[] {
  if (bytes[span.start] === QUOTE) return [span];
  return scanList(bytes, span, MAX_DEPTH).flatMap(({ start }) => textSpan(bytes, start) ?? []);
}

const QUOTE = 0x22;
const OPEN_BRACE = 0x7b;

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
