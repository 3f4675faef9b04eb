// What is written down of one request: its stages in order, as they were on the wire. Plain data: it crosses to the thread.

export interface DumpStage {
  /** `client-request`, `upstream-request`, `upstream-answer`, `client-answer`. */
  name: string;
  /** `POST /v1/messages`, `HTTP 200`. */
  startLine: string;
  /** Flat `[name, value, …]`. */
  headers: string[];
  body: Uint8Array<ArrayBuffer>;
  /** Bytes that were left out at its end. */
  leftOut: number;
}

export interface Dump {
  requestId: string;
  /** Unix milliseconds. */
  startedAtMs: number;
  stages: DumpStage[];
  /** Lower-case names of headers that hold a credential, beside those that look like it. */
  secretHeaders: string[];
  /** The gateway's and the client's, whatever they look like: an upstream may repeat them. */
  keys: string[];
}
