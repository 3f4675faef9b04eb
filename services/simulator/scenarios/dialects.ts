// How servers other than Anthropic's speak its protocol: each deviation as a scene, and each server with all of its
// own. On other protocols these scenes play without them.
import type { DialectQuirks } from '../quirks.ts';
import type { Scene } from '../script.ts';
import { quirky } from './quirky.ts';
import type { Scenario } from './scenario.ts';

const dialect = (quirks: DialectQuirks, rest: Partial<Scene> = {}): Scenario =>
  quirky({ anthropic: quirks }, () => rest);

/** A prompt that was mostly in the cache. */
const CACHED = { input_tokens: 100, cache_read_input_tokens: 900, output_tokens: 40 };

const DEVIATIONS: Record<string, Scenario> = {
  'dialect-start-bare': dialect({ start: 'bare' }),
  'dialect-start-twice': dialect({ start: 'twice' }),
  'dialect-start-no-usage': dialect({ start: 'no-usage' }),
  'dialect-start-input-0': dialect({ startInput: 'zero' }),
  'dialect-late-stops': dialect({ lateStops: true }),
  'dialect-tool-start-no-input': dialect({ toolStart: 'no-input' }),
  'dialect-loses-first-delta': dialect({ losesFirstDelta: true }),
  'dialect-signature-missing': dialect({ signature: 'missing' }),
  'dialect-signature-empty': dialect({ signature: 'empty' }),
  'dialect-signature-random': dialect({ signature: 'random' }),
  'dialect-usage-output-only': dialect({ usage: 'output-only' }),
  'dialect-usage-with-cache': dialect({ usage: 'input-with-cache' }, { usage: CACHED }),
  'dialect-usage-never': dialect({ usage: 'never' }),
  'dialect-no-event-names': dialect({ eventNames: false }),
  'dialect-no-pings': dialect({}, { pings: 'none' }),
  'dialect-done-marker': dialect({ doneMarker: true }),
  'dialect-stop-reason-missing': dialect({ stopReason: null }),
  'dialect-stop-reason-unknown': dialect({ stopReason: 'stop' }),
  'dialect-error-then-nothing': dialect(
    {},
    { fault: { kind: 'error-event', after: 5, error: { type: 'internal_error' } } },
  ),
};

const ERRORS: Record<string, Scenario> = {
  'dialect-400-vllm': () => ({
    status: 400,
    error: { kind: 'context-overflow' },
    quirks: { anthropic: { errorBody: 'vllm' } },
  }),
  'dialect-400-openai': () => ({ status: 400, quirks: { anthropic: { errorBody: 'openai' } } }),
  'dialect-400-detail': () => ({ status: 400, quirks: { anthropic: { errorBody: 'detail' } } }),
  'dialect-400-string': () => ({ status: 400, quirks: { anthropic: { errorBody: 'string' } } }),
  'dialect-500-sglang': () => ({ status: 500, quirks: { anthropic: { errorBody: 'sglang' } } }),
  'dialect-refuses-system-role': dialect({ refuses: 'system-role', errorBody: 'vllm' }),
  'dialect-refuses-adaptive': dialect({ refuses: 'adaptive-thinking' }),
  'dialect-refuses-redacted': dialect({ refuses: 'redacted-thinking', errorBody: 'sglang' }),
  'dialect-refuses-context-management': dialect({ refuses: 'context-management' }),
};

const SERVERS: Record<string, Scenario> = {
  'dialect-vllm': dialect(
    { start: 'bare', signature: 'random', refuses: 'system-role', errorBody: 'vllm' },
    { pings: 'none' },
  ),
  'dialect-sglang': dialect(
    { startInput: 'zero', usage: 'input-with-cache', signature: 'random', errorBody: 'sglang' },
    { pings: 'none' },
  ),
  'dialect-llamacpp': dialect(
    { toolStart: 'no-input', signature: 'empty', lateStops: true, usage: 'output-only' },
    { pings: 'none' },
  ),
  'dialect-ollama': dialect({ signature: 'missing' }, { pings: 'none' }),
  'dialect-litellm': dialect({ start: 'twice', losesFirstDelta: true }),
};

export const dialects: Record<string, Scenario> = { ...DEVIATIONS, ...ERRORS, ...SERVERS };
