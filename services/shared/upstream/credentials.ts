// The only place where a credential is put on a request. A caller's credential goes to a host that takes the caller's
// own; every other host gets its own key or token, or none.
import { GatewayError } from '#shared/errors.ts';
import type { Credential, Target, TokenCredential } from '#shared/providers/target.ts';

/** Names that may carry a secret of the caller; they travel on only through `credentialHeaders`. */
export const CREDENTIAL_HEADERS: ReadonlySet<string> = new Set([
  'authorization',
  'proxy-authorization',
  'x-api-key',
  'api-key',
  'x-goog-api-key',
  'cookie',
  'x-ccproxy-key',
]);

/** Vendors name their keys as they like: by the look of it this header holds one. Lower-case name. */
export function looksLikeCredential(name: string): boolean {
  return CREDENTIAL_HEADERS.has(name) || CREDENTIAL_NAME.test(name);
}

const CREDENTIAL_NAME =
  /(?:^|[-_])(?:keys?|tokens?|secrets?|credentials?|passwords?|cookies?)$|(?:^|[-_])(?:auth|authorization)(?:[-_]|$)/;

/**
 * Flat headers that authenticate a call, to be set in place of others of their names. `clientHeaders` is the caller's flat
 * list: its own credential is read for kind `client`, its beta features where a token needs one more.
 * @throws GatewayError 503 when a token is wanted and there is none yet
 */
export function credentialHeaders(credential: Credential, clientHeaders: readonly string[]): string[] {
  switch (credential.kind) {
    case 'none':
      return [];
    case 'key':
      return keyHeader(credential.header, credential.secret);
    case 'token':
      return tokenHeaders(credential, clientHeaders);
    case 'client': {
      const own = ownCredential(clientHeaders);
      return own.length === 0 && credential.spare ? tokenHeaders(credential.spare, clientHeaders) : own;
    }
  }
}

/** The headers of a request, which may be added to, with what authenticates it. @throws as `credentialHeaders` */
export function sign(headers: string[], credential: Credential, clientHeaders: readonly string[] = headers): string[] {
  const own = credentialHeaders(credential, credential.kind === 'token' ? headers : clientHeaders);
  const kept = credential.kind === 'token' ? without(headers, own) : headers;
  kept.push(...own);
  return kept;
}

/** The target as this caller finds it: with the spare credential in place of one that the caller did not send. */
export function withSpareCredential(target: Target, clientHeaders: readonly string[]): Target {
  const { credential } = target;
  if (credential.kind !== 'client' || !credential.spare || ownCredential(clientHeaders).length > 0) return target;
  return { ...target, credential: credential.spare };
}

/** True while a token is wanted that its source has not given yet. */
export function lacksCredential(credential: Credential): boolean {
  return credential.kind === 'token' && credential.source.values().length === 0;
}

/** The header of a credential that is the gateway's own. */
export function ownHeader(credential: Credential): string | null {
  return credential.kind === 'key' || credential.kind === 'token' ? credential.header : null;
}

/** What the gateway itself may have sent with this credential, the newest first. */
export function ownSecrets(credential: Credential): readonly string[] {
  const secrets = credential.kind === 'key' ? [credential.secret] : [];
  const all = credential.kind === 'token' ? credential.source.values() : secrets;
  return all.filter(({ length }) => length >= SHORTEST_SECRET);
}

/** Shorter ones are placeholders, and parts of other words. */
const SHORTEST_SECRET = 4;

/**
 * Tells a token's source that an upstream answered 401 to these headers. True when a repeated request will carry another
 * value, or may: it is being read.
 */
export function tokenRefused(credential: Credential, sent: readonly string[]): boolean {
  if (credential.kind !== 'token') return false;
  const [newest] = credential.source.values();
  const isNewest = newest !== undefined && keyHeader(credential.header, newest).every((part) => sent.includes(part));
  return !isNewest || credential.source.refuse();
}

function keyHeader(header: string, secret: string): string[] {
  return header === 'authorization' ? [header, `Bearer ${secret}`] : [header, secret];
}

const RETRY_SECS = '5';
const BETA = 'anthropic-beta';
/** Anthropic's API takes an OAuth token only with this feature named; its tokens begin like that. */
const OAUTH_BETA = 'oauth-2025-04-20';
const OAUTH_TOKEN = 'sk-ant-oat';

function tokenHeaders({ source, header, provider }: TokenCredential, beside: readonly string[]): string[] {
  const [value] = source.values();
  if (value === undefined) {
    const why = source.trouble() ?? 'it is being read';
    throw new GatewayError('api_error', `no credential for ${provider}: [tokens.${source.name}] gave none (${why})`, {
      status: 503,
      headers: { 'retry-after': RETRY_SECS },
    });
  }
  return [
    ...keyHeader(header, value),
    ...(source.userAgent === null ? [] : ['user-agent', source.userAgent]),
    ...(value.startsWith(OAUTH_TOKEN) ? [BETA, withOauth(beside)] : []),
  ];
}

function withOauth(headers: readonly string[]): string {
  const given = headers.filter((_, index) => index % 2 === 1 && headers[index - 1]?.toLowerCase() === BETA);
  const named = given.flatMap((value) => value.split(',').map((name) => name.trim()));
  return [...new Set([...named, OAUTH_BETA])].filter((name) => name !== '').join(',');
}

function without(headers: readonly string[], own: readonly string[]): string[] {
  const names = new Set(own.filter((_, index) => index % 2 === 0));
  return headers.filter((_, index) => !names.has((headers[index - (index % 2)] ?? '').toLowerCase()));
}

function ownCredential(headers: readonly string[]): string[] {
  const own: string[] = [];
  for (let index = 0; index < headers.length; index += 2) {
    const name = headers[index] ?? '';
    if (/^(authorization|x-api-key)$/i.test(name)) own.push(name, headers[index + 1] ?? '');
  }
  return own;
}
