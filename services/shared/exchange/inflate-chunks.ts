// Undoes a content-encoding chunk by chunk, so that every decoded byte keeps the arrival time of the chunk that made it
// readable.
import { createBrotliDecompress, createGunzip, createInflate, createInflateRaw, createZstdDecompress } from 'node:zlib';
import type { TimedChunk } from '#shared/exchange/exchange.ts';

type Decoder = ReturnType<typeof createGunzip> | ReturnType<typeof createZstdDecompress>;

export interface InflatedChunks {
  chunks: TimedChunk[];
  /** False when the compressed bytes were broken, cut short, or grew over the limit; `chunks` has what came before. */
  whole: boolean;
}

/** A small answer may not blow up without end. */
const MAX_DECODED_BYTES = 256 * 1024 * 1024;

/** @param encoding the `content-encoding` header; unknown ones leave the bytes as they are. Never throws. */
export async function inflateChunks(chunks: TimedChunk[], encoding: string | undefined): Promise<InflatedChunks> {
  let result: InflatedChunks = { chunks, whole: true };
  for (const name of (encoding ?? '').toLowerCase().split(',').reverse().slice(0, 4)) {
    const decoder = createDecoder(name.trim(), firstBytes(result.chunks));
    if (decoder === null) continue;
    const inflated = await runDecoder(decoder, result.chunks);
    result = { chunks: inflated.chunks, whole: result.whole && inflated.whole };
  }
  return result;
}

/** As `inflateChunks`, for bytes whose times nobody asks for. */
export async function inflateBytes(bytes: Buffer, encoding: string | undefined): Promise<Buffer> {
  const { chunks } = await inflateChunks([{ atMs: 0, bytes }], encoding);
  return Buffer.concat(chunks.map((chunk) => chunk.bytes));
}

/** Looks at the bytes too: an answer recorded after decoding still carries its header. */
function createDecoder(encoding: string, head: Buffer): Decoder | null {
  const [first = 0, second = 0] = head;
  if (head.length < 2) return null;
  if (encoding === 'gzip' || encoding === 'x-gzip') return first === 0x1f && second === 0x8b ? createGunzip() : null;
  if (encoding === 'zstd') return first === 0x28 && second === 0xb5 ? createZstdDecompress() : null;
  if (encoding === 'br') return looksPlain(head) ? null : createBrotliDecompress();
  if (encoding !== 'deflate' || looksPlain(head)) return null;
  return (first & 0x0f) === 8 && (first * 256 + second) % 31 === 0 ? createInflate() : createInflateRaw();
}

const PLAIN_STARTS = ['event:', 'data:', '{"'];

function looksPlain(head: Buffer): boolean {
  const start = head.toString('latin1');
  return PLAIN_STARTS.some((plain) => start.startsWith(plain));
}

function firstBytes(chunks: TimedChunk[]): Buffer {
  const parts: Buffer[] = [];
  let length = 0;
  for (const { bytes } of chunks) {
    if (length >= 8) break;
    parts.push(bytes.subarray(0, 8));
    length += bytes.length;
  }
  return Buffer.concat(parts);
}

async function runDecoder(decoder: Decoder, chunks: TimedChunk[]): Promise<InflatedChunks> {
  const decoded: TimedChunk[] = [];
  let nowMs = 0;
  let total = 0;
  const failed = new Promise<false>((resolve) => {
    decoder.on('error', () => resolve(false));
    decoder.on('close', () => resolve(false));
  });
  decoder.on('data', (bytes: Buffer) => {
    total += bytes.length;
    if (total > MAX_DECODED_BYTES) decoder.destroy(new RangeError('decoded answer over the limit'));
    else decoded.push({ atMs: nowMs, bytes });
  });
  const ended = new Promise<true>((resolve) => {
    decoder.on('end', () => resolve(true));
  });
  for (const chunk of chunks) {
    nowMs = chunk.atMs;
    const written = new Promise<true>((resolve) => {
      decoder.write(chunk.bytes, () => resolve(true));
    });
    if (!(await Promise.race([written, failed, ended]))) return { chunks: decoded, whole: false };
  }
  decoder.end();
  const whole = await Promise.race([ended, failed]);
  decoder.destroy();
  return { chunks: decoded, whole };
}
