// How versions of Ollama differ, each as a scene of its own. On other protocols these scenes play without the quirk.
import type { OllamaQuirks } from '../quirks.ts';
import type { Scene } from '../script.ts';
import { quirky, quirkyText } from './quirky.ts';
import type { Scenario } from './scenario.ts';

const ollama = (quirks: OllamaQuirks): Scenario => quirky({ ollama: quirks });
const ollamaText = (quirks: OllamaQuirks, rest: Partial<Scene> = {}): Scenario => quirkyText({ ollama: quirks }, rest);

export const ollamaQuirks: Record<string, Scenario> = {
  'ollama-no-call-ids': ollama({ callIds: false }),
  'ollama-calls-together': ollama({ callsTogether: true }),
  'ollama-think-tags': ollama({ thinkTags: true }),
  'ollama-truncated': ollama({ truncates: true }),
  'ollama-done-with-last': ollama({ doneWithLast: true }),
  'ollama-no-done-reason': ollama({ doneReason: null }),
  'ollama-done-load': ollamaText({ doneReason: 'load' }, { content: [] }),
  'ollama-no-done': ollama({ done: false }),
  'ollama-no-counts': ollama({ counts: 'never' }),
  'ollama-no-final-newline': ollama({ noFinalNewline: true }),
  'ollama-length': ollamaText({}, { stopReason: 'max_tokens' }),
  'ollama-empty': ollamaText({}, { content: [] }),
  'ollama-json-anyway': quirky({}, () => ({ fault: { kind: 'garbage', what: 'json-instead-of-stream' } })),
  'ollama-stream-anyway': ollama({ streamAnyway: true }),
  'ollama-error': ollamaText({}, { fault: { kind: 'error-event', after: 3 } }),
  'ollama-error-first': ollamaText({}, { fault: { kind: 'error-event', after: 0 } }),
  'ollama-no-tools': () => ({
    status: 400,
    error: { message: 'registry.ollama.ai/library/simulated:latest does not support tools' },
  }),
};
