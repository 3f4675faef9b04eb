// A recorded answer → what that arm did. Gateway, console and both arms of a comparison use this one reading. Whether
// an answer is a stream is decided by its bytes: servers send JSON for `stream: true` and the other way round.
import {
  decodeBody,
  type ExchangeBody,
  type ExchangeEntry,
  type RecordedAnswer,
  type TimedChunk,
} from '#shared/exchange/exchange.ts';
import { type InflatedChunks, inflateChunks } from '#shared/exchange/inflate-chunks.ts';
import type { AnswerFigures, Observation } from '#shared/exchange/observation.ts';
import type { ReadTexts } from '#shared/exchange/read-delta-runs.ts';
import { readJsonAnswer } from '#shared/exchange/read-json-answer.ts';
import { type OnStreamEvent, readStreamAnswer } from '#shared/exchange/read-stream-answer.ts';
import { toObservation } from '#shared/exchange/to-observation.ts';
import { headerValue, requestIdIn } from '#shared/messages/answer-headers.ts';
import type { MessagesRequest } from '#shared/wire/anthropic.ts';

export interface ReadExchange {
  entry: ExchangeEntry;
  /** The request and answer as bytes. */
  body: ExchangeBody;
  /** The request as JSON; null when it is not an object. */
  request: MessagesRequest | null;
  observation: Observation;
}

/** @throws ExchangeSchemaError when the body cannot be decoded. Whatever the upstream sent never throws. */
export async function readExchange(entry: ExchangeEntry, body: Buffer): Promise<ReadExchange> {
  const decoded = await decodeBody(body);
  return {
    entry,
    body: decoded,
    request: parseRequest(decoded.request),
    observation: await observe(decoded.answer),
  };
}

/** Never throws, whatever the bytes are. */
export async function observe(answer: RecordedAnswer): Promise<Observation> {
  return read(answer, 'all');
}

/**
 * The same without its texts, of which a stream has most; they are not even decoded. Never throws either.
 * `onStreamEvent` sees the events of an answer that is a stream, with one letter in place of each text. Waits only for an
 * answer that came compressed.
 */
export function observeFigures(
  answer: RecordedAnswer,
  onStreamEvent?: OnStreamEvent,
): AnswerFigures | Promise<AnswerFigures> {
  return read(answer, 'tools', onStreamEvent);
}

function read(
  answer: RecordedAnswer,
  texts: ReadTexts,
  onStreamEvent?: OnStreamEvent,
): Observation | Promise<Observation> {
  const requestId = upstreamRequestId(answer);
  const toResult = ({ chunks, whole }: InflatedChunks): Observation => {
    const reading = isEventStream(chunks) ? readStreamAnswer(chunks, texts, onStreamEvent) : readJsonAnswer(chunks);
    return toObservation({ answer, reading, whole, requestId });
  };
  const encoding = headerValue(answer.rawHeaders, 'content-encoding');
  return encoding === undefined
    ? toResult({ chunks: answer.chunks, whole: true })
    : inflateChunks(answer.chunks, encoding).then(toResult);
}

/** By which name the upstream knows the request. Where an answer was converted, its `request-id` is the gateway's own. */
export function upstreamRequestId({
  upstream,
  rawHeaders,
}: Pick<RecordedAnswer, 'upstream' | 'rawHeaders'>): string | null {
  if (upstream !== null) return upstream.requestId;
  return headerValue(rawHeaders, 'x-upstream-request-id') ?? requestIdIn(rawHeaders);
}

/** The request's JSON, a view on bytes that are kept as they are; null when it is not an object. */
export function parseRequest(bytes: Buffer): MessagesRequest | null {
  try {
    const value: unknown = JSON.parse(bytes.toString('utf8'));
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as MessagesRequest) : null;
  } catch {
    return null;
  }
}

const STREAM_START = /^\uFEFF?[\r\n]*(?::|(?:event|data|id|retry)(?:[:\r\n]|$))/;
const SNIFFED_BYTES = 64;

function isEventStream(chunks: TimedChunk[]): boolean {
  const [first] = chunks;
  if (first && first.bytes.length >= SNIFFED_BYTES)
    return STREAM_START.test(first.bytes.toString('utf8', 0, SNIFFED_BYTES));
  const head: Buffer[] = [];
  let length = 0;
  for (const { bytes } of chunks) {
    if (length >= SNIFFED_BYTES) break;
    head.push(bytes.subarray(0, SNIFFED_BYTES));
    length += bytes.length;
  }
  const start = Buffer.concat(head).subarray(0, SNIFFED_BYTES).toString('utf8');
  return STREAM_START.test(start);
}
