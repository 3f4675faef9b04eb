// Undici, with a short cut past its parser for what most bytes of an answer are: the chunks of a plain chunked body. What a
// read holds of them goes to the call as one piece, and undici sees nothing of it. All else – heads, counted bodies, ends,
// and everything unusual from where it begins – undici reads as it came. So nothing is understood in two ways.
import { Socket } from 'node:net';
import { buildConnector, Client, type Dispatcher } from 'undici';
import { free } from '#shared/free.ts';
import { byteKernel } from '#shared/simd/byte-kernel.ts';
import {
  inOnePiece,
  type OnConnected,
  type ReplyHandler,
  type UpstreamAgent,
  type UpstreamRequestOptions,
} from './upstream-agent.ts';

const KEEP_ALIVE_MS = 120_000;
const READ_BYTES = 65_536;
const MAX_IDLE_PER_ORIGIN = 256;
const HEAD_END = Buffer.from('\r\n\r\n');
const LAST_CHUNK = Buffer.from('0\r\n\r\n');

/** What the next byte of a reply is: of its head, undici's to say, or of a chunked body as in simd/assembly/chunks.ts. */
const HEAD = -2;
const UNDICIS = -1;
const SIZE = 3;
const NOTHING = 7;
/** What undici must be given first, after the digits of a size, when the next byte is none of a plain body's. */
const AFTER_SIZE: Record<number, string> = { 3: '', 4: '\r', 5: '\r\n', 6: '\r\n\r' };

/** So that undici's clock of silence goes on, a read goes through it that often: it may strike as much too early. */
const MAX_UNSEEN_MS = 1000;
const UNSEEN_PART = 8;

interface AgentParts {
  connectTimeoutMs: number;
  onConnected?: OnConnected | undefined;
}

interface Pool extends AgentParts {
  readonly origin: string;
  readonly lanes: Set<Lane>;
  readonly idle: Lane[];
  /** Every read of every connection goes through it: what outlives the read is copied. */
  readonly buffer: Buffer;
  tlsSession: Buffer | undefined;
}

/** Limits on what is in flight are kept before a request comes here: each has a connection, or gets one. */
export function createRelayAgent(parts: AgentParts): UpstreamAgent {
  const pools = new Map<string, Pool>();
  const buffer = Buffer.allocUnsafeSlow(READ_BYTES);
  let isDestroyed = false;

  return {
    dispatch(request, handler) {
      const { origin } = request;
      const pool = pools.get(origin) ?? { ...parts, origin, buffer, lanes: new Set(), idle: [], tlsSession: undefined };
      const lane = pool.idle.pop() ?? new Lane(pool);
      pools.set(origin, pool);
      // The call is then refused in undici's words.
      if (isDestroyed) void lane.destroy();
      return lane.carry(request, handler);
    },
    pools: () =>
      [...pools.values()].map(({ origin, lanes, idle }) => {
        const running = [...lanes].filter(({ isRunning }) => isRunning).length;
        return { origin, pending: lanes.size - running - idle.length, running, free: idle.length };
      }),
    async destroy() {
      isDestroyed = true;
      await Promise.all([...pools.values()].flatMap(({ lanes }) => [...lanes].map((lane) => lane.destroy())));
    },
  };
}

/** A client of undici's with its one connection, for one request at a time. */
class Lane {
  socket: Socket | undefined;
  #connecting: Socket | undefined;
  readonly #pool: Pool;
  readonly #client: Client;
  #reply: RelayedReply | undefined;

