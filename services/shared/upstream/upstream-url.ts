// A target's base URL and a path of the Messages API → where to send.
import type { Target } from '#shared/providers/target.ts';

/** A base URL may end in `/v1`, as documentation of servers often shows it: the path brings its own. */
export function toUpstreamUrl(target: Target, path: string): { origin: string; path: string } {
  const { baseUrl } = target;
  const slash = baseUrl.indexOf('/', baseUrl.indexOf('//') + 2);
  if (slash === -1) return { origin: baseUrl, path };
  return { origin: baseUrl.slice(0, slash), path: baseUrl.slice(slash).replace(/\/v1$/, '') + path };
}
