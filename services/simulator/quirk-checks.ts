// Quirks that come over HTTP: unknown words are refused by name, as those of scenes are.
import type { ChatQuirks, DialectQuirks, GeminiQuirks, OllamaQuirks, Quirks, ResponsesQuirks } from './quirks.ts';

type Check = (value: unknown) => boolean;

const yes: Check = (value) => typeof value === 'boolean';
const oneOf = (...words: string[]): Check => {
  return (value) => typeof value === 'string' && words.includes(value);
};

const isText: Check = (value) => typeof value === 'string';
const isTextOrNull: Check = (value) => value === null || isText(value);

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
  finishReason: isTextOrNull,
  done: yes,
  firstChunk: oneOf('azure', 'with-delta'),
  usage: oneOf('every-chunk', 'in-finish', 'null', 'never', 'x_groq', 'twice', 'deepseek', 'xai'),
  comments: oneOf('openrouter', 'keep-alive'),
  streamError: oneOf('chunk', 'openrouter', 'event'),
  errorBody: oneOf('openrouter', 'vllm', 'detail', 'message', 'string', 'azure'),
  errorStatus200: yes,
  refuses: oneOf(
    'stream-options',
    'max-tokens',
    'required-choice',
    'parallel-tool-calls',
    'developer-role',
    'system-later',
  ),
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

const OLLAMA: Record<keyof OllamaQuirks, Check> = {
  callIds: yes,
  callsTogether: yes,
  thinkTags: yes,
  truncates: yes,
  doneWithLast: yes,
  doneReason: isTextOrNull,
  done: yes,
  counts: oneOf('never'),
  noFinalNewline: yes,
  streamAnyway: yes,
};

const ANTHROPIC: Record<keyof DialectQuirks, Check> = {
  start: oneOf('bare', 'twice', 'no-usage'),
  startInput: oneOf('zero'),
  lateStops: yes,
  toolStart: oneOf('no-input'),
  losesFirstDelta: yes,
  signature: oneOf('missing', 'empty', 'random'),
  usage: oneOf('output-only', 'input-with-cache', 'never'),
  eventNames: yes,
  doneMarker: yes,
  stopReason: isTextOrNull,
  errorBody: oneOf('openai', 'vllm', 'sglang', 'detail', 'string'),
  refuses: oneOf('system-role', 'adaptive-thinking', 'redacted-thinking', 'context-management'),
};

const LISTS: Record<keyof Quirks, Record<string, Check>> = {
  chat: CHAT,
  responses: RESPONSES,
  gemini: GEMINI,
  ollama: OLLAMA,
  anthropic: ANTHROPIC,
};

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
