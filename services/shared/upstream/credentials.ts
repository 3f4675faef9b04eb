// The only place where a credential is put on a request. A caller's credential goes to a host that takes the caller's
// own; every other host gets its own key or none.
import type { Credential } from '#shared/providers/target.ts';

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

/** Flat headers that authenticate a call. `clientHeaders` is the caller's flat list, read only for kind `client`. */
export function credentialHeaders(credential: Credential, clientHeaders: readonly string[]): string[] {
  switch (credential.kind) {
    case 'none':
      return [];
    case 'key':
      return credential.header === 'authorization'
        ? ['authorization', `Bearer ${credential.secret}`]
        : [credential.header, credential.secret];
    case 'client':
      return ownCredential(clientHeaders);
  }
}

function ownCredential(headers: readonly string[]): string[] {
  const own: string[] = [];
  for (let index = 0; index < headers.length; index += 2) {
    const name = headers[index] ?? '';
    if (/^(authorization|x-api-key)$/i.test(name)) own.push(name, headers[index + 1] ?? '');
  }
  return own;
}
