// A request for no output at all, by which Anthropic's own clients warm its cache: no other upstream is asked for that. The
// answer is empty, and made here.
import type { Provider } from '#shared/providers/provider.ts';
import type { MessagesRequest } from '#shared/wire/anthropic.ts';
import type { Answer } from './call-upstream.ts';

export function wantsNothing(request: MessagesRequest): boolean {
  return request.max_tokens === 0;
}

/** The provider, reading an answer that says nothing. */
export function readingNothing({ learn: _learn, ...provider }: Provider): Provider {
  return {
    ...provider,
    framing: 'sse',
    createReader: (writer) => ({
      onEvent: () => {},
      onEnd: () => {
        writer.usage({ output_tokens: 0 });
        writer.finish('max_tokens');
      },
    }),
  };
}

/** An answer without a byte would be a failure. */
const NO_WORD = Buffer.from('data: {}\n\n');

export function answerNothing(): Answer {
  return {
    status: 200,
    rawHeaders: ['content-type', 'text/event-stream'],
    start: (sink) => {
      let isAborted = false;
      queueMicrotask(() => {
        if (isAborted) return;
        sink.onChunk(NO_WORD);
        sink.onEnd();
      });
      return {
        pause: () => {},
        resume: () => {},
        abort: () => {
          isAborted = true;
        },
      };
    },
  };
}
