// The caller's side of a thread that does heavy work: a promise for every question. The thread starts with the first one;
// when it dies or is silent too long, what it owes is rejected, and the next question starts another.
import { type Transferable, Worker } from 'node:worker_threads';
import { errorMessage } from '#shared/errors.ts';
import type { ThreadQuestion, ThreadReply } from './answer-questions.ts';

export interface AskThread<Question, Answer> {
  /**
   * Of a lost thread the questions are rejected when it runs no more: memory that it shared is nobody else's then.
   * @throws ThreadLostError, or an error with the name and message of the one thrown in the thread
   */
  ask(question: Question, transferred?: Transferable[]): Promise<Answer>;
  /** Rejects what is owed and ends the thread. */
  close(): Promise<void>;
}

export interface AskThreadOptions {
  /** From `import.meta.resolve`. */
  url: string;
  /** Handed to the thread at its start. */
  workerData: unknown;
  /** After so long without its answer a question ends the thread. */
  timeoutMs: number;
}

/** The thread is gone, or was ended for its silence: the question may be asked again. */
export class ThreadLostError extends Error {
  constructor(why: string, cause?: unknown) {
    super(`a thread was lost: ${why}`, cause === undefined ? undefined : { cause });
    this.name = 'ThreadLostError';
  }
}

interface Owed<Answer> {
  resolve(answer: Answer): void;
  reject(error: Error): void;
  timer: NodeJS.Timeout;
}

interface Running<Answer> {
  worker: Worker;
  owed: Map<number, Owed<Answer>>;
  /** null = it was not lost. */
  why: ThreadLostError | null;
}

export function createAskThread<Question, Answer>(options: AskThreadOptions): AskThread<Question, Answer> {
  let running: Running<Answer> | null = null;
  let nextId = 1;
  let isClosed = false;

  /** It is asked no more; what it owes is rejected when it has ended. */
  function lose(lost: Running<Answer>, why: ThreadLostError): void {
    if (running === lost) running = null;
    lost.why ??= why;
  }

  function settle({ owed, why }: Running<Answer>): void {
    for (const { reject, timer } of owed.values()) {
      clearTimeout(timer);
      reject(why ?? new ThreadLostError('it ended'));
    }
    owed.clear();
  }

  function start(): Running<Answer> {
    const worker = new Worker(new URL(options.url), { workerData: options.workerData });
    const started: Running<Answer> = { worker, owed: new Map(), why: null };
    worker.unref();
    worker.on('message', ({ id, outcome }: ThreadReply<Answer>) => {
      const asked = started.owed.get(id);
      if (!asked) return; // it was given up meanwhile
      started.owed.delete(id);
      clearTimeout(asked.timer);
      if (outcome.ok) asked.resolve(outcome.answer);
      else asked.reject(Object.assign(new Error(outcome.message), { name: outcome.name }));
    });
    worker.on('error', (cause) => lose(started, new ThreadLostError(errorMessage(cause), cause)));
    worker.on('exit', () => {
      lose(started, new ThreadLostError('it ended'));
      settle(started);
    });
    return started;
  }

  function giveUp(silent: Running<Answer>): void {
    lose(silent, new ThreadLostError(`no answer within ${options.timeoutMs} ms`));
    void silent.worker.terminate();
  }

  return {
    ask: (question, transferred = []) =>
      new Promise((resolve, reject) => {
        if (isClosed) {
          reject(new ThreadLostError('it was closed'));
          return;
        }
        running ??= start();
        const asked = running;
        const id = nextId++;
        // What cannot cross throws here, and nothing is owed for it.
        asked.worker.postMessage({ id, question } satisfies ThreadQuestion<Question>, transferred);
        const timer = setTimeout(() => giveUp(asked), options.timeoutMs);
        asked.owed.set(id, { resolve, reject, timer });
      }),
    close: async () => {
      isClosed = true;
      const last = running;
      if (last === null) return;
      lose(last, new ThreadLostError('it was closed'));
      await last.worker.terminate();
    },
  };
}
