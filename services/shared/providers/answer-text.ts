// The text of an answer on its way to the writer: it ends at the stop sequences that the upstream does not know, and where
// the client wanted less than an upstream can be asked for.
import type { MessageWriter } from '#shared/messages/message-writer.ts';
import type { Usage } from '#shared/wire/anthropic.ts';
import { createStopWatch } from './stop.ts';

export interface AnswerText {
  /** Ends the message at a stop sequence or where it is long enough; `writer.hasEnded` tells. */
  push(delta: string): void;
  /** Something else comes: what was held back is no part of a sequence. */
  flush(): void;
  readonly isEmpty: boolean;
}

const CHARACTERS_PER_TOKEN = 4;

/** `usage`: what is known of it when the message ends before the upstream has told; `mostTokens`: null = no limit here. */
export function createAnswerText(
  writer: MessageWriter,
  stopSequences: readonly string[],
  usage: () => Usage = () => ({}),
  mostTokens: number | null = null,
): AnswerText {
  const watch = createStopWatch(stopSequences);
  const most = mostTokens === null ? Number.POSITIVE_INFINITY : mostTokens * CHARACTERS_PER_TOKEN;
  let length = 0;
  const show = (text: string): void => {
    const shown = length + text.length <= most ? text : text.slice(0, most - length).replace(/[\ud800-\udbff]$/, '');
    length += shown.length;
    answer.isEmpty = length === 0;
    if (shown !== '') writer.text(shown);
    if (shown.length === text.length) return;
    writer.usage({ ...usage(), output_tokens: mostTokens });
    writer.finish('max_tokens');
  };
  const answer = {
    isEmpty: true,
    push: (delta: string): void => {
      const { text, matched } = watch.push(delta);
      show(text);
      if (matched === null || writer.hasEnded) return;
      writer.usage({ ...usage(), output_tokens: Math.max(1, Math.ceil(length / CHARACTERS_PER_TOKEN)) });
      writer.finish('stop_sequence', matched);
    },
    flush: (): void => show(watch.flush()),
  };
  return answer;
}
