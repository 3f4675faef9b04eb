// A thread for tests of those who ask one: it answers, throws, ends, or says nothing, as it is asked.
import { parentPort, workerData } from 'node:worker_threads';
import { answerQuestions } from '#shared/threads/answer-questions.ts';

export type OddQuestion = { say: string } | { bytes: Uint8Array } | { countIn: Int32Array } | 'throw' | 'exit' | 'hang';
export type OddAnswer = string | Uint8Array<ArrayBuffer>;

if (parentPort) {
  answerQuestions<OddQuestion, OddAnswer>(parentPort, async (question) => {
    if (question === 'throw') throw new RangeError('too odd');
    if (question === 'exit') process.exit(3);
    if (question === 'hang') return new Promise(() => {});
    if ('say' in question) return { answer: `${String(workerData)} ${question.say}` };
    if ('countIn' in question) for (;;) Atomics.add(question.countIn, 0, 1);
    const bytes = new Uint8Array(question.bytes).reverse();
    return { answer: bytes, transferred: [bytes.buffer] };
  });
}
