// The thread's side of exporting: spans that are made here are written as bytes, like those that come as bytes, and sent.
import type { MessagePort } from 'node:worker_threads';
import { answerQuestions, toBuffer } from '#shared/threads/answer-questions.ts';
import type { SpanMessages } from './span-messages.ts';
import type { Unsent } from './span-queue.ts';
import { type SpanBytes, type SpanSenderOptions, startSpanSender } from './span-sender.ts';
import { createSpanWriter, type SpanWriter } from './span-writer.ts';
import type { MakeSpans, SpanRecord } from './tracing.ts';

const ALL_SENT: Unsent = { failed: 0, dropped_bytes: 0 };

export type SpanThreadOptions = SpanSenderOptions;

export type SpanQuestion =
  | { do: 'start' }
  | { do: 'export'; made: readonly SpanBytes[]; later: readonly MadeLater[] }
  | { do: 'shutdown' };

/** A `SpanWork` as it crosses. */
export interface MadeLater {
  maker: string;
  input: unknown;
  spans: number;
}

type Makers = Readonly<Record<string, MakeSpans>>;

/** `makers` by the names that `SpanWork` gives them. Answers with what was not sent. */
export function serveSpans(port: MessagePort, options: SpanThreadOptions, makers: Makers): void {
  const starting = startSpanSender(options);
  starting.catch(() => {}); // told to whoever asks
  const writer = createSpanWriter();
  answerQuestions<SpanQuestion, Unsent>(port, async (question) => {
    const sender = await starting;
    if (question.do === 'shutdown') await sender.shutdown();
    if (question.do !== 'export') return { answer: ALL_SENT };
    const all = sender.begin();
    let count = 0;
    let unmade = 0;
    for (const later of question.later) {
      const made = await make(later, makers, writer, all);
      count += made;
      unmade += later.spans - made;
    }
    for (const { bytes, spans } of question.made) {
      all.add(spans, (output) => output.copy(toBuffer(bytes), 0, bytes.length));
      count += spans;
      // What was given away and is left to the collector would make it collect all of the heap.
      if (bytes.buffer instanceof ArrayBuffer) bytes.buffer.transfer(0);
    }
    const unsent = count > 0 ? await sender.send(all) : ALL_SENT;
    return { answer: { ...unsent, failed: unsent.failed + unmade } };
  });
}

/** How many. What cannot be made is missing, and counted as failed. */
async function make(later: MadeLater, makers: Makers, writer: SpanWriter, all: SpanMessages): Promise<number> {
  let made = 0;
  for (const record of await makeRecords(later, makers)) {
    try {
      all.add(1, (output) => writer.writeTo(output, record));
      made += 1;
    } catch {
      // One that cannot be written takes no other along.
    }
  }
  return made;
}

async function makeRecords({ maker, input }: MadeLater, makers: Makers): Promise<SpanRecord[]> {
  try {
    return [...((await makers[maker]?.(input)) ?? [])];
  } catch {
    return [];
  }
}
