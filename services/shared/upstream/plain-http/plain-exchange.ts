// One request and its reply on a connection of our own, read here where the reply is as plain as nearly all are. All else –
// a head that is unusual or came in pieces, a chunk extension, a trailer – is handed to undici in the bytes as they came.
// So nothing is accepted that undici refuses, and nothing unusual is understood in two ways.

import { type Dispatcher, errors } from 'undici';
import { byteKernel } from '#shared/simd/byte-kernel.ts';
import { type Body, type PlainRequest, readPlainHead, requestHead } from './plain-heads.ts';

/** Who is told of the reply, by undici as by us. */
export interface ReplyHandler {
  onRequestStart(controller: Dispatcher.DispatchController, context?: unknown): void;
  onResponseStart(controller: Dispatcher.DispatchController, status: number): void;
  onResponseData(controller: Dispatcher.DispatchController, chunk: Buffer): void;
  onResponseEnd(controller: Dispatcher.DispatchController): void;
  onResponseError(controller: Dispatcher.DispatchController, error: Error): void;
}

/** The connection an exchange runs on. */
export interface Carrier {
  /** Of its origin, as a request names it. */
  readonly host: string;
  send(head: string, body: Body): void;
  pause(): void;
  resume(): void;
  /** The exchange's `onTimeout` is called unless this is called again in so many milliseconds; 0 = never. */
  allow(ms: number): void;
  /**
   * The reply is over; the connection may wait so long for another, 0 = not at all. True = all that was to be sent is with
   * the operating system.
   */
  release(keepMs: number): boolean;
  destroy(): void;
}

/** Undici on the same reply, given its bytes so far and then all that follow. */
export interface Judge {
  push(bytes: Buffer): void;
  end(): void;
  fail(error: Error): void;
  pause(): void;
  resume(): void;
}
export type CallJudge = (exchange: PlainExchange, carrier: Carrier, bytes: Buffer) => Judge;

const HEAD_END = Buffer.from('\r\n\r\n');
/** Undici's own limit on names and values; here the whole head is counted. */
const MAX_HEAD_BYTES = 16_384;
/** What the next byte of a chunked body is; 1 and 2 are what ends a chunk. */
const DATA = 0;
const SIZE = 3;
const SIZE_LF = 4;
const LAST_CR = 5;
const LAST_LF = 6;
const NOTHING = 7;
/** What was read after the digits of a size, by what is next. */
const AFTER_SIZE: Record<number, string> = { [SIZE]: '', [SIZE_LF]: '\r', [LAST_CR]: '\r\n', [LAST_LF]: '\r\n\r' };

export class PlainExchange implements Dispatcher.DispatchController {
  readonly request: PlainRequest;
  rawHeaders: string[] | null = null;
  aborted = false;
  paused = false;
  reason: Error | null = null;
  isOver = false;
  /** When a connection took it, of `performance.now()`. */
  begunAt = 0;
  /** When the reply is over: nothing of the request is still on its way out. */
  isSent = false;
  readonly #handler: ReplyHandler;
  readonly #callJudge: CallJudge;
  #carrier: Carrier | undefined;
  #judge: Judge | undefined;
  #hasStarted = false;
  #keepMs = 0;
  /** Of a chunked body; DATA for one of a known length. */
  #next = DATA;
  /** Bytes of the body, or of the chunk, that are still to come. */
  #left = 0;
  #sizeDigits = 0;
  #isChunked = false;

  constructor(request: PlainRequest, handler: ReplyHandler, callJudge: CallJudge) {
    this.request = request;
    this.#handler = handler;
    this.#callJudge = callJudge;
  }

  /** The request goes out. */
  begin(carrier: Carrier): void {
    this.begunAt = performance.now();
    this.#carrier = carrier;
    carrier.send(requestHead(this.request, carrier.host), this.request.body);
    carrier.allow(this.request.headersTimeout);
  }