  constructor(pool: Pool) {
    this.#pool = pool;
    this.#client = new Client(pool.origin, {
      connect: (options, done) => this.#connect(options, done),
      allowH2: false,
      keepAliveTimeout: KEEP_ALIVE_MS,
      keepAliveMaxTimeout: KEEP_ALIVE_MS,
    });
    this.#client.on('disconnect', () => {
      this.socket = undefined;
      if (!this.#reply) void this.destroy();
    });
    pool.lanes.add(this);
  }

  get isRunning(): boolean {
    return this.#reply?.hasBegun ?? false;
  }

  carry(request: UpstreamRequestOptions, handler: ReplyHandler): boolean {
    const body = inOnePiece(request.body);
    this.#reply = new RelayedReply(this, request.bodyTimeout, handler, body === request.body ? null : body);
    const goesOn = this.#client.dispatch({ ...request, body }, this.#reply);
    if (this.#connecting) handler.onConnecting?.(() => void this.destroy());
    return goesOn;
  }

  /** The reply is over. Behind a request that is not all sent yet, as one refused at its head, the next would wait. */
  release(reply: RelayedReply): void {
    if (this.#reply !== reply) return;
    this.#reply = undefined;
    const { idle } = this.#pool;
    const isFree = this.socket?.writableLength === 0 && !this.socket.destroyed;
    if (isFree && idle.length < MAX_IDLE_PER_ORIGIN) idle.push(this);
    else void this.destroy();
  }

  /** Undici reads it at once, unless it was paused. Returns whether it can take more. */
  push(bytes: Buffer): boolean {
    const { socket } = this;
    if (!socket) return false;
    socket.push(bytes);
    socket.emit('readable');
    return socket.readableLength < socket.readableHighWaterMark;
  }

  async destroy(): Promise<void> {
    const { lanes, idle } = this.#pool;
    lanes.delete(this);
    const place = idle.indexOf(this);
    if (place !== -1) idle.splice(place, 1);
    const destroyed = this.#client.destroy();
    this.#connecting?.destroy();
    await destroyed;
  }

  #connect(options: buildConnector.Options, done: buildConnector.Callback): void {
    const startedAt = performance.now();
    const connect = buildConnector({
      timeout: this.#pool.connectTimeoutMs,
      allowH2: false,
      session: this.#pool.tlsSession,
      onread: { buffer: this.#pool.buffer, callback: (length: number) => this.#read(length) },
    });
    const connecting: unknown = connect(options, (...outcome) => {
      const [, socket] = outcome;
      this.#connecting = undefined;
      if (socket) {
        this.socket = socket;
        socket.on('session', (session: Buffer) => {
          this.#pool.tlsSession = session;
        });
        this.#pool.onConnected?.(new URL(this.#pool.origin).origin, performance.now() - startedAt);
      }
      done(...outcome);
    });
    if (connecting instanceof Socket) this.#connecting = connecting;
  }

  /** Returns whether to go on reading; undici, when it wants to, does so by itself. */
  #read(length: number): boolean {
    const bytes = this.#pool.buffer.subarray(0, length);
    return this.#reply ? this.#reply.read(bytes) : this.push(Buffer.from(bytes));
  }
}

/** One request's reply, as undici tells of it and as it is read past undici. */
class RelayedReply implements Dispatcher.DispatchHandler {
  readonly #lane: Lane;
  readonly #handler: ReplyHandler;
  /** The body, where it was copied together for this call. */
  readonly #joined: Buffer | null;
  readonly #mayBeUnseenMs: number;
  #controller: Dispatcher.DispatchController | undefined;
  #next = HEAD;
  /** Bytes of the chunk that are still to come. */
  #left = 0;
  #sizeDigits = 0;
  #seenAt = 0;

  constructor(lane: Lane, bodyTimeout: number, handler: ReplyHandler, joined: Buffer | null) {
    this.#lane = lane;
    this.#handler = handler;
    this.#joined = joined;
    this.#mayBeUnseenMs =
      bodyTimeout === 0 ? Number.POSITIVE_INFINITY : Math.min(MAX_UNSEEN_MS, bodyTimeout / UNSEEN_PART);
  }

  get hasBegun(): boolean {
    return this.#controller !== undefined;
  }

  onRequestStart(controller: Dispatcher.DispatchController, context: unknown): void {
    this.#controller = controller;
    this.#handler.onRequestStart(controller, context);
  }

