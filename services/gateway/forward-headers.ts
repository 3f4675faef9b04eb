// Which headers travel: end-to-end ones as they are; hop-by-hop ones never; credentials only by credentials.ts.
import type { Target } from '#shared/providers/target.ts';
import { withHeaders } from '#shared/upstream/constant-headers.ts';
import { CREDENTIAL_HEADERS, looksLikeCredential, ownHeader, sign } from '#shared/upstream/credentials.ts';

/** RFC 9110, 7.6.1, and what a proxy speaks for itself. */
export const HOP_BY_HOP: ReadonlySet<string> = new Set([
  'connection',
  'keep-alive',
  'proxy-authenticate',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
  'host',
  'content-length',
  'expect',
]);

/** Which trace a request is in, and what a client put beside, ends here; our own is another step's. */
export const TRACE_CONTEXT: ReadonlySet<string> = new Set(['traceparent', 'tracestate', 'baggage']);
/** Of a request's. Decoding happened here, so the encoding ends here. */
const END_HERE: ReadonlySet<string> = new Set([...HOP_BY_HOP, ...TRACE_CONTEXT, 'content-encoding']);
/** Ours stay here, but for the mark that a request is a shadow's: a gateway further on must not shadow it again. */
const isOwn = (name: string): boolean => name.startsWith('x-ccproxy-') && name !== 'x-ccproxy-shadow';

/** The client's flat headers → flat headers for a target. */
export function forwardHeaders(rawHeaders: readonly string[], target: Target): string[] {
  const named = connectionNames(rawHeaders);
  const headers: string[] = [];
  for (let index = 0; index < rawHeaders.length; index += 2) {
    const name = rawHeaders[index] ?? '';
    const lower = name.toLowerCase();
    if (END_HERE.has(lower) || named.has(lower)) continue;
    if (isOwn(lower) || isForeignCredential(lower, target)) continue;
    headers.push(name, rawHeaders[index + 1] ?? '');
  }
  const own = target.headers.length === 0 ? headers : withHeaders(headers, target.headers);
  return sign(own, target.credential, rawHeaders);
}

/** The upstream's flat headers → flat headers for the client. */
export function answerHeaders(rawHeaders: readonly string[], target: Target, isEventStream: boolean): string[] {
  const named = connectionNames(rawHeaders);
  const headers: string[] = [];
  for (let index = 0; index < rawHeaders.length; index += 2) {
    const name = rawHeaders[index] ?? '';
    const lower = name.toLowerCase();
    // An event stream may get one event more than the upstream sent, so its length is not known beforehand.
    const isLength = lower === 'content-length' && !isEventStream;
    if ((HOP_BY_HOP.has(lower) && !isLength) || named.has(lower)) continue;
    if (isOfAccount(lower, target)) continue;
    headers.push(name, rawHeaders[index + 1] ?? '');
  }
  return headers;
}

const OF_ACCOUNT =
  /^(?:set-cookie2?|alt-svc|anthropic-(?:ratelimit-.+|organization-id|workspace-id)|x-ratelimit-.+|openai-.+)$/;

/**
 * Whose quota, organisation and session an answer tells of is whose credential asked: a caller's own answer is passed on
 * whole, and of the gateway's account no user is told. Lower-case name.
 */
export function isOfAccount(name: string, { credential }: Target): boolean {
  return credential.kind !== 'client' && OF_ACCOUNT.test(name);
}

/** A host that takes the caller's own credential gets it by `sign`; no other host gets anything like one. */
function isForeignCredential(name: string, target: Target): boolean {
  const { credential } = target;
  if (name === ownHeader(credential)) return true;
  return CREDENTIAL_HEADERS.has(name) || (credential.kind !== 'client' && looksLikeCredential(name));
}

const CONNECTION = 'connection';

/** What any of the `Connection` headers names belongs to this hop. */
export function connectionNames(rawHeaders: readonly string[]): ReadonlySet<string> {
  const names = new Set<string>();
  for (let index = 0; index < rawHeaders.length; index += 2) {
    const name = rawHeaders[index];
    if (name?.length !== CONNECTION.length || name.toLowerCase() !== CONNECTION) continue;
    for (const named of (rawHeaders[index + 1] ?? '').split(',')) names.add(named.trim().toLowerCase());
  }
  return names;
}
