// All of a body as an object, for who has to look into all of it: its long texts stay where they stand, unless somebody
// may ask for their ends.
import { parseRequest } from '#shared/exchange/read-exchange.ts';
import type { KnownTools } from '#shared/messages/known-tools.ts';
import { type LongTexts, parseBesideTexts, type ToolsBeside } from '#shared/messages/long-texts.ts';
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

/** `known`: for who does not change them, tools of earlier requests. Null when the body is no JSON object. */
export function readRequest(
  body: ScannedBody,
  wantsWholeTexts: boolean,
  known: KnownTools | null = null,
): ReadRequest | null {
  const parts = ['system', 'messages'].flatMap((name) => body.spans.get(name) ?? []);
  const read = wantsWholeTexts ? null : parseBesideTexts(body.bytes, parts, toolsOf(body, known));
  if (read !== null) return read;
  const request = parseRequest(body.bytes);
  return request === null ? null : { request, texts: null };
}

function toolsOf({ bytes, spans }: ScannedBody, known: KnownTools | null): ToolsBeside | null {
  const span = spans.get('tools');
  if (known === null || span === undefined) return null;
  try {
    const list = known.read(bytes.subarray(span.start, span.end));
    return list && { span, list };
  } catch (error) {
    if (error instanceof SyntaxError) return null; // as whoever reads the rest will see
    throw error;
  }
}
