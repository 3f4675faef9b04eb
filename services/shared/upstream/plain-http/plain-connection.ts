// One connection of our own to an upstream, over TCP or TLS: it carries one exchange after the other, waits between them,
// and is never used again when anything about it is doubtful.
import { connect as connectTcp, isIP, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { errors } from 'undici';
import type { Carrier, PlainExchange } from './plain-exchange.ts';
import type { Body } from './plain-heads.ts';

/** How long a connection waits whose call was aborted before it was there. */
const UNUSED_MS = 4000;

export interface ConnectionParts {
  connectTimeoutMs: number;
  /** Every read of every connection goes through it: what outlives the read is copied, and is no bigger than it is. */
  buffer: Buffer;
  /** Of the last connection to the same origin. */
  tlsSession: Buffer | undefined;
  onTlsSession(session: Buffer): void;
  onOpen(): void;
  /** It waits for an exchange. */
  onIdle(): void;
  onClosed(): void;
}

export class PlainConnection implements Carrier {
  readonly host: string;
  readonly #socket: Socket;
  readonly #parts: ConnectionParts;
  #exchange: PlainExchange | undefined;
  #isOpen = false;
  #isPaused = false;
  #timer: NodeJS.Timeout | undefined;
  #timerEndsAt = 0;
  #endsAt = Number.POSITIVE_INFINITY;

  constructor(origin: URL, first: PlainExchange, parts: ConnectionParts) {
    this.host = origin.host;
    this.#parts = parts;
    this.#exchange = first;
    this.#socket = this.#connect(origin);
    this.#socket.setNoDelay(true).setKeepAlive(true, 60_000);
    this.#socket.on('end', () => this.#lose(null));
    this.#socket.on('error', (error) => this.#lose(error));
    this.#socket.on('close', () => {
      clearTimeout(this.#timer);
      this.#lose(null);
      parts.onClosed();
    });
    this.allow(parts.connectTimeoutMs);
  }

  get isUsable(): boolean {
    return this.#isOpen && !this.#socket.destroyed && performance.now() < this.#endsAt;
  }

  /** For a connection that waits. */
  carry(exchange: PlainExchange): void {
    this.#exchange = exchange;
    this.#socket.ref();
    exchange.begin(this);
  }

  send(head: string, body: Body): void {
    this.#socket.cork();
    this.#socket.write(head, 'latin1');
    for (const piece of body === null || Buffer.isBuffer(body) ? [body] : body) {
      if (piece !== null) this.#socket.write(piece);
    }
    this.#socket.uncork();
  }

  pause(): void {
    this.#isPaused = true;
    this.#socket.pause();
  }

  resume(): void {
    this.#isPaused = false;
    this.#socket.resume();
  }

  /** A chunk only moves the end; the timer looks at it when it fires. */
  allow(ms: number): void {
    if (ms === 0) {
      this.#endsAt = Number.POSITIVE_INFINITY;
      return;
    }
    this.#endsAt = performance.now() + ms;
    if (this.#timer && this.#timerEndsAt <= this.#endsAt) return;
    this.#setTimer(ms);
  }

  release(keepMs: number): boolean {
    this.#exchange = undefined;
    // A server may answer before it has read; what is still to be sent would be taken for the next request.
    const isSent = this.#socket.writableLength === 0;
    if (keepMs === 0 || !isSent || this.#socket.readableEnded) {
      this.destroy();
      return isSent;
    }
    if (this.#isPaused) this.resume();
    this.allow(keepMs);
    this.#socket.unref();
    this.#parts.onIdle();
    return isSent;
  }

  /** The process ends, and what is running with it. */
  shut(): void {
    this.#exchange?.fail(new errors.ClientDestroyedError());
    this.destroy();
  }

  destroy(): void {
    this.#exchange = undefined;
    this.#socket.destroy();
  }

  #connect({ protocol, hostname, port }: URL): Socket {
    const host = hostname.replace(/^\[|\]$/g, '');
    const onread = { buffer: this.#parts.buffer, callback: (length: number) => this.#read(length) };
    const onOpen = (): void => {
      this.#isOpen = true;
      this.#parts.onOpen();
      this.allow(0);
      // What closures of this place hold is held as long as the connection: the first exchange is not.
      const exchange = this.#exchange;
      if (!exchange || exchange.isOver) this.release(UNUSED_MS);
      else exchange.begin(this);
    };
    if (protocol === 'http:') {
      return connectTcp({ host, port: Number(port || 80), onread }).once('connect', onOpen);
    }
    const options = {
      host,
      port: Number(port || 443),
      ALPNProtocols: ['http/1.1'],
      ...(isIP(host) === 0 && { servername: host }),
      ...(this.#parts.tlsSession && { session: this.#parts.tlsSession }),
      onread,
    };
    return connectTls(options).once('secureConnect', onOpen).on('session', this.#parts.onTlsSession);
  }

  /** Returns whether to go on reading; a pause has seen to that itself. */
  #read(length: number): true {
    // Bytes nobody asked for would be read as a reply.
    if (!this.#isOpen || !this.#exchange) this.#socket.destroy();
    else this.#exchange.read(this.#parts.buffer.subarray(0, length));
    return true;
  }

  #lose(error: Error | null): void {
    const exchange = this.#exchange;
    if (exchange) exchange.lose(error);
    else this.#socket.destroy();
  }

  #setTimer(ms: number): void {
    clearTimeout(this.#timer);
    this.#timerEndsAt = performance.now() + ms;
    this.#timer = setTimeout(() => this.#onTimer(), ms);
    this.#timer.unref();
  }

  #onTimer(): void {
    this.#timer = undefined;
    const leftMs = this.#endsAt - performance.now();
    if (leftMs > 0) {
      if (leftMs < Number.POSITIVE_INFINITY) this.#setTimer(Math.ceil(leftMs));
    } else if (!this.#isOpen) this.#socket.destroy(new errors.ConnectTimeoutError('no connection in time'));
    else if (this.#exchange) this.#exchange.onTimeout();
    else this.#socket.destroy();
  }
}
