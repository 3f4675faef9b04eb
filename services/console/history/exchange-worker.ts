// The thread in which large exchanges become rows.
import { parentPort, workerData } from 'node:worker_threads';
import { answerQuestions, toBuffer } from '#shared/threads/answer-questions.ts';
import { createRowMaker, type RowQuestion, type RowSettings, type TextRow } from './make-row.ts';

if (parentPort) {
  const makeRow = createRowMaker(workerData as RowSettings);
  answerQuestions<RowQuestion, TextRow>(parentPort, async ({ entry, body }) => ({
    answer: await makeRow(entry, toBuffer(body)),
  }));
}
