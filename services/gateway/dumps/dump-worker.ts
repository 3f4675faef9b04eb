// The thread in which dumps are redacted and written, one after the other.
import { parentPort, workerData } from 'node:worker_threads';
import { answerQuestions } from '#shared/threads/answer-questions.ts';
import type { Dump } from './dump.ts';
import { createDumpWriter, type DumpSettings } from './write-dump.ts';

if (parentPort !== null) {
  const write = createDumpWriter(workerData as DumpSettings);
  answerQuestions<Dump, null>(parentPort, async (dump) => {
    await write(dump);
    return { answer: null };
  });
}
