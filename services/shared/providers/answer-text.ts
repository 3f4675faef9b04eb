// The text of an answer on its way to the writer: it ends at the stop sequences that the upstream does not know.
import type { MessageWriter } from '#shared/messages/message-writer.ts';
import type { Usage } from '#shared/wire/anthropic.ts';
import { createStopWatch } from './stop.ts';

export interface AnswerText {
  /** Ends the message at a stop sequence; `writer.hasEnded` tells. */
  push(delta: string): void;
  /** Something else comes: what was held back is no part of a sequence. */
  flush(): void;
  readonly isEmpty: boolean;
}

const CHARACTERS_PER_TOKEN = 4;

/** `usage`: what is known of it when the message ends before the upstream has told. */
export function createAnswerText(
  writer: MessageWriter,
  stopSequences: readonly string[],
  usage: () => Usage = () => ({}),
): AnswerText {
  const watch = createStopWatch(stopSequences);
  let length = 0;
  const show = (text: string): void => {
    length += text.length;
    if (text !== '') writer.text(text);
  };
  return {
    push: (delta) => {
      const { text, matched } = watch.push(delta);
      show(text);
      if (matched === null) return;
      writer.usage({ ...usage(), output_tokens: Math.max(1, Math.ceil(length / CHARACTERS_PER_TOKEN)) });
      writer.finish('stop_sequence', matched);
    },
    flush: () => show(watch.flush()),
    get isEmpty() {
      return length === 0;
    },
  };
}
