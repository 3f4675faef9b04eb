// What counts as plain in the heads of requests and replies, and how a request's is written. Pure.
import type { Dispatcher } from 'undici';

/** In one piece or several. */
export type Body = Buffer | readonly Buffer[] | null;

export interface PlainRequest {
  origin: string;
  /** Path with query. */
  path: string;
  method: Dispatcher.HttpMethod;
  /** Flat `[name, value, …]`. */
  headers: string[];
  body: Body;
  /** Milliseconds until the reply's head is there; 0 = for ever. */
  headersTimeout: number;
  /** Milliseconds without a byte of the reply's body; 0 = for ever. */
  bodyTimeout: number;
}

const METHOD = /^(?:GET|POST)$/;
const PATH = /^\/[\x21-\x7e]*$/;
const NAME = /^[\w!#$%&'*+.^`|~-]+$/;
const VALUE = /^[\t\x20-\x7e\x80-\xff]*$/;
/** What undici refuses, writes itself or acts on. */
const UNDICIS_OWN =
  /^(?:host|connection|content-length|transfer-encoding|keep-alive|proxy-connection|upgrade|expect|te|trailer)$/i;

const STATUS_LINE = /^HTTP\/1\.1 ([2-5]\d\d) [\t\x20-\x7e\x80-\xff]*$/;
const HEADER_LINE = /^([\w!#$%&'*+.^`|~-]+): ?([\x21-\x7e\x80-\xff](?:[\t\x20-\x7e\x80-\xff]*[\x21-\x7e\x80-\xff])?)$/;
/** They decide where a reply ends and what becomes of the connection. */
const FRAMING = /^(?:content-length|transfer-encoding|connection|keep-alive|proxy-connection|upgrade)$/i;

const MAX_KEEP_MS = 120_000;
/** So long before a server says it will, we close: a request must not meet a closing connection. */
const KEEP_MARGIN_MS = 2000;

export function isPlainRequest({ origin, path, method, headers, body }: PlainRequest): boolean {
  return (
    /^https?:\/\/[^/?#@]+$/i.test(origin) &&
    METHOD.test(method) &&
    PATH.test(path) &&
    (body === null || (byteLength(body) > 0 && method !== 'GET')) &&
    headers.length % 2 === 0 &&
    headers.every((text, index) => (index % 2 === 0 ? NAME.test(text) && !UNDICIS_OWN.test(text) : VALUE.test(text)))
  );
}

export interface PlainHead {
  status: number;
  rawHeaders: string[];
  /** null = chunked */
  length: number | null;
  keepMs: number;
}

/** `text` without the empty line at its end; null = undici is to read it. */
export function readPlainHead(text: string): PlainHead | null {
  const [first = '', ...lines] = text.split('\r\n');
  const status = Number(STATUS_LINE.exec(first)?.[1]);
  if (Number.isNaN(status) || status === 204 || status === 304) return null;
  const rawHeaders: string[] = [];
  const framing = new Map<string, string>();
  for (const line of lines) {
    const [, name = '', value = ''] = HEADER_LINE.exec(line) ?? [];
    if (name === '') return null;
    rawHeaders.push(name, value);
    if (!FRAMING.test(name)) continue;
    if (framing.has(name.toLowerCase())) return null;
    framing.set(name.toLowerCase(), value.toLowerCase());
  }
  if (framing.has('upgrade') || framing.has('proxy-connection')) return null;
  const length = framing.get('content-length');
  const coding = framing.get('transfer-encoding');
  const isCounted = length !== undefined && coding === undefined && /^\d{1,15}$/.test(length);
  const isChunked = length === undefined && coding === 'chunked';
  const connection = framing.get('connection') ?? 'keep-alive';
  if (!(isCounted || isChunked) || !/^(?:keep-alive|close)$/.test(connection)) return null;
  const said = /(?:^|,)[\t ]*timeout=(\d{1,9})/.exec(framing.get('keep-alive') ?? '')?.[1];
  const keepMs = said === undefined ? MAX_KEEP_MS : Math.min(MAX_KEEP_MS, Number(said) * 1000 - KEEP_MARGIN_MS);
  return {
    status,
    rawHeaders,
    length: isCounted ? Number(length) : null,
    keepMs: connection === 'close' ? 0 : Math.max(0, keepMs),
  };
}

/** As undici writes it, of a request that is plain. */
export function requestHead({ path, method, headers, body }: PlainRequest, host: string): string {
  let head = `${method} ${path} HTTP/1.1\r\nhost: ${host}\r\nconnection: keep-alive\r\n`;
  for (let index = 0; index < headers.length; index += 2) head += `${headers[index]}: ${headers[index + 1]}\r\n`;
  if (body !== null || method !== 'GET') head += `content-length: ${byteLength(body)}\r\n`;
  return `${head}\r\n`;
}

export function byteLength(body: Body): number {
  if (body === null || Buffer.isBuffer(body)) return body?.length ?? 0;
  return body.reduce((total, piece) => total + piece.length, 0);
}

export function inOnePiece(body: Body): Buffer | null {
  return body === null || Buffer.isBuffer(body) ? body : Buffer.concat(body);
}
