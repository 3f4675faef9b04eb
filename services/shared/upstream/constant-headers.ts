// Headers that a provider's settings add to each request: which there may be, and their place among others.
import { looksLikeCredential } from './credentials.ts';

/** How a message is framed, sent and answered; trace context; marks of this gateway. */
const NOT_TO_SET =
  /^(?:host|connection|keep-alive|proxy-.*|te|trailer|transfer-encoding|upgrade|expect|content-.*|accept.*|traceparent|tracestate|baggage|x-ccproxy-.*)$/;

/** Why settings may not set a header of this name; undefined when they may. */
export function headerComplaint(name: string): string | undefined {
  const lower = name.toLowerCase();
  if (!/^[a-z0-9!#$%&'*+.^_`|~-]+$/.test(lower)) return 'must be the name of a header, e.g. "x-team"';
  if (NOT_TO_SET.test(lower)) return 'must not be a header that the gateway writes itself';
  if (!looksLikeCredential(lower)) return undefined;
  return 'must not be a header that carries a credential: use env_key or key_file, with auth_header for the name';
}

/** Flat headers with others in the place of those of the same name. */
export function withHeaders(headers: readonly string[], others: readonly string[]): string[] {
  const names = new Set(others.flatMap((name, index) => (index % 2 === 0 ? [name.toLowerCase()] : [])));
  return [...headers.filter((_, index) => !names.has((headers[index - (index % 2)] ?? '').toLowerCase())), ...others];
}
