// Who may use the API: whoever bears the admin token; without a token, only pages and programs of this machine.
import { createHash, timingSafeEqual } from 'node:crypto';
import type { Request, RequestHandler } from 'express';
import { isLoopback } from '#shared/config/schema.ts';
import { GatewayError } from '#shared/errors.ts';

export function authorize(adminToken: string | null): RequestHandler {
  if (adminToken === null) {
    return (req, _res, next) => {
      refuseForeignPages(req);
      next();
    };
  }
  const expected = digest(`Bearer ${adminToken}`);
  return (req, _res, next) => {
    // Digests have one length: the comparison takes the same time for every token.
    if (!timingSafeEqual(digest(normaliseScheme(req.headers.authorization ?? '')), expected)) {
      throw new GatewayError(
        'authentication_error',
        'the authorization header must hold "Bearer" and the admin token',
        {
          headers: { 'www-authenticate': 'Bearer' },
        },
      );
    }
    next();
  };
}

/**
 * A page of another site can make a browser call this address, also under a name of its own that resolves to it. Both
 * show in the headers.
 */
function refuseForeignPages(req: Request): void {
  if (!isLocal(`http://${req.headers.host ?? ''}`)) {
    throw new GatewayError('permission_error', 'host: without an admin token only a loopback address is answered');
  }
  const { origin } = req.headers;
  if (origin !== undefined && !isLocal(origin)) {
    throw new GatewayError('permission_error', 'origin: without an admin token only local pages are answered');
  }
}

function isLocal(url: string): boolean {
  if (!URL.canParse(url)) return false;
  const { protocol, hostname } = new URL(url);
  return /^https?:$/.test(protocol) && isLoopback(hostname.replace(/^\[|\]$/g, ''));
}

function normaliseScheme(header: string): string {
  return header.replace(/^bearer +/i, 'Bearer ');
}

function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}
