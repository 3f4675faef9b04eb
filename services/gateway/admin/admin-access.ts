// Who may use the admin API: the bearer of the token, or without one whoever is on this machine and no web page.
import { createHash, timingSafeEqual } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';
import { isLoopback } from '#shared/config/schema.ts';
import { GatewayError } from '#shared/errors.ts';
import { CREDENTIAL_HEADERS } from '#shared/upstream/credentials.ts';

/** A proxy on this machine speaks for others. */
const PROXY_HEADERS = ['x-forwarded-for', 'x-forwarded-host', 'x-forwarded-proto', 'forwarded', 'via'];

/** True when the request carries the admin token as its bearer. Takes the same time for every wrong token. */
export function bearsAdminToken(headers: IncomingHttpHeaders, adminToken: string | null): boolean {
  const bearer = /^Bearer +(.+)$/i.exec(headers.authorization ?? '')?.[1];
  if (bearer === undefined || adminToken === null) return false;
  return timingSafeEqual(digest(bearer), digest(adminToken));
}

/** @throws GatewayError 401 or 403 */
export function requireAdmin(
  headers: IncomingHttpHeaders,
  remoteAddress: string | undefined,
  adminToken: string | null,
): void {
  if (adminToken !== null) {
    if (bearsAdminToken(headers, adminToken)) return;
    throw new GatewayError(
      'authentication_error',
      'the admin API needs the header "Authorization: Bearer <admin token>"',
      {
        headers: { 'x-should-retry': 'false' },
      },
    );
  }
  // Without a token only this machine may switch, and no page in a browser on it: a page cannot help sending Origin, and
  // a rebound name shows in Host.
  const isProxied = PROXY_HEADERS.some((name) => headers[name] !== undefined);
  if (isLocal(remoteAddress) && !isProxied && comesFromThisMachine(headers)) return;
  throw new GatewayError(
    'permission_error',
    'without an admin token the admin API answers only this machine; set admin.token',
  );
}

/** True when any header of the request holds the admin token, however it is presented: such a request goes nowhere. */
export function holdsAdminToken(headers: IncomingHttpHeaders, adminToken: string | null): boolean {
  if (adminToken === null) return false;
  const wanted = digest(adminToken);
  return [...CREDENTIAL_HEADERS]
    .flatMap((name) => String(headers[name] ?? '').split(/[\s,;=]+/))
    .some((part) => part !== '' && timingSafeEqual(digest(part), wanted));
}

/** No page of another site, and no other name rebound to this address. */
export function comesFromThisMachine(headers: IncomingHttpHeaders): boolean {
  const origin = headers.origin === undefined ? null : hostOf(headers.origin.replace(/^[a-z]+:\/\//i, ''));
  return isLoopback(hostOf(headers.host)) && (origin === null || isLoopback(origin));
}

function digest(value: string): Buffer {
  return createHash('sha256').update(value).digest();
}

function hostOf(value: string | undefined): string {
  return (value ?? '')
    .replace(/:\d+$/, '')
    .replace(/^\[|\]$/g, '')
    .toLowerCase();
}

function isLocal(address: string | undefined): boolean {
  return isLoopback((address ?? '').replace(/^::ffff:/, ''));
}
