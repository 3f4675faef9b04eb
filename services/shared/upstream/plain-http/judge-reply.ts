// Undici as the reader of a reply that is coming in already: it gets a connection that swallows its request and plays the
// bytes of the reply, those that are there and those that follow.
import type { Socket } from 'node:net';
import { Duplex } from 'node:stream';
import { Client } from 'undici';
import type { Carrier, Judge, PlainExchange } from './plain-exchange.ts';
import { inOnePiece } from './plain-heads.ts';

class PlayedConnection extends Duplex {
  readonly #carrier: Carrier;
  /** Until undici has sent its request it would take any byte for one too many. */
  #early: Array<Buffer | null> | undefined = [];

  constructor(carrier: Carrier) {
    super();
    this.#carrier = carrier;
    // Undici hears of an error; after it has left, nobody needs to.
    this.on('error', () => {});
  }

  /** null = the end */
  play(bytes: Buffer | null): void {
    if (this.#early) this.#early.push(bytes);
    else if (!this.destroyed && !this.push(bytes)) this.#carrier.pause();
  }

  override _read(): void {
    this.#carrier.resume();
  }

  override _write(_request: Buffer, _encoding: string, done: () => void): void {
    const early = this.#early ?? [];
    this.#early = undefined;
    for (const bytes of early) this.play(bytes);
    done();
  }
}

/** What undici says of the reply becomes the exchange's. The connection is not used again. */
export function judgeWithUndici(exchange: PlainExchange, carrier: Carrier, bytes: Buffer): Judge {
  const played = new PlayedConnection(carrier);
  const client = new Client(exchange.request.origin, {
    allowH2: false,
    // Undici asks no more of a connection than a duplex stream has.
    connect: (_options, callback) => queueMicrotask(() => callback(null, played as unknown as Socket)),
  });
  let controller: { pause(): void; resume(): void } | undefined;
  const { body, ...request } = exchange.request;
  const asked = { ...request, body: inOnePiece(body) };
  client.dispatch(asked, {
    onRequestStart: (begun) => {
      controller = begun;
      if (exchange.paused) begun.pause();
    },
    onResponseStart: ({ rawHeaders }, status) => exchange.start(status, toStrings(rawHeaders)),
    onResponseData: (_controller, chunk) => exchange.give(chunk),
    onResponseEnd: () => {
      exchange.finish(0);
      void client.destroy();
    },
    onResponseError: (_controller, error) => {
      exchange.fail(error);
      void client.destroy();
    },
  });
  played.play(bytes);
  return {
    push: (more) => played.play(more),
    end: () => played.play(null),
    fail: (error) => played.destroy(error),
    pause: () => controller?.pause(),
    resume: () => controller?.resume(),
  };
}

/** Undici gives names and values as bytes. */
export function toStrings(raw: unknown): string[] {
  if (!Array.isArray(raw)) return [];
  return raw.map((item: string | Buffer) => (typeof item === 'string' ? item : item.toString('latin1')));
}
