// The body of a client's request as one buffer: never more than the limit, decoded if it came compressed. What is held is
// what was sent, in however small pieces it comes, and all bodies together stay within a budget.
import type { IncomingMessage } from 'node:http';
import { promisify } from 'node:util';
import { brotliDecompress, gunzip, inflate, zstdDecompress } from 'node:zlib';
import { GatewayError } from '#shared/errors.ts';
import { free, ownCopy } from '#shared/free.ts';
import { ClientGone } from './messages/call.ts';

type Decode = (bytes: Buffer, options: { maxOutputLength: number }) => Promise<Buffer>;

const DECODERS = new Map<string, Decode>([
  ['gzip', promisify(gunzip)],
  ['deflate', promisify(inflate)],
  ['br', promisify(brotliDecompress)],
  ['zstd', promisify(zstdDecompress)],
]);

/** Bytes of bodies that may be held at once. */
export interface BodyBudget {
  /** False when the bytes do not fit; nothing was taken then. */
  take(bytes: number): boolean;
  give(bytes: number): void;
}

export function createBodyBudget(limitBytes: number): BodyBudget {
  let held = 0;
  return {
    take: (bytes) => {
      if (held + bytes > limitBytes) return false;
      held += bytes;
      return true;
    },
    give: (bytes) => {
      held -= bytes;
    },
  };
}

export interface ReadBodyOptions {
  limitBytes: number;
  budget?: BodyBudget;
  /** Given the way to return what was taken of the budget. */
  onTaken?: (release: () => void) => void;
}

/**
 * @throws GatewayError 413 over the limit (also after decoding), 415 for an unknown encoding, 400 for bytes that do not
 * decode, 529 over the budget; ClientGone when the connection ended before the body
 */
export async function readBody(request: IncomingMessage, options: ReadBodyOptions): Promise<Buffer> {
  const encoding = request.headers['content-encoding']?.trim().toLowerCase() ?? 'identity';
  const decode = encoding === 'identity' || encoding === '' ? null : DECODERS.get(encoding);
  if (decode === undefined) {
    throw new GatewayError('invalid_request_error', `content-encoding "${encoding}" is not known; use gzip or zstd`, {
      status: 415,
      closeConnection: true,
    });
  }
  const bytes = await collect(request, options);
  if (!decode) return bytes;
  try {
    const decoded = await decode(bytes, { maxOutputLength: options.limitBytes });
    free(bytes);
    return decoded;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ERR_BUFFER_TOO_LARGE') throw tooLarge(options.limitBytes);
    throw new GatewayError('invalid_request_error', `the request body is not valid ${encoding}`, { cause: error });
  }
}

/** Room that is made at once for a declared length; more grows with what comes. */
const TRUSTED_BYTES = 1024 * 1024;
const FIRST_BYTES = 16 * 1024;

function collect(request: IncomingMessage, { limitBytes, budget, onTaken }: ReadBodyOptions): Promise<Buffer> {
  const declared = Number(request.headers['content-length'] ?? Number.NaN);
  if (declared > limitBytes) return Promise.reject(tooLarge(limitBytes));
  const mostBytes = Number.isNaN(declared) ? limitBytes : declared;
  let room: Buffer | undefined;
  let size = 0;
  onTaken?.(() => budget?.give(size));
  return new Promise((resolve, reject) => {
    const refuse = (error: GatewayError): void => {
      request.pause();
      request.removeAllListeners('data');
      reject(error);
    };
    request.on('data', (part: Buffer) => {
      const { length } = part;
      if (size + length > limitBytes) return refuse(tooLarge(limitBytes));
      if (budget && !budget.take(length)) return refuse(tooBusy());
      // A body that comes in one piece is held as it came.
      if (length === declared) room = part;
      else {
        room ??= Buffer.allocUnsafeSlow(Number.isNaN(declared) ? FIRST_BYTES : Math.min(declared, TRUSTED_BYTES));
        if (size + length > room.length) room = grow(room, size, size + length, mostBytes);
        part.copy(room, size);
        free(part);
      }
      size += length;
    });
    request.on('end', () => resolve(room === undefined ? Buffer.alloc(0) : exactly(room, size)));
    // A connection that ends in the middle of a body has nobody left to tell.
    request.on('error', () => reject(new ClientGone()));
  });
}

function grow(room: Buffer, used: number, needed: number, mostBytes: number): Buffer {
  const larger = Buffer.allocUnsafeSlow(Math.max(needed, Math.min(mostBytes, room.length * 2)));
  room.copy(larger, 0, 0, used);
  free(room);
  return larger;
}

/** Without room that is not used: only memory that is a body's whole own can be freed after it. */
function exactly(room: Buffer, size: number): Buffer {
  if (room.length === size) return room;
  const own = ownCopy(room.subarray(0, size));
  free(room);
  return own;
}

function tooLarge(limitBytes: number): GatewayError {
  return new GatewayError('request_too_large', `the request is larger than ${limitBytes} bytes`, {
    closeConnection: true,
  });
}

function tooBusy(): GatewayError {
  return new GatewayError('overloaded_error', 'the gateway holds as many request bytes as it may; try again', {
    headers: { 'retry-after': '1' },
    closeConnection: true,
  });
}
