// What one arm did, read from its recorded answer: a message or an error, plus times. Frozen. The gateway's books, the
// console's history and both arms of a comparison use the same reading (read-exchange.ts).
import type { Message, Usage } from '#shared/wire/anthropic.ts';

/** How an arm ended: exactly one. */
export type ArmOutcome =
  | 'ok'
  | 'truncated'
  | 'refusal'
  | 'tool_parse_error'
  | 'http_error'
  | 'timeout_first_byte'
  | 'timeout_total'
  | 'stream_broken'
  | 'empty';

/** Milliseconds since the request was handed to the upstream connection; null where the stream had no such moment. */
export interface Timing {
  headersMs: number | null;
  /** First byte of the body. */
  firstByteMs: number | null;
  messageStartMs: number | null;
  /** First `content_block_delta` of any kind; null for answers that were not streamed. */
  ttftMs: number | null;
  /** First text or tool-input delta. */
  ttfvtMs: number | null;
  lastDeltaMs: number | null;
  durationMs: number;
}

export interface ToolCall {
  id: string;
  name: string;
  /** Parsed input; undefined when its JSON was broken. */
  input: unknown;
  /** The JSON as it was streamed. */
  rawInput: string;
  jsonOk: boolean;
}

export interface Observation {
  readonly outcome: ArmOutcome;
  readonly httpStatus: number;
  /** Sniffed from the bytes, not from a flag. */
  readonly streamed: boolean;
  /** The folded message; also what was seen of a broken stream; null when there was none. */
  readonly message: Message | null;
  /** Which model answered, as the upstream calls it, also where the client read another name; null as `message`. */
  readonly model: string | null;
  /** True when the stream reached `message_stop` or the JSON body was whole. */
  readonly complete: boolean;
  readonly error: { type: string; message: string } | null;
  readonly stopReason: string | null;
  readonly usage: Usage | null;
  readonly toolCalls: readonly ToolCall[];
  /** All text blocks, joined. */
  readonly text: string;
  readonly thinkingBytes: number;
  /** UTF-8 bytes of text and tool input. */
  readonly visibleBytes: number;
  readonly timing: Timing;
  /** The upstream's own, also where the client got another: see `upstreamRequestId`. */
  readonly requestId: string | null;
}

/** An observation for those who want its numbers: what is made of texts is not known. */
export type AnswerFigures = Omit<Observation, 'message' | 'text' | 'thinkingBytes' | 'visibleBytes'> & {
  readonly message: Pick<Message, 'id'> | null;
};
