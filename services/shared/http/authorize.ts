// Who may use a service's own API: whoever bears the admin token; without a token, only pages and programs of this
// machine. One rule for every service.
import { createHash, timingSafeEqual } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';
import type { RequestHandler } from 'express';
import { isLoopback } from '#shared/config/schema.ts';
import { GatewayError } from '#shared/errors.ts';

/** A proxy on this machine speaks for others. */
const PROXY_HEADERS = /^(?:x-forwarded(?:-.+)?|x-real-ip|forwarded|via)$/;

/** `requireAdmin` in front of express routes. */
export function authorize(adminToken: string | null): RequestHandler {
  return (req, _res, next) => {
    requireAdmin(req.headers, req.socket.remoteAddress, adminToken);
    next();
  };
}

/** @throws GatewayError 401 without the token; where there is none, 403 for whoever is not of this machine */
export function requireAdmin(
  headers: IncomingHttpHeaders,
  remoteAddress: string | undefined,
  adminToken: string | null,
): void {
  if (adminToken === null) {
    refuseStrangers(headers, remoteAddress);
    return;
  }
  if (bearsAdminToken(headers, adminToken)) return;
  throw new GatewayError(
    'authentication_error',
    'authorization: this API needs the header "Authorization: Bearer <admin token>"',
    { headers: { 'www-authenticate': 'Bearer', 'x-should-retry': 'false' } },
  );
}

/** True when the request carries the admin token as its bearer. Takes the same time for every wrong token. */
export function bearsAdminToken(headers: IncomingHttpHeaders, adminToken: string | null): boolean {
  const bearer = /^Bearer +(.+)$/i.exec(headers.authorization ?? '')?.[1];
  return bearer !== undefined && adminToken !== null && isSameSecret(bearer, adminToken);
}

/** Digests have one length: the comparison takes the same time for every text. */
export function isSameSecret(given: string, secret: string): boolean {
  return timingSafeEqual(digest(given), digest(secret));
}

/** No page of another site, and no other name that was made to lead to this address. */
export function comesFromThisMachine(headers: IncomingHttpHeaders): boolean {
  return isLocalUrl(`http://${headers.host ?? ''}`) && (headers.origin === undefined || isLocalUrl(headers.origin));
}

/**
 * A page of another site can make a browser call this address, also under a name of its own that resolves to it; both
 * show in the headers. A proxy beside this service would make callers from anywhere look local.
 */
function refuseStrangers(headers: IncomingHttpHeaders, remoteAddress: string | undefined): void {
  const proxied = Object.keys(headers).find((name) => PROXY_HEADERS.test(name));
  if (proxied !== undefined) refuse(proxied, 'no proxy');
  if (!isLoopback((remoteAddress ?? '').replace(/^::ffff:/, ''))) refuse('address', 'only this machine');
  if (comesFromThisMachine(headers)) return;
  if (!isLocalUrl(`http://${headers.host ?? ''}`)) refuse('host', 'only a loopback address');
  refuse('origin', 'no page but a local one');
}

function refuse(field: string, answered: string): never {
  throw new GatewayError(
    'permission_error',
    `${field}: without an admin token ${answered} is answered; set admin.token`,
  );
}

function isLocalUrl(url: string): boolean {
  if (!URL.canParse(url)) return false;
  const { protocol, hostname } = new URL(url);
  return /^https?:$/.test(protocol) && isLoopback(hostname.replace(/^\[|\]$/g, ''));
}

function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}
