// All of a body as an object, for who has to look into all of it: its long texts stay where they stand, unless somebody
// may ask for their ends.
import { parseRequest } from '#shared/exchange/read-exchange.ts';
import { type LongTexts, parseBesideTexts } from '#shared/messages/long-texts.ts';
import type { Span } from '#shared/messages/scan-top-level.ts';
import type { MessagesRequest } from '#shared/wire/anthropic.ts';

/** A body, and where its top-level values stand. */
export interface ScannedBody {
  readonly bytes: Buffer;
  readonly spans: ReadonlyMap<string, Span>;
}

export interface ReadRequest {
  request: MessagesRequest;
  /** null = all is in the request, whole. */
  texts: LongTexts | null;
}

/** Null when the body is no JSON object. */
export function readRequest(body: ScannedBody, wantsWholeTexts: boolean): ReadRequest | null {
  const parts = ['system', 'messages'].flatMap((name) => body.spans.get(name) ?? []);
  const read = wantsWholeTexts ? null : parseBesideTexts(body.bytes, parts);
  if (read !== null) return read;
  const request = parseRequest(body.bytes);
  return request === null ? null : { request, texts: null };
}
