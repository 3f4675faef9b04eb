// How servers of Chat Completions differ, each as a scene of its own. On other protocols these scenes play without the
// quirk.
import type { ChatQuirks } from '../quirks.ts';
import { type Scene, text, toolUse } from '../script.ts';
import { quirky, quirkyText, twoCalls } from './quirky.ts';
import type { Scenario } from './scenario.ts';

const chat = (quirks: ChatQuirks): Scenario => quirky({ chat: quirks });
const chatText = (quirks: ChatQuirks, rest: Partial<Scene> = {}): Scenario => quirkyText({ chat: quirks }, rest);

const REASONING: Record<string, Scenario> = {
  'chat-reasoning-content': chat({ reasoning: 'reasoning_content' }),
  'chat-reasoning': chat({ reasoning: 'reasoning' }),
  'chat-reasoning-details': chat({ reasoning: 'reasoning_details' }),
  'chat-reasoning-parts': chat({ reasoning: 'parts' }),
  'chat-content-parts': chat({ reasoning: 'parts', contentParts: true }),
  'chat-reasoning-tags': chat({ reasoning: 'think-tags' }),
  'chat-reasoning-none': chat({ reasoning: 'none' }),
};

const CALLS: Record<string, Scenario> = {
  'chat-index-from-1': chat({ toolIndex: 'from-1' }),
  'chat-index-gaps': chat({ toolIndex: 'gaps' }),
  'chat-index-all-0': chat({ toolIndex: 'all-0', toolArguments: 'whole' }),
  'chat-index-all-0-pieces': chat({ toolIndex: 'all-0' }),
  'chat-index-none': chat({ toolIndex: 'none', toolArguments: 'whole' }),
  'chat-id-null': chat({ toolId: 'null-later', toolName: 'null-later' }),
  'chat-id-empty': chat({ toolId: 'empty-later', toolName: 'empty-later' }),
  'chat-id-repeated': chat({ toolId: 'repeated', toolName: 'repeated' }),
  'chat-id-late': chat({ toolId: 'late' }),
  'chat-id-never': chat({ toolId: 'never' }),
  'chat-name-late': chat({ toolName: 'late' }),
  'chat-name-repeated': chat({ toolName: 'repeated' }),
  'chat-call-whole': chat({ toolArguments: 'whole' }),
  'chat-call-whole-finish': chat({ toolArguments: 'whole', finishWithLast: true, firstChunk: 'with-delta' }),
  'chat-arguments-object': chat({ toolArguments: 'object' }),
  'chat-arguments-missing': quirky({ chat: { toolArguments: 'missing' } }, (_scene, ask) =>
    ask.toolResults.length > 0 ? {} : { content: [toolUse(ask.tools[0]?.name ?? 'Read', {})] },
  ),
  'chat-arguments-broken': quirky({}, (_scene, ask) =>
    ask.toolResults.length > 0 ? {} : { content: [{ ...toolUse('Read', {}), rawInput: '{"file_path": "/home/de' }] },
  ),
  'chat-interleaved': chat({ interleave: true }),
  'chat-call-content-empty': chat({ toolContent: 'empty' }),
  'chat-call-content-null': chat({ toolContent: 'null' }),
  'chat-function-call': quirky({ chat: { legacyFunctionCall: true } }, (scene, ask) =>
    ask.toolResults.length > 0
      ? {}
      : { content: [...(scene.content ?? []).slice(0, -2), ...twoCalls(ask).slice(0, 1)] },
  ),
};

const ENDINGS: Record<string, Scenario> = {
  'chat-finish-with-last': chat({ finishWithLast: true }),
  'chat-finish-stop': chat({ finishReason: 'stop' }),
  'chat-finish-never': chat({ finishReason: null }),
  'chat-finish-unknown': chat({ finishReason: 'eos' }),
  'chat-finish-error': chatText({ finishReason: 'error' }),
  'chat-no-done': chat({ done: false }),
  'chat-nothing-ends': chat({ done: false, finishReason: null }),
  'chat-no-final-newline': chat({ noFinalNewline: true }),
  'chat-refusal': chatText({}, { content: [text('I cannot help with that.')], stopReason: 'refusal' }),
  'chat-content-filter': chatText({ refusal: 'content_filter' }, { content: [text('Well, ')], stopReason: 'refusal' }),
  'chat-length-in-call': () => ({
    content: [
      text('Writing it.'),
      { ...toolUse('Write', {}), rawInput: '{"file_path": "/home/dev/a.txt", "content": "The be' },
    ],
    stopReason: 'max_tokens',
  }),
  'chat-stop-sequence': chatText({ stopReason: true }, { stopReason: 'stop_sequence', stopSequence: '</block>' }),
  'chat-empty': chatText({}, { content: [] }),
};

