// A target's base URL and a path of the Messages API → where to send.
import type { Target } from '#shared/providers/target.ts';

/** A base URL may end in `/v1`, as documentation of servers often shows it: the path brings its own. */
export function toUpstreamUrl(target: Target, path: string): { origin: string; path: string } {
  const base = new URL(target.baseUrl);
  return { origin: base.origin, path: base.pathname.replace(/\/v1$|\/$/, '') + path };
}
