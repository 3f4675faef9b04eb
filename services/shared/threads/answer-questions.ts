// The thread's side: every question is answered, or its error told, in the order the work ends.
import { constants, getPriority, setPriority } from 'node:os';
import { isMainThread, type MessagePort, type Transferable } from 'node:worker_threads';

export interface ThreadQuestion<Question> {
  id: number;
  question: Question;
}

export interface ThreadReply<Answer> {
  id: number;
  /** An error crosses as name and message: classes do not survive the way. */
  outcome: { ok: true; answer: Answer } | { ok: false; name: string; message: string };
}

export interface Answered<Answer> {
  answer: Answer;
  /** Buffers that are given away with it. */
  transferred?: Transferable[];
}

export function answerQuestions<Question, Answer>(
  port: MessagePort,
  work: (question: Question) => Promise<Answered<Answer>>,
): void {
  stepBack();
  port.on('message', async ({ id, question }: ThreadQuestion<Question>) => {
    try {
      const { answer, transferred } = await work(question);
      port.postMessage({ id, outcome: { ok: true, answer } } satisfies ThreadReply<Answer>, transferred);
    } catch (thrown) {
      const { name, message } = thrown instanceof Error ? thrown : new Error(String(thrown));
      port.postMessage({ id, outcome: { ok: false, name, message } } satisfies ThreadReply<Answer>);
    }
  });
}

/** A quarter of a core's time, where the main thread wants all of it. */
const NICE = 10;

/** Streams of clients come first: on Linux this concerns the calling thread alone, elsewhere it would be the process. */
function stepBack(): void {
  if (process.platform !== 'linux' || isMainThread) return;
  try {
    // From where the process was put: going forward takes a right that it may lack.
    setPriority(Math.min(constants.priority.PRIORITY_LOW, getPriority() + NICE));
  } catch {
    // A sandbox that forbids the call takes nothing but the order: the thread works beside the others.
  }
}

/** The bytes in a buffer of their own, which can be given away. Never the pool's, and never one that others read. */
export function ownBytes(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  return new Uint8Array(bytes);
}

/** Bytes that crossed, as the rest of the program knows them. */
export function toBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
