// The thread in which the steps of large comparisons run.
import { parentPort, workerData } from 'node:worker_threads';
import { createRedactor, type RedactorOptions } from '#shared/redact/redact.ts';
import { type Answered, answerQuestions, ownBytes, toBuffer } from '#shared/threads/answer-questions.ts';
import { type ComparisonSteps, createSteps } from './prepare-call.ts';
import { type StepAnswer, type StepQuestion, unpackAnswer } from './step-messages.ts';

async function answer(question: StepQuestion, steps: ComparisonSteps): Promise<Answered<StepAnswer>> {
  switch (question.step) {
    case 'prepare': {
      const { entry, body, target } = question;
      const { primary, call } = await steps.prepareCall(entry, toBuffer(body), target);
      if (call === null) return { answer: { primary, call } };
      const bytes = ownBytes(call.body);
      return { answer: { primary, call: { ...call, body: bytes } }, transferred: [bytes.buffer] };
    }
    case 'observe':
      return { answer: await steps.observe(unpackAnswer(question.answer)) };
    case 'describe':
      return { answer: await steps.describeCall(question.body, question.facts) };
  }
}

if (parentPort) {
  const steps = createSteps(createRedactor(workerData as RedactorOptions).redactText);
  answerQuestions<StepQuestion, StepAnswer>(parentPort, (question) => answer(question, steps));
}
