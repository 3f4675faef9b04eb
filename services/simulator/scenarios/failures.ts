// Scenes that go wrong: refused by status, broken in the middle, silent, or not even HTTP.
import { type Fault, type Garbage, type Scene, text } from '../script.ts';
import type { Scenario } from './scenario.ts';

const ANSWER = [text('This answer was meant to be longer than what arrives of it.')];

function refused(status: number, rest: Partial<Scene> = {}): Scenario {
  return () => ({ status, ...rest });
}

function broken(fault: Fault): Scenario {
  return () => ({ content: ANSWER, fault });
}

function garbage(what: Garbage): Scenario {
  return broken({ kind: 'garbage', what });
}

export const failures: Record<string, Scenario> = {
  'error-400': refused(400, { error: { message: 'max_tokens: Field required' } }),
  'error-400-role': refused(400, {
    error: { message: "messages.1.role: Input should be 'user' or 'assistant'" },
  }),
  'error-400-thread': refused(400, {
    error: {
      message: 'thread: not supported here',
      details: { error_code: 'thread_unsupported_request' },
    },
  }),
  'error-401': refused(401, { error: { kind: 'credentials' }, headers: { 'x-should-retry': 'false' } }),
  'error-402': refused(402, { error: { kind: 'quota' } }),
  'error-403': refused(403),
  'error-404': refused(404, { error: { kind: 'model-not-found' } }),
  'error-413': refused(413),
  'error-429': refused(429, { headers: { 'retry-after': '7' } }),
  'context-overflow': refused(400, { error: { kind: 'context-overflow' } }),
  /** No money left, told as a limit: waiting does not help. */
  quota: refused(429, { error: { kind: 'quota' } }),
  'content-policy': refused(400, { error: { kind: 'content-policy' } }),
  'error-500': refused(500),
  'error-502-html': refused(502, {
    body: '<html><head><title>502 Bad Gateway</title></head></html>\n',
    headers: { 'content-type': 'text/html' },
  }),
  'error-503': refused(503, { headers: { 'retry-after': '2' } }),
  'error-529': refused(529),
  'error-first': broken({ kind: 'error-event', after: 0, error: { type: 'overloaded_error' } }),
  /** Breaks a stream after its start; the same request without a stream is answered. */
  'mid-error': (ask) =>
    ask.stream
      ? { content: ANSWER, fault: { kind: 'error-event', after: 1, error: { type: 'overloaded_error' } } }
      : { content: ANSWER },
  'late-error': broken({ kind: 'error-event', after: 5, error: { type: 'api_error' } }),
  'cut-before-headers': broken({ kind: 'cut-before-headers' }),
  'cut-after-headers': broken({ kind: 'cut-after-headers' }),
  'cut-between-events': broken({ kind: 'cut', after: 5 }),
  'cut-inside-event': broken({ kind: 'cut-inside', after: 5 }),
  'no-message-stop': broken({ kind: 'end-early', after: -1 }),
  'no-message-delta': broken({ kind: 'end-early', after: -2 }),
  silence: broken({ kind: 'silence', after: 5 }),
  'silence-before-headers': broken({ kind: 'silence-before-headers' }),
  'slow-first-byte': () => ({ content: ANSWER, delays: { firstByteMs: 2_000 } }),
  'garbage-html': garbage('html'),
  'garbage-not-json': garbage('not-json'),
  'garbage-chunking': garbage('broken-chunking'),
  'garbage-length': garbage('content-length-long'),
  'garbage-length-short': garbage('content-length-short'),
  'garbage-empty': garbage('empty'),
  'garbage-json': garbage('json-instead-of-stream'),
};
