// What is read out of a finished call: the figures of its answer, the rules its stream broke, and on demand its request.
import type { AnswerFigures } from '#shared/exchange/observation.ts';
import { observeFigures, parseRequest } from '#shared/exchange/read-exchange.ts';
import { createStreamLinter, type LintRule, type StreamLinter } from '#shared/messages/lint-stream.ts';
import type { MessagesRequest } from '#shared/wire/anthropic.ts';
import type { FinishedCall } from './messages/finished-call.ts';

export interface CallReading {
  /** null when no answer was kept. */
  readonly figures: AnswerFigures | null;
  /** Rules of the protocol that the answer's stream broke; none when it was no stream. */
  readonly brokenRules: readonly LintRule[];
  /** null when the body is no JSON object. */
  request(): MessagesRequest | null;
}

export type ReadCall = (finished: FinishedCall) => CallReading | Promise<CallReading>;

/** Reads each call once, whoever asks first. */
export function createCallReader(): ReadCall {
  const reading = Symbol('reading');
  // With the call itself: in a map with weak keys all calls would outlive every collection but those of all of the heap.
  type Keeping = FinishedCall & { [reading]?: CallReading | Promise<CallReading> };
  return (finished: Keeping) => {
    finished[reading] ??= readCall(finished);
    return finished[reading];
  };
}

/** Waits only for an answer that came compressed. */
export function readCall(finished: FinishedCall): CallReading | Promise<CallReading> {
  if (finished.answer === null) return toReading(finished, null, undefined);
  let linter: StreamLinter | undefined;
  const figures = observeFigures(finished.answer, (name, event) => {
    linter ??= createStreamLinter();
    linter.push(name, event);
  });
  return figures instanceof Promise
    ? figures.then((read) => toReading(finished, read, linter))
    : toReading(finished, figures, linter);
}

function toReading(
  finished: FinishedCall,
  figures: AnswerFigures | null,
  linter: StreamLinter | undefined,
): CallReading {
  const isCut = finished.answer?.end === 'client_abort';
  return {
    figures,
    brokenRules: figures?.streamed ? (linter ?? createStreamLinter()).end(isCut) : [],
    request: () => (finished.request === null ? null : parseRequest(finished.request)),
  };
}
