// What is kept of an upstream that refuses: it may say with what it was asked, and by its look not every key is one. Only
// refusals are read for that; they are short.
import type { TimedChunk } from '#shared/exchange/exchange.ts';
import type { Credential } from '#shared/providers/target.ts';
import { ownSecrets } from './credentials.ts';

/** The same chunks, or, where one of ours was in them, one chunk without it. */
export function hideOwnSecrets(chunks: TimedChunk[], status: number, credential: Credential): TimedChunk[] {
  const last = chunks.at(-1);
  if (status < 400 || last === undefined) return chunks;
  const said = Buffer.concat(chunks.map(({ bytes }) => bytes)).toString('latin1');
  const hidden = ownSecrets(credential).reduce((text, secret) => text.replaceAll(secret, '[redacted]'), said);
  return hidden === said ? chunks : [{ atMs: last.atMs, bytes: Buffer.from(hidden, 'latin1') }];
}
