// What a call to an upstream needs of whoever holds the connections. Undici's dispatchers are the model.
import type { Dispatcher } from 'undici';

/** In one piece or several. */
export type Body = Buffer | readonly Buffer[] | null;

export interface UpstreamRequestOptions {
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

/** Who is told of the reply. */
export interface ReplyHandler {
  /** A connection is being opened for the request, which can be given up until it starts. */
  onConnecting?(giveUp: () => void): void;
  /** A connection takes the request. */
  onRequestStart(controller: Dispatcher.DispatchController, context?: unknown): void;
  onResponseStart(controller: Dispatcher.DispatchController, status: number): void;
  onResponseData(controller: Dispatcher.DispatchController, chunk: Buffer): void;
  /** Just before the end: nothing of the request is still on its way out. */
  onRequestGone?(): void;
  onResponseEnd(controller: Dispatcher.DispatchController): void;
  onResponseError(controller: Dispatcher.DispatchController, error: Error): void;
}

export interface UpstreamAgent {
  dispatch(request: UpstreamRequestOptions, handler: ReplyHandler): boolean;
  /** Its connections now, by origin. */
  pools(): PoolState[];
  destroy(): Promise<void>;
}

export interface PoolState {
  origin: string;
  /** Requests that wait for a connection. */
  pending: number;
  /** Connections that carry a request. */
  running: number;
  /** Open ones that carry none. */
  free: number;
}

/** A connection is open: how long that took. */
export type OnConnected = (origin: string, tookMs: number) => void;

export function inOnePiece(body: Body): Buffer | null {
  if (body === null || Buffer.isBuffer(body)) return body;
  return body.length === 1 ? (body[0] ?? null) : Buffer.concat(body);
}