const USAGE: Record<string, Scenario> = {
  'chat-usage-every-chunk': chat({ usage: 'every-chunk' }),
  'chat-usage-in-finish': chat({ usage: 'in-finish' }),
  'chat-usage-null': chat({ usage: 'null' }),
  'chat-usage-never': chat({ usage: 'never' }),
  'chat-usage-twice': chat({ usage: 'twice' }),
  'chat-usage-groq': chat({ usage: 'x_groq', reasoning: 'reasoning' }),
  'chat-usage-deepseek': chat({ usage: 'deepseek' }),
  'chat-usage-xai': chat({ usage: 'xai' }),
  'chat-usage-cached': quirky({}, () => ({
    usage: { input_tokens: 512, cache_read_input_tokens: 7_168, cache_creation_input_tokens: 256, output_tokens: 40 },
  })),
};

const FRAMING: Record<string, Scenario> = {
  'chat-first-azure': chat({ firstChunk: 'azure' }),
  'chat-first-with-delta': chat({ firstChunk: 'with-delta' }),
  'chat-comments': chat({ comments: 'openrouter' }),
  'chat-keep-alive': chat({ comments: 'keep-alive' }),
  'chat-no-space': chat({ noSpace: true }),
  'chat-crlf': quirky({}, () => ({ lineEnd: 'crlf' })),
  'chat-second-choice': chat({ secondChoice: true }),
  'chat-json-anyway': quirky({}, () => ({ fault: { kind: 'garbage', what: 'json-instead-of-stream' } })),
  'chat-stream-anyway': chat({ streamAnyway: true }),
};

const ERRORS: Record<string, Scenario> = {
  'chat-error-chunk': chatText({ streamError: 'chunk' }, { fault: { kind: 'error-event', after: 4 } }),
  'chat-error-chunk-first': chatText({ streamError: 'chunk' }, { fault: { kind: 'error-event', after: 0 } }),
  'chat-error-event': chatText({ streamError: 'event' }, { fault: { kind: 'error-event', after: 4 } }),
  'chat-error-openrouter': chatText({ streamError: 'openrouter' }, { fault: { kind: 'error-event', after: 4 } }),
  'chat-error-overflow': chatText(
    {},
    { fault: { kind: 'error-event', after: 0, error: { kind: 'context-overflow' } } },
  ),
  'chat-error-200': () => ({ status: 502, quirks: { chat: { errorStatus200: true, errorBody: 'openrouter' } } }),
  'chat-429-openrouter': () => ({
    status: 429,
    error: { message: 'simulated/model is temporarily rate-limited upstream. Please retry shortly.' },
    quirks: { chat: { errorBody: 'openrouter' } },
  }),
  'chat-400-vllm': () => ({
    status: 400,
    error: {
      message:
        "'max_tokens' or 'max_completion_tokens' is too large: 32000. This model's maximum context length is 32768 tokens and your request has 4000 input tokens (32000 > 32768 - 4000).",
    },
    quirks: { chat: { errorBody: 'vllm' } },
  }),
  'chat-400-detail': () => ({ status: 400, quirks: { chat: { errorBody: 'detail' } } }),
  'chat-400-message': () => ({ status: 400, quirks: { chat: { errorBody: 'message' } } }),
  'chat-400-string': () => ({ status: 400, quirks: { chat: { errorBody: 'string' } } }),
  'chat-401-azure': () => ({ status: 401, error: { kind: 'credentials' }, quirks: { chat: { errorBody: 'azure' } } }),
};

const REFUSALS: Record<string, Scenario> = {
  'chat-refuses-stream-options': chat({ refuses: 'stream-options', usage: 'in-finish' }),
  'chat-refuses-max-tokens': chat({ refuses: 'max-tokens' }),
  'chat-refuses-required-choice': chat({ refuses: 'required-choice' }),
  'chat-refuses-parallel-flag': chat({ refuses: 'parallel-tool-calls' }),
  'chat-refuses-developer': chat({ refuses: 'developer-role' }),
  'chat-refuses-system-later': chat({ refuses: 'system-later' }),
};

export const chatQuirks: Record<string, Scenario> = {
  ...REASONING,
  ...CALLS,
  ...ENDINGS,
  ...USAGE,
  ...FRAMING,
  ...ERRORS,
  ...REFUSALS,
};
