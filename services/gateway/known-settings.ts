// What a request says beside its conversation, as attributes of its span. A client says the same from call to call: its
// settings are parsed and described once, and known again by their bytes, which are kept for that here and nowhere else.
import { ownCopy } from '#shared/free.ts';
import { keepMade } from '#shared/made-once.ts';
import type { HiddenPart } from '#shared/telemetry/hide-content.ts';
import { type RequestAttributes, requestAttributes } from '#shared/telemetry/request-attributes.ts';
import type { FinishedCall } from './messages/finished-call.ts';
import { valueAt } from './routing/skim-request.ts';

/** null = the request has to be looked at. */
export type KnownSettings = (finished: FinishedCall) => RequestAttributes | null;

/** What was met first is let go first. */
const MOST = 256;
const LONGEST = 2048;
/** Of a text or of JSON, and of a UTF-16 unit. */
const LENGTH_BYTES = 2;
const UNIT_BYTES = 2;

export function createKnownSettings(redact: (text: string) => string, hide: readonly HiddenPart[]): KnownSettings {
  const known = new Map<number, { bytes: Buffer; said: RequestAttributes }>();
  const room = Buffer.allocUnsafeSlow(LONGEST);
  return (finished) => {
    const written = writeSettings(finished, room);
    if (written === null) return null;
    const key = checksum(room, written);
    const before = known.get(key);
    if (before !== undefined && isSame(before.bytes, room, written)) return before.said;
    const request = parsed(finished);
    if (request === null) return null;
    const said = requestAttributes({ request, headers: finished.clientHeaders, hide, redact });
    if (before !== undefined) known.delete(key);
    else if (known.size >= MOST) known.delete(known.keys().next().value ?? 0);
    keepMade(said.settings);
    known.set(key, { bytes: ownCopy(room.subarray(0, written)), said });
    return said;
  };
}

/** FNV-1a. Others may have the same: what is kept under it is compared, which is cheaper than a hash that nobody can forge. */
function checksum(bytes: Buffer, end: number): number {
  let sum = 0x811c9dc5;
  for (let at = 0; at < end; at++) sum = Math.imul(sum ^ (bytes[at] ?? 0), 0x01000193);
  return sum;
}

function isSame(kept: Buffer, room: Buffer, written: number): boolean {
  if (kept.length !== written) return false;
  // Short as they are, the way into the engine takes longer.
  for (let at = 0; at < written; at++) if (kept[at] !== room[at]) return false;
  return true;
}

const CONVERSATION = new Set(['messages', 'tools', 'system']);

/**
 * Their names and JSON into the room, each behind its length: how many bytes. null when they are long, or the conversation
 * was not counted.
 */
function writeSettings({ request, requestSpans, clientHeaders }: FinishedCall, room: Buffer): number | null {
  if (request === null || requestSpans === null) return null;
  const beta = clientHeaders['anthropic-beta'] ?? '';
  if (textBytes(beta) > room.length) return null;
  let at = writeText(beta, room, 0);
  for (const [name, { start, end, outline }] of requestSpans) {
    if (CONVERSATION.has(name)) {
      if (outline === undefined && name !== 'system') return null;
      continue;
    }
    const size = end - start;
    if (at + textBytes(name) + LENGTH_BYTES + size > room.length) return null;
    at = writeText(name, room, at);
    at = writeUnit(size, room, at);
    // One by one, as above.
    for (let from = start; from < end; from++) room[at++] = request[from] ?? 0;
  }
  return at;
}

function textBytes(text: string): number {
  return LENGTH_BYTES + UNIT_BYTES * text.length;
}

function writeText(text: string, room: Buffer, from: number): number {
  let at = writeUnit(text.length, room, from);
  for (let index = 0; index < text.length; index++) at = writeUnit(text.charCodeAt(index), room, at);
  return at;
}

function writeUnit(unit: number, room: Buffer, at: number): number {
  room[at] = unit;
  room[at + 1] = unit >> 8;
  return at + UNIT_BYTES;
}

/** null when one of them is no JSON after all. */
function parsed({ request, requestSpans }: FinishedCall): Record<string, unknown> | null {
  const settings = Object.create(null) as Record<string, unknown>;
  try {
    for (const [name, span] of requestSpans ?? []) {
      if (request !== null && !CONVERSATION.has(name)) settings[name] = valueAt(request, span);
    }
    return settings;
  } catch {
    return null; // ours to look at, the upstream's to refuse
  }
}
