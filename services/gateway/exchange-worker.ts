// The thread in which large exchanges are described, identified and compressed.
import { parentPort } from 'node:worker_threads';
import { answerQuestions } from '#shared/threads/answer-questions.ts';
import { type ExchangeQuestion, type PreparedExchange, prepareExchange } from './prepare-exchange.ts';
import { createPairIdentifier } from './routing/identify-pair.ts';

if (parentPort !== null) {
  const identifyPair = createPairIdentifier();
  answerQuestions<ExchangeQuestion, PreparedExchange>(parentPort, async (question) => {
    const answer = prepareExchange(question, identifyPair);
    return { answer, transferred: [answer.body.buffer] };
  });
}
