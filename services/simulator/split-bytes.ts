// Where a body is cut into HTTP chunks. Joined again, the chunks are always the same bytes.
import { createRandom } from './random.ts';
import type { Split } from './script.ts';

const LONGEST_RANDOM_CHUNK = 64;

export function splitBytes(parts: Buffer[], split: Split): Buffer[] {
  const filled = parts.filter((part) => part.length > 0);
  if (split === 'event' || filled.length === 0) return filled;
  const whole = Buffer.concat(filled);
  if (split === 'whole') return [whole];
  if ('bytes' in split) return cutEvery(whole, () => Math.max(1, Math.floor(split.bytes)));
  const random = createRandom('split', split.seed);
  return cutEvery(whole, () => random.integer(1, LONGEST_RANDOM_CHUNK));
}

function cutEvery(whole: Buffer, nextLength: () => number): Buffer[] {
  const chunks: Buffer[] = [];
  for (let start = 0; start < whole.length; ) {
    const end = Math.min(whole.length, start + nextLength());
    chunks.push(whole.subarray(start, end));
    start = end;
  }
  return chunks;
}
