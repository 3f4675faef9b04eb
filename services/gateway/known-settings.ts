// What a request says beside its conversation, as attributes of its span. A client says the same from call to call: its
// settings are parsed and described once, and known again by a hash of their bytes, which may hold what is secret.
import { hash } from 'node:crypto';
import { type Attributes, requestAttributes } from '#shared/telemetry/llm-attributes.ts';
import type { FinishedCall } from './messages/finished-call.ts';
import { valueAt } from './routing/skim-request.ts';

/** null = the request has to be looked at. */
export type KnownSettings = (finished: FinishedCall) => Attributes | null;

/** What was met first is let go first. */
const MOST = 256;
const LONGEST = 2048;

export function createKnownSettings(redact: (text: string) => string): KnownSettings {
  const known = new Map<string, Attributes>();
  return (finished) => {
    const written = settingsOf(finished);
    if (written === null) return null;
    const key = hash('sha256', written, 'base64');
    const before = known.get(key);
    if (before !== undefined) return before;
    const request = parsed(finished);
    if (request === null) return null;
    const attributes = requestAttributes({ request, headers: finished.clientHeaders, redact });
    if (known.size >= MOST) known.delete(known.keys().next().value ?? '');
    known.set(key, attributes);
    return attributes;
  };
}

const CONVERSATION = new Set(['messages', 'tools', 'system']);

/** Their names and JSON, each with its length; null when they are long, or the conversation was not counted. */
function settingsOf({ request, requestSpans, clientHeaders }: FinishedCall): string | null {
  if (request === null || requestSpans === null) return null;
  const beta = clientHeaders['anthropic-beta'] ?? '';
  let written = `${beta.length} ${beta}`;
  for (const [name, { start, end, outline }] of requestSpans) {
    if (CONVERSATION.has(name)) {
      if (outline === undefined && name !== 'system') return null;
      continue;
    }
    if (written.length + name.length + end - start > LONGEST) return null;
    written += `${name.length} ${end - start} ${name}${request.toString('latin1', start, end)}`;
  }
  return written;
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
