// What crosses from the gateway to the comparator and the console: one small entry, and one body under a key that
// expires (a claim check). Both arms of a comparison are read from `RecordedAnswer`, by the same parser.
import { promisify } from 'node:util';
import { constants, zstdCompressSync, zstdDecompress } from 'node:zlib';
import type { AnswerSummary } from './answer-summary.ts';
import type { ErrorCode } from './error-code.ts';

/** Raised when the entry or the body changes shape. Readers accept the two latest. */
export const EXCHANGE_VERSION = 1;

export type Mode = 'target' | 'compare' | 'anthropic-only';

export type RequestClass = 'main' | 'subagent' | 'workflow' | 'compaction' | 'auxiliary' | 'other';

/** How a call ended, as metrics, history and traces name it. */
export type CallOutcome =
  | 'ok'
  | 'client_error'
  | 'upstream_error'
  | 'timeout'
  | 'client_abort'
  | 'rejected'
  | 'stream_error';

/** Why an exchange is not compared: one reason each (a closed list). `mode_off` is outside the accounting identity. */
export type SkipReason =
  | 'class_excluded'
  | 'not_sampled'
  | 'session_cap'
  | 'recursion'
  | 'budget'
  | 'backlog'
  | 'mode_off'
  | 'retry'
  | 'aborted'
  | 'primary_error'
  | 'cache_hit'
  | 'thread_continue'
  | 'shutdown';

export interface TimedChunk {
  /** Milliseconds from the moment the request was handed to the upstream connection. */
  atMs: number;
  bytes: Buffer;
}

/** How the upstream's answer ended on the wire. */
export type AnswerEnd =
  | 'complete'
  | 'reset'
  | 'client_abort'
  | 'timeout_first_byte'
  | 'timeout_idle'
  | 'timeout_total'
  | 'connect_error';

/** What an upstream calls itself and the call, where the answer was converted: its bytes say neither. */
export interface UpstreamNames {
  /** The model that answered; the one that was asked, where the upstream named none. */
  model: string;
  /** null = it gave the call none. */
  requestId: string | null;
}

/** One arm's answer, as bytes and times. The evidence that everything else is computed from. */
export interface RecordedAnswer {
  /** HTTP status; 0 when no answer came. */
  status: number;
  /** Flat `[name, value, …]`, as received, without credentials and cookies. */
  rawHeaders: string[];
  /** null = the bytes are the upstream's own. */
  upstream: UpstreamNames | null;
  headersAtMs: number | null;
  chunks: TimedChunk[];
  end: AnswerEnd;
  endAtMs: number;
}

/** The entry of an exchange: 1 to 3 KB, no prompt text. */
export interface ExchangeEntry {
  v: number;
  /** The request's UUIDv7, also `x-ccproxy-request-id`. */
  id: string;
  startedAtMs: number;
  sessionId: string;
  sessionSource: 'header' | 'metadata' | 'legacy' | 'fallback';
  lineageId: string;
  turnKey: string;
  class: RequestClass;
  classKind: string | null;
  mode: Mode;
  /** Why the request went where it went, as in `x-ccproxy-route`. */
  route: string;
  modelAsked: string;
  /** The name sent to the primary's upstream. */
  modelSent: string;
  provider: string;
  outcome: CallOutcome;
  httpStatus: number;
  /** What the gateway calls the failure; null = it saw none, or is older than the field. */
  errorCode: ErrorCode | null;
  requestBytes: number;
  responseBytes: number;
  /** Allow-listed request headers, lower-case names. */
  clientHeaders: Record<string, string>;
  /** Target names to call in the shadow; empty when the exchange is not compared. */
  shadow: string[];
  /** Why `shadow` is empty; null when it is not. */
  skip: SkipReason | null;
  /** Ask the primary once more (the noise floor). */
  repeat: boolean;
  /** Probability that this exchange's session was admitted. */
  inclusion: number;
  experiment: string | null;
  ttfbMs: number | null;
  totalDurationMs: number;
  /** Trace context whose span id is the gateway's `proxy_request`. */
  traceparent: string;
  tracestate: string;
  /** Of the client, as a hook asks for them, short and without secrets; null = none. */
  capturedHeaders: Record<string, string> | null;
  /** What the history keeps of an answer whose text it must not see; null = it is made of the body. */
  summary: AnswerSummary | null;
}

export interface ExchangeBody {
  request: Buffer;
  answer: RecordedAnswer;
}

export interface Exchange extends ExchangeBody {
  entry: ExchangeEntry;
}

/** A consumer met an entry or a body of a version it cannot read. */
export class ExchangeSchemaError extends Error {
  constructor(message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.name = 'ExchangeSchemaError';
  }
}

/** By name: an error that comes from another thread has lost its class. */
export function isSchemaError(error: unknown): error is Error {
  return error instanceof Error && error.name === 'ExchangeSchemaError';
}