  onResponseStart(
    controller: Dispatcher.DispatchController,
    status: number,
    headers: Record<string, string | string[] | undefined>,
  ): void {
    if (this.#next === HEAD && status >= 200 && headers['transfer-encoding'] === 'chunked') this.#next = SIZE;
    this.#seenAt = performance.now();
    this.#handler.onResponseStart(controller, status);
  }

  onResponseData(controller: Dispatcher.DispatchController, chunk: Buffer): void {
    this.#handler.onResponseData(controller, chunk);
  }

  onResponseEnd(controller: Dispatcher.DispatchController): void {
    if (this.#lane.socket?.writableLength === 0) {
      if (this.#joined) free(this.#joined);
      this.#handler.onRequestGone?.();
    }
    this.#end();
    this.#handler.onResponseEnd(controller);
  }

  onResponseError(controller: Dispatcher.DispatchController, error: Error): void {
    this.#end();
    this.#handler.onResponseError(controller, error);
  }

  #end(): void {
    this.#controller = undefined;
    this.#lane.release(this);
  }

  /** Bytes of one read, another's after this returns. Returns whether to go on reading. */
  read(bytes: Buffer): boolean {
    if (this.#next === HEAD) return this.#readHead(bytes);
    if (this.#next === UNDICIS) return this.#lane.push(Buffer.from(bytes));
    return this.#readChunks(bytes);
  }

  /** The last byte of a head goes alone: with that one and none before must undici have understood it. */
  #readHead(bytes: Buffer): boolean {
    const end = bytes.indexOf(HEAD_END) + HEAD_END.length;
    if (end < HEAD_END.length) return this.#leaveToUndici(bytes);
    const own = Buffer.from(bytes);
    this.#lane.push(own.subarray(0, end - 1));
    if (this.#next !== HEAD) return this.#leaveToUndici(own.subarray(end - 1));
    const goesOn = this.#lane.push(own.subarray(end - 1, end));
    if (this.#next === HEAD) this.#next = UNDICIS;
    return end === own.length ? goesOn : this.read(own.subarray(end));
  }

  #readChunks(bytes: Buffer): boolean {
    const { input, output, run } = byteKernel;
    input.set(bytes);
    const at = run.joinChunks(bytes.length, this.#next, this.#left, this.#sizeDigits);
    this.#next = run.chunkNext();
    this.#left = run.chunkLeft();
    this.#sizeDigits = run.chunkDigits();
    const rest = Buffer.from(bytes.subarray(at));
    const goesOn = this.#give(output.subarray(0, run.written()));
    if (this.#next === NOTHING) return this.#leaveToUndici(Buffer.concat([LAST_CHUNK, rest]));
    return rest.length === 0 ? goesOn : this.#leaveChunkToUndici(rest);
  }

  /**
   * Past undici, unless that was paused, and may hold what came before, or has not seen a chunk for long. So a pause holds
   * from the next read on, which undici still hands over.
   */
  #give(payload: Buffer): boolean {
    if (payload.length === 0 || !this.#controller) return true;
    const now = performance.now();
    if (this.#controller.paused || now - this.#seenAt > this.#mayBeUnseenMs) {
      this.#seenAt = now;
      return this.#lane.push(
        Buffer.concat([Buffer.from(`${payload.length.toString(16)}\r\n`), payload, Buffer.from('\r\n')]),
      );
    }
    try {
      this.#handler.onResponseData(this.#controller, Buffer.from(payload));
    } catch (error) {
      this.#controller.abort(error instanceof Error ? error : new Error('a reply was not taken', { cause: error }));
    }
    return true;
  }

  #leaveToUndici(bytes: Buffer): boolean {
    this.#next = UNDICIS;
    return this.#lane.push(Buffer.from(bytes));
  }

  #leaveChunkToUndici(rest: Buffer): boolean {
    const after = AFTER_SIZE[this.#next];
    // Undici, for which the chunk before has ended, must refuse it in its turn.
    if (after === undefined) return this.#leaveToUndici(Buffer.from('no line end after a chunk'));
    const size = this.#sizeDigits === 0 ? '' : this.#left.toString(16).padStart(this.#sizeDigits, '0');
    return this.#leaveToUndici(Buffer.concat([Buffer.from(size + after, 'latin1'), rest]));
  }
}
