// How answers of the Gemini API differ, each as a scene of its own. On other protocols these scenes play without the
// quirk.
import type { GeminiQuirks } from '../quirks.ts';
import { type Fault, type Scene, text, toolUse } from '../script.ts';
import { answers } from './answers.ts';
import { quirky, quirkyText } from './quirky.ts';
import type { Scenario } from './scenario.ts';

const gemini = (quirks: GeminiQuirks): Scenario => quirky({ gemini: quirks });
const geminiText = (quirks: GeminiQuirks, rest: Partial<Scene> = {}): Scenario => quirkyText({ gemini: quirks }, rest);
const errorAfter = (after: number): { fault: Fault } => ({ fault: { kind: 'error-event', after } });
const search =
  (quirks: GeminiQuirks): Scenario =>
  (ask, context) => ({ ...answers['web-search']?.(ask, context), quirks: { gemini: quirks } });

const PARTS: Record<string, Scenario> = {
  'gemini-call-ids': gemini({ callIds: true }),
  'gemini-calls-apart': gemini({ callsApart: true }),
  'gemini-args-missing': quirky({ gemini: { missingArgs: true } }, (_scene, ask) =>
    ask.toolResults.length > 0 ? {} : { content: [toolUse(ask.tools[0]?.name ?? 'Read', {})] },
  ),
  'gemini-partial-args': gemini({ partialArgs: 'ended' }),
  'gemini-partial-args-unended': gemini({ partialArgs: 'unended' }),
  'gemini-signature-every-call': gemini({ signature: 'every-call' }),
  'gemini-signature-text': geminiText({ signature: 'text' }),
  'gemini-signature-empty-text': geminiText({ signature: 'empty-text' }),
  'gemini-signature-none': gemini({ signature: 'none' }),
  'gemini-grounding': search({}),
  'gemini-grounding-in-every': search({ groundingInEvery: true }),
};

const ENDINGS: Record<string, Scenario> = {
  'gemini-finish-empty-text': gemini({ finish: 'empty-text' }),
  'gemini-finish-no-content': gemini({ finish: 'no-content' }),
  'gemini-finish-never': gemini({ finish: 'never' }),
  'gemini-finish-other': geminiText({ finishReason: 'OTHER' }),
  'gemini-blocked-prompt': geminiText({ blockReason: 'PROHIBITED_CONTENT' }),
  'gemini-safety': geminiText({}, { content: [text('Well, ')], stopReason: 'refusal' }),
  'gemini-recitation': geminiText({ finishReason: 'RECITATION' }, { content: [] }),
  'gemini-max-tokens': geminiText({}, { stopReason: 'max_tokens' }),
  'gemini-malformed-call': geminiText(
    { finishReason: 'MALFORMED_FUNCTION_CALL', finish: 'no-content' },
    { content: [] },
  ),
  'gemini-malformed-after-text': geminiText({ finishReason: 'MALFORMED_FUNCTION_CALL' }),
  'gemini-empty': geminiText({}, { content: [] }),
};

const REST: Record<string, Scenario> = {
  'gemini-usage-vanishing': gemini({ usage: 'vanishing' }),
  'gemini-usage-last': gemini({ usage: 'last' }),
  'gemini-usage-never': gemini({ usage: 'never' }),
  'gemini-lf': quirky({}, () => ({ lineEnd: 'lf' })),
  'gemini-array-anyway': gemini({ arrayAnyway: true }),
  'gemini-error': geminiText({}, errorAfter(3)),
  'gemini-error-first': geminiText({}, errorAfter(0)),
  'gemini-error-list': () => ({ status: 400, quirks: { gemini: { errorList: true } } }),
  'gemini-400-key': () => ({ status: 400, error: { kind: 'credentials' } }),
};

export const geminiQuirks: Record<string, Scenario> = { ...PARTS, ...ENDINGS, ...REST };