/** Entry → the fields of a stream entry: its version, and all of it as one JSON. Each field costs, here and in Redis. */
export function encodeEntry(entry: ExchangeEntry): Record<string, string> {
  return { v: String(entry.v), entry: JSON.stringify(entry) };
}

const TEXT_FIELDS: ReadonlyArray<keyof ExchangeEntry> = [
  'id',
  'sessionId',
  'sessionSource',
  'lineageId',
  'turnKey',
  'class',
  'mode',
  'route',
  'modelAsked',
  'modelSent',
  'provider',
  'outcome',
  'traceparent',
  'tracestate',
];
const OTHER_FIELDS: ReadonlyArray<keyof ExchangeEntry> = [
  'startedAtMs',
  'classKind',
  'httpStatus',
  'requestBytes',
  'responseBytes',
  'clientHeaders',
  'shadow',
  'skip',
  'repeat',
  'inclusion',
  'experiment',
  'ttfbMs',
  'totalDurationMs',
];

/** Not written by all who write this version. */
const LATER_FIELDS: ReadonlyArray<keyof ExchangeEntry> = ['summary', 'capturedHeaders', 'errorCode'];

/** Fields → entry. @throws ExchangeSchemaError on a newer version, what is no JSON, or a field that is missing */
export function decodeEntry(fields: Record<string, string>): ExchangeEntry {
  const version = Number(fields.v);
  if (!Number.isInteger(version) || version < 1 || version > EXCHANGE_VERSION) {
    throw new ExchangeSchemaError(
      `exchange entry has version ${JSON.stringify(fields.v)}, readable up to ${EXCHANGE_VERSION}`,
    );
  }
  const entry = parseEntry(fields.entry ?? '');
  const isMissing = (key: string): boolean => entry[key] === undefined;
  const missing = TEXT_FIELDS.find((key) => typeof entry[key] !== 'string') ?? OTHER_FIELDS.find(isMissing);
  if (missing !== undefined) throw new ExchangeSchemaError(`exchange entry lacks ${missing}`);
  for (const key of LATER_FIELDS) entry[key] ??= null;
  return { ...entry, v: version } as unknown as ExchangeEntry;
}

function parseEntry(json: string): Record<string, unknown> {
  try {
    const entry: unknown = JSON.parse(json);
    if (typeof entry === 'object' && entry !== null) return entry as Record<string, unknown>;
  } catch (error) {
    throw new ExchangeSchemaError('exchange entry is not JSON', error);
  }
  throw new ExchangeSchemaError('exchange entry is no object');
}

const CODEC_PLAIN = 0;
const CODEC_ZSTD = 1;
const CODEC_BYTES = 1;
const LENGTH_BYTES = 4;
/** Of all levels the least CPU, and within a few percent the fewest bytes (docs/decisions). */
const ZSTD_LEVEL = 1;
/** Output is taken in pieces of this size; most bodies need one. */
const ZSTD_PIECE_BYTES = 128 * 1024;
const decompress = promisify(zstdDecompress);

/** The body as it is kept: laid out and compressed. Synchronous work, a millisecond for 500 KB. */
export function encodeBody(body: ExchangeBody): Buffer {
  const packed = packBody(layOutBody(body));
  return Buffer.from(packed.buffer, packed.byteOffset, packed.byteLength);
}

/**
 * Body → one codec byte, then length-prefixed sections: meta JSON, request, all response bytes. Chunk borders and times
 * are delta-coded in the meta section. The bytes are in a buffer of their own, which can be given to a thread.
 */
export function layOutBody(body: ExchangeBody): Uint8Array<ArrayBuffer> {
  const { size, writeTo } = planBody(body);
  const laidOut = Buffer.allocUnsafeSlow(size);
  writeTo(laidOut);
  return laidOut;
}

export interface BodyPlan {
  readonly size: number;
  /** What `layOutBody` makes, into room of that size. */
  writeTo(room: Buffer): void;
}

export function planBody({ request, answer }: ExchangeBody): BodyPlan {
  const meta = {
    v: EXCHANGE_VERSION,
    status: answer.status,
    rawHeaders: answer.rawHeaders,
    upstream: answer.upstream ?? undefined,
    headersAtMs: answer.headersAtMs,
    end: answer.end,
    endAtMs: answer.endAtMs,
    lengths: answer.chunks.map((chunk) => chunk.bytes.length),
    deltasUs: deltas(answer.chunks.map((chunk) => Math.round(chunk.atMs * 1000))),
  };
  const metaBytes = Buffer.from(JSON.stringify(meta));
  const responseBytes = meta.lengths.reduce((sum, length) => sum + length, 0);
  const writeTo = (room: Buffer): void => {
    let at = room.writeUInt8(CODEC_PLAIN, 0);
    for (const section of [[metaBytes], [request], joinAdjacent(answer.chunks)]) {
      at = room.writeUInt32BE(
        section.reduce((sum, part) => sum + part.length, 0),
        at,
      );
      for (const part of section) {
        // Into shared memory the engine's own ways of copying go word by word, this one does not.
        room.fill(part, at, at + part.length);
        at += part.length;
      }
    }
  };
  return { size: CODEC_BYTES + 3 * LENGTH_BYTES + metaBytes.length + request.length + responseBytes, writeTo };
}

