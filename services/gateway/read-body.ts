// The body of a client's request as one buffer: never more than the limit, decoded if it came compressed.
import type { IncomingMessage } from 'node:http';
import { promisify } from 'node:util';
import { brotliDecompress, gunzip, inflate, zstdDecompress } from 'node:zlib';
import { GatewayError } from '#shared/errors.ts';
import { ClientGone } from './messages/call.ts';

const DECODERS = {
  gzip: promisify(gunzip),
  deflate: promisify(inflate),
  br: promisify(brotliDecompress),
  zstd: promisify(zstdDecompress),
};

/**
 * @throws GatewayError 413 over the limit (also after decoding), 415 for an unknown encoding, 400 for bytes that do not
 * decode; ClientGone when the connection ended before the body
 */
export async function readBody(request: IncomingMessage, limitBytes: number): Promise<Buffer> {
  const encoding = request.headers['content-encoding']?.trim().toLowerCase() ?? 'identity';
  const decode = encoding === 'identity' || encoding === '' ? null : DECODERS[encoding as keyof typeof DECODERS];
  if (decode === undefined) {
    throw new GatewayError('invalid_request_error', `content-encoding "${encoding}" is not known; use gzip or zstd`, {
      status: 415,
      closeConnection: true,
    });
  }
  const bytes = await collect(request, limitBytes);
  if (!decode) return bytes;
  try {
    return await decode(bytes, { maxOutputLength: limitBytes });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ERR_BUFFER_TOO_LARGE') throw tooLarge(limitBytes);
    throw new GatewayError('invalid_request_error', `the request body is not valid ${encoding}`, { cause: error });
  }
}

function collect(request: IncomingMessage, limitBytes: number): Promise<Buffer> {
  if (Number(request.headers['content-length'] ?? 0) > limitBytes) return Promise.reject(tooLarge(limitBytes));
  return new Promise((resolve, reject) => {
    const parts: Buffer[] = [];
    let size = 0;
    request.on('data', (part: Buffer) => {
      size += part.length;
      if (size > limitBytes) {
        request.pause();
        request.removeAllListeners('data');
        reject(tooLarge(limitBytes));
        return;
      }
      parts.push(part);
    });
    request.on('end', () => resolve(parts.length === 1 && parts[0] ? parts[0] : Buffer.concat(parts, size)));
    // A connection that ends in the middle of a body has nobody left to tell.
    request.on('error', () => reject(new ClientGone()));
  });
}

function tooLarge(limitBytes: number): GatewayError {
  return new GatewayError('request_too_large', `the request is larger than ${limitBytes} bytes`, {
    closeConnection: true,
  });
}
