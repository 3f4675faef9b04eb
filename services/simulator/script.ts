// What a scene may say: plain data, so that it can come from a file of ours, from a test or over HTTP. Content is in
// Anthropic's words; protocols translate it. "Event n" counts every event that is sent, pings and extra ones included.
import type { Usage } from '#shared/wire/anthropic.ts';
import type { Quirks } from './quirks.ts';
import type { SceneResult } from './search/search-api.ts';

/** A content block as Anthropic would answer it. A `tool_use` without id gets one. */
export interface SceneBlock {
  type: string;
  /** `tool_use` only: sent instead of the JSON of `input`, e.g. to break it. */
  rawInput?: string;
  [key: string]: unknown;
}

export type ErrorKind =
  | 'context-overflow'
  | 'credentials'
  | 'model-not-found'
  | 'quota'
  | 'rate-limit'
  | 'overloaded'
  | 'content-policy';

export interface SceneError {
  /** What went wrong: each protocol says it with its own codes, and in its own words where there is no `message`. */
  kind?: ErrorKind;
  /** Anthropic's error type; by default the one that belongs to the status. */
  type?: string;
  message?: string;
  details?: Record<string, unknown>;
}

export interface Delays {
  /** Before the status line. */
  headersMs?: number;
  /** Between the headers and the first byte of the body. */
  firstByteMs?: number;
  /** Between two writes: two events, or two chunks where `split` cuts elsewhere. */
  betweenMs?: number;
}

/**
 * Where the body is cut into HTTP chunks: after each event; not at all; every n bytes; at places chosen by a seed. The
 * last two cut anywhere, also inside a UTF-8 character.
 */
export type Split = 'event' | 'whole' | { bytes: number } | { seed: number };

/** `end` stops in order (FIN); `reset` sends RST. Both leave the HTTP message unfinished. */
export type CutManner = 'close' | 'reset';

/**
 * `after: n` = n whole events are sent first; a negative n counts from the end (-1 = all but the last). Where no stream was asked for,
 * the one JSON body breaks in its middle.
 */
export type Fault =
  | { kind: 'cut-before-headers'; manner?: CutManner }
  | { kind: 'cut-after-headers'; manner?: CutManner }
  /** Between two events. */
  | { kind: 'cut'; after: number; manner?: CutManner }
  /** That many bytes inside the next event; by default half of it. */
  | { kind: 'cut-inside'; after: number; bytes?: number; manner?: CutManner }
  /** The HTTP message ends in order although the stream has not: `after: -1` leaves out `message_stop`. */
  | { kind: 'end-early'; after: number }
  /** `event: error`, then an orderly end. */
  | { kind: 'error-event'; after: number; error?: SceneError }
  /** Nothing more, until the client leaves or `forMs` is over. */
  | { kind: 'silence'; after: number; forMs?: number }
  | { kind: 'silence-before-headers'; forMs?: number }
  | { kind: 'garbage'; what: Garbage };

export type Garbage =
  /** 200 with a web page. */
  | 'html'
  /** 200 of the right type whose JSON does not parse. */
  | 'not-json'
  /** A chunk size that is no number. */
  | 'broken-chunking'
  /** More declared than sent, then closed. */
  | 'content-length-long'
  /** Less declared than sent. */
  | 'content-length-short'
  /** 200 without a body. */
  | 'empty'
  /** One JSON message although a stream was asked for. */
  | 'json-instead-of-stream';

/** Inserted before the event that would have been number `at`. */
export type ExtraEvent = { at: number; event: string; data: unknown } | { at: number; raw: string };

export interface Scene {
  /** For the record of what was played. */
  name?: string;
  /** Model the answer names; by default the simulator's `model`, else the one asked for. */
  model?: string;
  content?: SceneBlock[];
  /** By default `tool_use` with a tool call in the content, else `end_turn`. */
  stopReason?: string;
  stopSequence?: string;
  /** Laid over the estimate from the sizes of request and answer. */
  usage?: Usage;
  /** Further members of the message, e.g. unknown ones. */
  messageFields?: Record<string, unknown>;
  /** Further members of `message_delta.delta`, e.g. `stop_details`; in a JSON answer they are the message's. */
  deltaFields?: Record<string, unknown>;
  /** Answer a request's `safeguards` with `safeguard_results` that flag nothing. */
  answersSafeguards?: boolean;
  /** Characters in one text, thinking or argument delta; 16 by default. */
  deltaChars?: number;
  /** `once`, the default, is after the first block start; `everyMs` also fills delays and silence. */
  pings?: 'once' | 'none' | { everyMs: number };
  extraEvents?: ExtraEvent[];
  lineEnd?: 'lf' | 'crlf';
  split?: Split;
  delays?: Delays;
  /** Response headers over the usual ones. */
  headers?: Record<string, string>;
  compress?: 'gzip';
  /** Anything but 200 answers with an error. */
  status?: number;
  error?: SceneError;
  /** The body as it is, instead of message or error. */
  body?: string;
  fault?: Fault;
  /** A field that this vendor refuses, by its name in vendor-refusals.ts. */
  refuses?: string;
  /** In what the answer leaves its protocol's usual shape. */
  quirks?: Quirks;
  /** What search APIs find; by default pages about what they are asked. */
  search?: { results: SceneResult[] };
  /** Play status, delays and faults on every path and not just where a model answers. */
  everyPath?: boolean;
}

export function text(value: string): SceneBlock {
  return { type: 'text', text: value };
}

export function thinking(value: string, signature = 'c2ltdWxhdGVkIHNpZ25hdHVyZQ=='): SceneBlock {
  return { type: 'thinking', thinking: value, signature };
}

export function toolUse(name: string, input: unknown, id?: string): SceneBlock {
  return { type: 'tool_use', ...(id === undefined ? {} : { id }), name, input };
}
