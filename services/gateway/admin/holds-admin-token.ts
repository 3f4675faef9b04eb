// Does a request carry the admin token? Such a request goes nowhere but to the admin API.
import type { IncomingHttpHeaders } from 'node:http';
import { isSameSecret } from '#shared/http/authorize.ts';
import { CREDENTIAL_HEADERS } from '#shared/upstream/credentials.ts';

/** True when any header that may hold a credential holds the admin token, however it is presented. */
export function holdsAdminToken(headers: IncomingHttpHeaders, adminToken: string | null): boolean {
  if (adminToken === null) return false;
  return [...CREDENTIAL_HEADERS]
    .flatMap((name) => String(headers[name] ?? '').split(/[\s,;=]+/))
    .some((part) => part !== '' && isSameSecret(part, adminToken));
}
