// Reasoning state of a provider inside a thinking signature or a redacted block, so that it comes back with the history
// and no replica has to remember it. Whose state it is stands in front of it: another provider's is never sent on.
import { parseJson } from './fields.ts';

/** What the gateway's own state begins with. */
export const OWN_MARK = 'ccproxy1.';

/** `ccproxy1.<provider>.<base64url JSON>` */
export function encodeThinkingState(provider: string, state: unknown): string {
  return `${OWN_MARK}${provider}.${Buffer.from(JSON.stringify(state)).toString('base64url')}`;
}

/** The state that this provider wrote; undefined when it is another's, broken or none. */
export function decodeThinkingState(provider: string, signature: unknown): unknown {
  const start = `${OWN_MARK}${provider}.`;
  if (typeof signature !== 'string' || !signature.startsWith(start)) return undefined;
  return parseJson(Buffer.from(signature.slice(start.length), 'base64url').toString('utf8'));
}

/** Did the gateway write it, for whichever provider? */
export function isOwnThinkingState(signature: unknown): boolean {
  return typeof signature === 'string' && signature.startsWith(OWN_MARK);
}
