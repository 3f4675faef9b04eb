// The ways in which servers leave the published shape of their protocol: data of a scene, so that a test can combine
// them. Each protocol has its own list and ignores those of the others.

export interface ChatQuirks {
  /**
   * How reasoning is told: DeepSeek's `reasoning_content` (the default), `reasoning` (Groq, vLLM), OpenRouter's
   * `reasoning_details` (with `reasoning`), Mistral's content parts, tags in the text, or not at all (OpenAI).
   */
  reasoning?: 'reasoning_content' | 'reasoning' | 'reasoning_details' | 'parts' | 'think-tags' | 'none';
  /** Text as content parts as well. */
  contentParts?: boolean;
  toolIndex?: 'from-1' | 'gaps' | 'all-0' | 'none';
  /** `id` of a call in its later deltas; `late`: it comes with the second delta only; `never`: no call has one. */
  toolId?: 'null-later' | 'empty-later' | 'repeated' | 'late' | 'never';
  toolName?: 'null-later' | 'empty-later' | 'repeated' | 'late';
  /** The whole call in one delta; with `object` its arguments are no string; with `missing` an empty input has none. */
  toolArguments?: 'whole' | 'object' | 'missing';
  /** Deltas of parallel calls alternate. */
  interleave?: boolean;
  /** `content` beside the deltas of calls. */
  toolContent?: 'empty' | 'null';
  /** `delta.function_call` of old servers; the first call only. */
  legacyFunctionCall?: boolean;
  /** In the chunk of the last delta. */
  finishWithLast?: boolean;
  /** Whatever happened; null: never told. */
  finishReason?: string | null;
  /** False: the stream ends without it. */
  done?: boolean;
  /** `azure`: no choices, and empty id and model; `tool`: the role comes with the first delta. */
  firstChunk?: 'azure' | 'with-delta';
  usage?: 'every-chunk' | 'in-finish' | 'null' | 'never' | 'x_groq' | 'twice' | 'deepseek' | 'xai';
  /** Comment lines before the answer and between its chunks. */
  comments?: 'openrouter' | 'keep-alive';
  /** How an error arrives within a stream: a data chunk (the default), OpenRouter's chunk, or `event: error`. */
  streamError?: 'chunk' | 'openrouter' | 'event';
  /** Errors in the shape of another server. */
  errorBody?: 'openrouter' | 'vllm' | 'detail' | 'message' | 'string' | 'azure';
  /** Errors with status 200. */
  errorStatus200?: boolean;
  /** Answers 400 when this is in the request. */
  refuses?:
    | 'stream-options'
    | 'max-tokens'
    | 'required-choice'
    | 'parallel-tool-calls'
    | 'developer-role'
    | 'system-later';
  /** A refusal is a finish reason, and its text content. */
  refusal?: 'content_filter';
  /** A second choice that nobody asked for. */
  secondChoice?: boolean;
  /** The stop sequence that matched, as vLLM names it. */
  stopReason?: boolean;
  /** A stream although none was asked for. */
  streamAnyway?: boolean;
  /** `data:{...}`. */
  noSpace?: boolean;
  /** The last frame is not ended. */
  noFinalNewline?: boolean;
}