  pause(): void {
    if (this.isOver) return;
    this.paused = true;
    (this.#judge ?? this.#carrier)?.pause();
  }

  /** A pause holds from the next read on: what was read with the chunk before is handed over. */
  resume(): void {
    if (!this.paused || this.isOver) return;
    this.paused = false;
    if (this.#hasStarted && !this.#judge) this.#carrier?.allow(this.request.bodyTimeout);
    (this.#judge ?? this.#carrier)?.resume();
  }

  abort(reason: Error): void {
    if (this.isOver) return;
    this.aborted = true;
    this.reason = reason;
    this.fail(reason);
  }

  /** Bytes as they came, at most what the byte kernel takes; theirs is another's after this returns. */
  read(bytes: Buffer): void {
    try {
      if (this.#judge) this.#judge.push(Buffer.from(bytes));
      else if (!this.#hasStarted) this.#readHead(bytes);
      else if (this.#isChunked) this.#readChunks(bytes);
      else this.#readCounted(bytes);
    } catch (error) {
      this.abort(error instanceof Error ? error : new Error('a reply was not taken', { cause: error }));
    }
  }

  /** No more bytes come. */
  lose(error: Error | null): void {
    if (!this.#judge) this.fail(error ?? new errors.SocketError('other side closed'));
    else if (error) this.#judge.fail(error);
    else this.#judge.end();
  }

  onTimeout(): void {
    if (this.#judge || (this.#hasStarted && this.paused)) return;
    this.fail(this.#hasStarted ? new errors.BodyTimeoutError() : new errors.HeadersTimeoutError());
  }

  start(status: number, rawHeaders: string[]): void {
    // Undici, called in the middle of a body, tells of a head of our making.
    if (this.#hasStarted || this.isOver) return;
    this.#hasStarted = status >= 200;
    this.rawHeaders = rawHeaders;
    this.#handler.onResponseStart(this, status);
  }

  give(payload: Buffer): void {
    if (!this.isOver) this.#handler.onResponseData(this, payload);
  }

  finish(keepMs: number): void {
    if (this.isOver) return;
    this.isOver = true;
    this.isSent = this.#carrier?.release(keepMs) ?? false;
    this.#handler.onResponseEnd(this);
  }

  fail(error: Error): void {
    if (this.isOver) return;
    this.isOver = true;
    this.#judge?.fail(error);
    this.#carrier?.destroy();
    this.#handler.onResponseError(this, error);
  }

  #readHead(bytes: Buffer): void {
    const end = bytes.indexOf(HEAD_END);
    const head = end === -1 || end > MAX_HEAD_BYTES ? null : readPlainHead(bytes.toString('latin1', 0, end));
    if (!head) {
      this.#handOver(Buffer.from(bytes));
      return;
    }
    this.#keepMs = head.keepMs;
    this.#isChunked = head.length === null;
    this.#left = head.length ?? 0;
    this.#next = this.#isChunked ? SIZE : DATA;
    this.#carrier?.allow(this.request.bodyTimeout);
    this.start(head.status, head.rawHeaders);
    if (this.paused) this.#carrier?.pause();
    const body = bytes.subarray(end + HEAD_END.length);
    if (this.#isChunked) this.#readChunks(body);
    else this.#readCounted(body);
  }

  #readCounted(bytes: Buffer): void {
    const part = bytes.subarray(0, this.#left);
    this.#left -= part.length;
    this.#copyOut(part);
    if (this.#left === 0) this.#finishBefore(bytes.length - part.length);
  }

  #readChunks(bytes: Buffer): void {
    const { input, output, run } = byteKernel;
    input.set(bytes);
    const at = run.joinChunks(bytes.length, this.#next, this.#left, this.#sizeDigits);
    this.#next = run.chunkNext();
    this.#left = run.chunkLeft();
    this.#sizeDigits = run.chunkDigits();
    this.#copyOut(output.subarray(0, run.written()));
    if (this.isOver) return;
    if (this.#next === NOTHING) this.#finishBefore(bytes.length - at);
    else if (at < bytes.length) this.#handOverChunk(bytes.subarray(at));
  }

  #copyOut(payload: Buffer): void {
    if (payload.length === 0) return;
    this.#carrier?.allow(this.request.bodyTimeout);
    this.give(Buffer.from(payload));
  }

  /** A connection on which more came than the reply is not used again. */
  #finishBefore(surplus: number): void {
    this.finish(surplus === 0 ? this.#keepMs : 0);
  }

  #handOverChunk(rest: Buffer): void {
    const after = AFTER_SIZE[this.#next];
    if (after === undefined) {
      this.fail(
        new errors.HTTPParserError('Response does not match the HTTP/1.1 protocol (no line end after a chunk)'),
      );
      return;
    }
    const size = this.#sizeDigits === 0 ? '' : this.#left.toString(16).padStart(this.#sizeDigits, '0');
    const before = `HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n${size}${after}`;
    this.#handOver(Buffer.concat([Buffer.from(before, 'latin1'), rest]));
  }

  #handOver(bytes: Buffer): void {
    if (!this.#carrier) return;
    this.#carrier.allow(0);
    this.#judge = this.#callJudge(this, this.#carrier, bytes);
    if (this.paused) this.#judge.pause();
  }
}
