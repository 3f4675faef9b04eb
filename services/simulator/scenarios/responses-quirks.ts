// How servers of the Responses API differ, each as a scene of its own. On other protocols these scenes play without
// the quirk.
import type { ResponsesQuirks } from '../quirks.ts';
import { type Fault, type Scene, text, thinking, toolUse } from '../script.ts';
import { quirky, quirkyText } from './quirky.ts';
import type { Scenario } from './scenario.ts';

const responses = (quirks: ResponsesQuirks): Scenario => quirky({ responses: quirks });
const responsesText = (quirks: ResponsesQuirks, rest: Partial<Scene> = {}): Scenario =>
  quirkyText({ responses: quirks }, rest);
const errorAfter = (after: number): { fault: Fault } => ({ fault: { kind: 'error-event', after } });

const ITEMS: Record<string, Scenario> = {
  'responses-item-id-rotating': responses({ itemId: 'rotating' }),
  'responses-item-id-empty': responses({ itemId: 'empty' }),
  'responses-item-id-absent': responses({ itemId: 'absent' }),
  'responses-index-gaps': responses({ outputIndex: 'gaps' }),
  'responses-index-absent': responses({ outputIndex: 'absent' }),
  'responses-nothing-to-match': responses({ outputIndex: 'absent', itemId: 'absent' }),
  'responses-no-deltas': responses({ deltas: 'none' }),
  'responses-half-deltas': responses({ deltas: 'half' }),
  'responses-no-item-done': responses({ itemDone: false }),
  'responses-calls-overlap': responses({ overlap: 'calls' }),
  'responses-text-in-call': responses({ overlap: 'text-in-call' }),
  'responses-unknown-items': responses({ unknownItems: true }),
  'responses-phase': responses({ phase: true }),
};

const REASONING: Record<string, Scenario> = {
  'responses-summary-parts': quirky({}, (_scene, ask) =>
    ask.toolResults.length > 0
      ? {}
      : { content: [thinking('**First**, look.\n\n**Then**, answer.'), toolUse('Bash', { command: 'ls' })] },
  ),
  'responses-reasoning-text': responses({ reasoning: 'text' }),
  'responses-reasoning-encrypted': responses({ reasoning: 'encrypted' }),
  'responses-reasoning-none': responses({ reasoning: 'none' }),
};

const ENDINGS: Record<string, Scenario> = {
  'responses-incomplete': responsesText({}, { stopReason: 'max_tokens' }),
  'responses-incomplete-in-call': () => ({
    content: [{ ...toolUse('Write', {}), rawInput: '{"file_path": "/home/dev/a.txt", "content": "The be' }],
    stopReason: 'max_tokens',
  }),
  'responses-incomplete-other': responsesText({ ending: 'incomplete-other' }),
  'responses-completed-incomplete': responsesText({ ending: 'completed-incomplete' }),
  'responses-content-filter': responsesText(
    { refusal: 'content_filter' },
    { content: [text('Well, ')], stopReason: 'refusal' },
  ),
  'responses-refusal': responsesText({}, { content: [text('I cannot help with that.')], stopReason: 'refusal' }),
  'responses-failed': responsesText({ ending: 'failed' }),
  'responses-failed-first': responsesText({ streamError: 'failed' }, errorAfter(2)),
  'responses-failed-overflow': responsesText(
    { streamError: 'failed' },
    { fault: { kind: 'error-event', after: 2, error: { kind: 'context-overflow' } } },
  ),
  'responses-failed-rate-limit': responsesText(
    { streamError: 'failed' },
    { fault: { kind: 'error-event', after: 2, error: { kind: 'rate-limit' } } },
  ),
  'responses-cancelled': responsesText({ ending: 'cancelled' }),
  'responses-no-ending': responses({ ending: 'none' }),
  'responses-done-marker': responses({ doneMarker: true }),
  'responses-empty': responsesText({}, { content: [] }),
  'responses-final-output-empty': responses({ finalOutput: 'empty' }),
  'responses-final-output-absent': responses({ finalOutput: 'absent' }),
  'responses-usage-null': responses({ usage: 'null' }),
};

const FRAMING: Record<string, Scenario> = {
  'responses-no-event-names': responses({ eventNames: false }),
  'responses-crlf': quirky({}, () => ({ lineEnd: 'crlf' })),
  'responses-json-anyway': quirky({}, () => ({ fault: { kind: 'garbage', what: 'json-instead-of-stream' } })),
  'responses-stream-anyway': responses({ streamAnyway: true }),
  'responses-error': responsesText({ streamError: 'error' }, errorAfter(6)),
  'responses-error-first': responsesText({ streamError: 'error' }, errorAfter(0)),
  'responses-error-nested': responsesText({ streamError: 'nested' }, errorAfter(6)),
};

export const responsesQuirks: Record<string, Scenario> = { ...ITEMS, ...REASONING, ...ENDINGS, ...FRAMING };
