// What is read out of a finished call, each once however many ask: the request as JSON, the figures of the answer.
import type { AnswerFigures } from '#shared/exchange/observation.ts';
import { observeFigures, parseRequest } from '#shared/exchange/read-exchange.ts';
import { createStreamLinter, type LintRule, type StreamLinter } from '#shared/messages/lint-stream.ts';
import type { MessagesRequest } from '#shared/wire/anthropic.ts';
import type { FinishedCall } from './messages/finished-call.ts';

export interface CallReading {
  /** null when the body is no JSON object. */
  request(): MessagesRequest | null;
  /** null when no answer was kept. */
  figures(): Promise<AnswerFigures | null>;
  /** Rules of the protocol that the answer's stream broke; none when it was no stream. */
  brokenRules(): Promise<readonly LintRule[]>;
}

export function createCallReading(finished: FinishedCall): CallReading {
  let request: MessagesRequest | null | undefined;
  let figures: Promise<AnswerFigures | null> | undefined;
  let linter: StreamLinter | undefined;
  const observed = (): Promise<AnswerFigures | null> => {
    figures ??=
      finished.answer === null
        ? Promise.resolve(null)
        : observeFigures(finished.answer, (name, event) => {
            linter ??= createStreamLinter();
            linter.push(name, event);
          });
    return figures;
  };
  return {
    request: () => {
      request ??= finished.request === null ? null : parseRequest(finished.request);
      return request;
    },
    figures: observed,
    brokenRules: async () => {
      const isStream = (await observed())?.streamed ?? false;
      return isStream ? (linter ?? createStreamLinter()).end(finished.answer?.end === 'client_abort') : [];
    },
  };
}
