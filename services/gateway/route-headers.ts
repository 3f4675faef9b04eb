// The headers by which an answer says where it came from.
import type { Call, Plan } from './messages/call.ts';

export function routeHeaders(call: Call, plan: Plan): string[] {
  return [
    'x-ccproxy-request-id',
    call.id,
    'x-ccproxy-mode',
    plan.mode,
    'x-ccproxy-model',
    toHeaderValue(plan.model ?? call.view?.model ?? ''),
    'x-ccproxy-route',
    toHeaderValue([plan.reason, ...call.notes].join('; ')),
  ];
}

/** Model names come from clients: what no header may hold is percent-encoded. */
function toHeaderValue(value: string): string {
  return value
    .slice(0, 512)
    .replace(/[^\x20-\x7e]/gu, (character) => encodeURIComponent(character.isWellFormed() ? character : '\ufffd'));
}