/** Small chunks stand one behind the other in common blocks: each way into the engine costs what a hundred bytes do. */
export function joinAdjacent(chunks: ReadonlyArray<Pick<TimedChunk, 'bytes'>>): Buffer[] {
  const joined: Buffer[] = [];
  let first: Buffer | null = null;
  let length = 0;
  for (const { bytes } of chunks) {
    if (first !== null && first.buffer === bytes.buffer && first.byteOffset + length === bytes.byteOffset) {
      length += bytes.length;
      continue;
    }
    if (first !== null) joined.push(Buffer.from(first.buffer, first.byteOffset, length));
    first = bytes;
    length = bytes.length;
  }
  if (first !== null) joined.push(Buffer.from(first.buffer, first.byteOffset, length));
  return joined;
}

/** The request of a body that was laid out here. */
export function laidOutRequest(laidOut: Uint8Array): Buffer {
  const bytes = Buffer.from(laidOut.buffer, laidOut.byteOffset, laidOut.byteLength);
  return readSections(bytes.subarray(CODEC_BYTES))[1];
}

/** What was laid out here, its request and chunks as views of it. */
export function readLaidOut(laidOut: Uint8Array): ExchangeBody {
  const bytes = Buffer.from(laidOut.buffer, laidOut.byteOffset, laidOut.byteLength);
  return parseBody(bytes.subarray(CODEC_BYTES));
}

/** Compresses what was laid out, where that makes it smaller. The result is in a buffer of its own. */
export function packBody(laidOut: Uint8Array<ArrayBuffer>): Uint8Array<ArrayBuffer> {
  const packed = zstdCompressSync(laidOut.subarray(CODEC_BYTES), {
    chunkSize: ZSTD_PIECE_BYTES,
    params: { [constants.ZSTD_c_compressionLevel]: ZSTD_LEVEL },
  });
  if (packed.length + CODEC_BYTES >= laidOut.length) return laidOut;
  const body = new Uint8Array(CODEC_BYTES + packed.length);
  body[0] = CODEC_ZSTD;
  body.set(packed, CODEC_BYTES);
  return body;
}

/** @throws ExchangeSchemaError when the codec is unknown, the bytes are cut short, or the version is newer. */
export async function decodeBody(blob: Buffer): Promise<ExchangeBody> {
  try {
    return parseBody(await unpack(blob));
  } catch (error) {
    if (error instanceof ExchangeSchemaError) throw error;
    throw new ExchangeSchemaError('exchange body cannot be read', error);
  }
}

async function unpack(blob: Buffer): Promise<Buffer> {
  const codec = blob[0];
  if (codec === CODEC_PLAIN) return blob.subarray(1);
  if (codec === CODEC_ZSTD) return decompress(blob.subarray(1));
  throw new ExchangeSchemaError(`exchange body has unknown codec ${codec}`);
}

interface BodyMeta {
  v: number;
  status: number;
  rawHeaders: string[];
  /** Not written by all who write this version, and for converted answers alone. */
  upstream?: UpstreamNames;
  headersAtMs: number | null;
  end: AnswerEnd;
  endAtMs: number;
  lengths: number[];
  deltasUs: number[];
}

function parseBody(plain: Buffer): ExchangeBody {
  const [metaBytes, request, response] = readSections(plain);
  const meta = JSON.parse(metaBytes.toString('utf8')) as BodyMeta;
  if (meta.v > EXCHANGE_VERSION) throw new ExchangeSchemaError(`exchange body has version ${meta.v}`);
  const chunks: TimedChunk[] = [];
  let offset = 0;
  let atUs = 0;
  for (const [index, length] of meta.lengths.entries()) {
    atUs += meta.deltasUs[index] ?? 0;
    chunks.push({ atMs: atUs / 1000, bytes: response.subarray(offset, offset + length) });
    offset += length;
  }
  if (offset !== response.length) throw new ExchangeSchemaError('exchange body: chunk lengths do not add up');
  const { status, rawHeaders, upstream = null, headersAtMs, end, endAtMs } = meta;
  return { request, answer: { status, rawHeaders, upstream, headersAtMs, chunks, end, endAtMs } };
}

function readSections(plain: Buffer): [Buffer, Buffer, Buffer] {
  const sections: Buffer[] = [];
  let offset = 0;
  while (offset < plain.length) {
    const start = offset + 4;
    const end = start + plain.readUInt32BE(offset);
    if (end > plain.length) throw new ExchangeSchemaError('exchange body is cut short');
    sections.push(plain.subarray(start, end));
    offset = end;
  }
  const [meta, request, response] = sections;
  if (!meta || !request || !response) throw new ExchangeSchemaError('exchange body lacks a section');
  return [meta, request, response];
}

function deltas(values: number[]): number[] {
  return values.map((value, index) => value - (values[index - 1] ?? 0));
}
