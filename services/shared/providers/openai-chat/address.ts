// Where Chat Completions is below a base URL, however much of its path the URL already has.
import type { Target } from '../target.ts';

const ENDPOINT = '/chat/completions';
/** `/v1`, `/v4`, `/v1beta/openai`: the URL says which API it means. */
const VERSIONED = /\/v\d+[a-z0-9]*(?:\/|$)/;

/** `path` is the vendor's own. */
export function chatPath(target: Target, path: string): string {
  const base = new URL(target.baseUrl).pathname.replace(/\/$/, '');
  if (base.endsWith(ENDPOINT)) return '';
  if (VERSIONED.test(base)) return ENDPOINT;
  // A URL may hold the beginning of the vendor's path already.
  return base !== '' && path.startsWith(`${base}/`) ? path.slice(base.length) : path;
}