export interface ResponsesQuirks {
  /** `rotating`: another one in every event. */
  itemId?: 'rotating' | 'empty' | 'absent';
  outputIndex?: 'gaps' | 'absent';
  /** `none`: only `.done` tells; `half`: `.done` tells what the deltas left out. */
  deltas?: 'none' | 'half';
  /** False: items and their parts are not announced as done. */
  itemDone?: boolean;
  /** Calls open side by side; or text opens while the first call is open. */
  overlap?: 'calls' | 'text-in-call';
  /** `text`: the reasoning itself, as open models tell it; `encrypted`: no summary. */
  reasoning?: 'summary' | 'text' | 'encrypted' | 'none';
  /** Output of a kind nobody knows, and events of that kind. */
  unknownItems?: boolean;
  /** Text before calls is marked as commentary. */
  phase?: boolean;
  /** The last event; `completed-incomplete`: `response.completed` whose status is `incomplete`; `none`: there is none. */
  ending?: 'completed-incomplete' | 'incomplete-other' | 'failed' | 'cancelled' | 'none';
  /** `[DONE]` after the last event. */
  doneMarker?: boolean;
  /** The last event tells no output, or no usage. */
  finalOutput?: 'empty' | 'absent';
  usage?: 'null';
  /** Only `data:` lines. */
  eventNames?: boolean;
  /** How an error arrives within a stream. */
  streamError?: 'error' | 'nested' | 'failed';
  refusal?: 'content_filter';
  streamAnyway?: boolean;
}

export interface GeminiQuirks {
  /** Calls have ids, as with Vertex. */
  callIds?: boolean;
  /** A call without input has no `args`. */
  missingArgs?: boolean;
  /** Each call in a chunk of its own. */
  callsApart?: boolean;
  /** Arguments member by member, as Vertex streams them; `unended`: without the empty call that ends them. */
  partialArgs?: 'ended' | 'unended';
  /** Where the signature is: the first call (the default), each call, the text, or an empty text at the end. */
  signature?: 'every-call' | 'text' | 'empty-text' | 'none';
  /** The finish reason comes with a text of no length, or with no content at all. */
  finish?: 'empty-text' | 'no-content' | 'never';
  finishReason?: string;
  /** No candidates, only why. */
  blockReason?: string;
  /** In each chunk what was found so far. */
  groundingInEvery?: boolean;
  /** `vanishing`: members are missing in later chunks. */
  usage?: 'vanishing' | 'last' | 'never';
  /** A JSON array although events were asked for. */
  arrayAnyway?: boolean;
  /** Errors in a list. */
  errorList?: boolean;
}

export interface OllamaQuirks {
  /** Calls without ids, as older versions send them. */
  callIds?: boolean;
  /** All calls in one line. */
  callsTogether?: boolean;
  /** Thinking as tags in the text, as older versions have it. */
  thinkTags?: boolean;
  /** The prompt was cut to the context, 4096 tokens where the request names none. */
  truncates?: boolean;
  /** The last line carries the last piece of the answer. */
  doneWithLast?: boolean;
  doneReason?: string | null;
  /** There is no line that is done. */
  done?: boolean;
  counts?: 'never';
  noFinalNewline?: boolean;
  streamAnyway?: boolean;
}

/** Of servers other than Anthropic's that speak its protocol. */
export interface DialectQuirks {
  /** `message_start` without `type` and `role`; twice; without usage or with no input tokens. */
  start?: 'bare' | 'twice' | 'no-usage';
  startInput?: 'zero';
  /** All block stops come after the last delta. */
  lateStops?: boolean;
  /** A tool call starts without `input`. */
  toolStart?: 'no-input';
  /** The first delta of each block is lost. */
  losesFirstDelta?: boolean;
  signature?: 'missing' | 'empty' | 'random';
  /** `message_delta` tells output tokens only; input includes what the cache gave; no usage. */
  usage?: 'output-only' | 'input-with-cache' | 'never';
  /** Only `data:` lines. */
  eventNames?: boolean;
  doneMarker?: boolean;
  /** The stop reason is missing, or one that Anthropic does not have. */
  stopReason?: string | null;
  /** Errors in the shape of this server. */
  errorBody?: 'openai' | 'vllm' | 'sglang' | 'detail' | 'string';
  /** Answers 400 when this is in the request. */
  refuses?: 'system-role' | 'adaptive-thinking' | 'redacted-thinking' | 'context-management';
}

export interface Quirks {
  chat?: ChatQuirks;
  responses?: ResponsesQuirks;
  gemini?: GeminiQuirks;
  ollama?: OllamaQuirks;
  anthropic?: DialectQuirks;
}
