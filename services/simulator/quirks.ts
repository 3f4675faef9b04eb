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

export interface Quirks {
  chat?: ChatQuirks;
  responses?: ResponsesQuirks;
  gemini?: GeminiQuirks;
}

type Check = (value: unknown) => boolean;

const yes: Check = (value) => typeof value === 'boolean';
const oneOf = (...words: string[]): Check => {
  return (value) => typeof value === 'string' && words.includes(value);
};

const CHAT: Record<keyof ChatQuirks, Check> = {
  reasoning: oneOf('reasoning_content', 'reasoning', 'reasoning_details', 'parts', 'think-tags', 'none'),
  contentParts: yes,
  toolIndex: oneOf('from-1', 'gaps', 'all-0', 'none'),
  toolId: oneOf('null-later', 'empty-later', 'repeated', 'late', 'never'),
  toolName: oneOf('null-later', 'empty-later', 'repeated', 'late'),
  toolArguments: oneOf('whole', 'object', 'missing'),
  interleave: yes,
  toolContent: oneOf('empty', 'null'),
  legacyFunctionCall: yes,
  finishWithLast: yes,
  finishReason: (value) => value === null || typeof value === 'string',
  done: yes,
  firstChunk: oneOf('azure', 'with-delta'),
  usage: oneOf('every-chunk', 'in-finish', 'null', 'never', 'x_groq', 'twice', 'deepseek', 'xai'),
  comments: oneOf('openrouter', 'keep-alive'),
  streamError: oneOf('chunk', 'openrouter', 'event'),
  errorBody: oneOf('openrouter', 'vllm', 'detail', 'message', 'string', 'azure'),
  errorStatus200: yes,
  refusal: oneOf('content_filter'),
  secondChoice: yes,
  stopReason: yes,
  streamAnyway: yes,
  noSpace: yes,
  noFinalNewline: yes,
};

const RESPONSES: Record<keyof ResponsesQuirks, Check> = {
  itemId: oneOf('rotating', 'empty', 'absent'),
  outputIndex: oneOf('gaps', 'absent'),
  deltas: oneOf('none', 'half'),
  itemDone: yes,
  overlap: oneOf('calls', 'text-in-call'),
  reasoning: oneOf('summary', 'text', 'encrypted', 'none'),
  unknownItems: yes,
  phase: yes,
  ending: oneOf('completed-incomplete', 'incomplete-other', 'failed', 'cancelled', 'none'),
  doneMarker: yes,
  finalOutput: oneOf('empty', 'absent'),
  usage: oneOf('null'),
  eventNames: yes,
  streamError: oneOf('error', 'nested', 'failed'),
  refusal: oneOf('content_filter'),
  streamAnyway: yes,
};

const isText: Check = (value) => typeof value === 'string';

const GEMINI: Record<keyof GeminiQuirks, Check> = {
  callIds: yes,
  missingArgs: yes,
  callsApart: yes,
  partialArgs: oneOf('ended', 'unended'),
  signature: oneOf('every-call', 'text', 'empty-text', 'none'),
  finish: oneOf('empty-text', 'no-content', 'never'),
  finishReason: isText,
  blockReason: isText,
  groundingInEvery: yes,
  usage: oneOf('vanishing', 'last', 'never'),
  arrayAnyway: yes,
  errorList: yes,
};

const LISTS: Record<keyof Quirks, Record<string, Check>> = { chat: CHAT, responses: RESPONSES, gemini: GEMINI };

/** Undefined when all are known, else the name of one that is not or whose value cannot be used. */
export function findUnknownQuirk(value: Record<string, unknown>): string | undefined {
  for (const [protocol, chosen] of Object.entries(value)) {
    const list = Object.hasOwn(LISTS, protocol) ? LISTS[protocol as keyof Quirks] : undefined;
    if (list === undefined || typeof chosen !== 'object' || chosen === null) return protocol;
    for (const [name, setting] of Object.entries(chosen)) {
      if (!Object.hasOwn(list, name) || !list[name]?.(setting)) return `${protocol}.${name}`;
    }
  }
  return undefined;
}
