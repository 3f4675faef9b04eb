// What the operator sets for requests that do not say it themselves. Pure; the client's own request stays as it is.
import type { RequestDefaults } from '#shared/providers/target.ts';
import type { MessagesRequest } from '#shared/wire/anthropic.ts';

/** From this version of Anthropic's API on a request holds no sampling parameters. */
const NO_SAMPLING_FROM = '2026-10-21';

/** `anthropicVersion`: the client's, as it said it. Notes what was added. */
export function fillDefaults(
  request: MessagesRequest,
  defaults: RequestDefaults,
  anthropicVersion: string | null,
): { request: MessagesRequest; notes: string[] } {
  const isWithout = anthropicVersion !== null && anthropicVersion >= NO_SAMPLING_FROM;
  const added = isWithout
    ? []
    : Object.entries(defaults).filter(([name, value]) => value !== null && (request[name] ?? null) === null);
  if (added.length === 0) return { request, notes: [] };
  return {
    request: { ...request, ...Object.fromEntries(added) },
    notes: added.map(([name, value]) => `default:${name}:${value}`),
  };
}
