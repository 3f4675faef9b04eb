// Asks an upstream, and once more where it refused something that it can be asked without. Nothing of a refusal has
// reached a client: the second answer is the only one there is.
import type { UpstreamError } from '#shared/providers/provider.ts';
import { answerNothing } from './answer-nothing.ts';
import { type Answer, type AnswerSink, type SentRequest, UpstreamFailure } from './call-upstream.ts';
import type { Conversion } from './start-conversion.ts';

export interface AskOptions {
  /** A refusal taught something, and the second call is about to begin. */
  onLearned?: () => void;
  /** The caller gives up. */
  signal?: AbortSignal;
}

/** Enough of a refusal to read what it is about. */
const HELD_BYTES = 262_144;

/** At most two calls, none where nothing is wanted. @throws what `call` throws; UpstreamFailure when the signal is aborted between them */
export async function askLearning(
  conversion: Conversion,
  call: (request: SentRequest) => Promise<Answer>,
  { onLearned, signal }: AskOptions = {},
): Promise<Answer> {
  if (needsNoModel(conversion)) return NOTHING;
  if (conversion.isEmpty) return answerNothing();
  const first = await call(conversion.upstream);
  if (!isRefusal(first) || conversion.provider.learn === undefined) return first;
  const refused = await hold(first, signal);
  if (!conversion.learn(refused.error)) return refused.answer;
  onLearned?.();
  // Who was to search cannot, and nobody else does.
  if (needsNoModel(conversion)) return NOTHING;
  const second = await call(conversion.upstream);
  if (!isRefusal(second)) {
    if (second.status < 400) conversion.settle(null);
    return second;
  }
  const again = await hold(second, signal);
  conversion.settle(again.error);
  return again.answer;
}

function needsNoModel({ search }: Conversion): boolean {
  return (search?.refusedQuery ?? null) !== null;
}

function isRefusal({ status }: Answer): boolean {
  return status === 400 || status === 422;
}

/** Reads a refusal to its end and keeps it for whoever reads it next. */
function hold(answer: Answer, signal: AbortSignal | undefined): Promise<{ error: UpstreamError; answer: Answer }> {
  const { status, rawHeaders } = answer;
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let size = 0;
    const giveUp = (): void => reject(new UpstreamFailure('reset', 'the call was aborted'));
    const done = (): void => {
      signal?.removeEventListener('abort', giveUp);
      const body = Buffer.concat(chunks).subarray(0, HELD_BYTES);
      resolve({ error: { status, rawHeaders, body }, answer: replay(answer, body) });
    };
    if (signal?.aborted) giveUp();
    signal?.addEventListener('abort', giveUp, { once: true });
    const flow = answer.start({
      onChunk: (chunk) => {
        if (size >= HELD_BYTES) return;
        size += chunk.length;
        chunks.push(chunk);
        if (size < HELD_BYTES) return;
        queueMicrotask(() => flow.abort());
        done();
      },
      onEnd: done,
      onError: done,
    });
  });
}

const STILL = { pause: () => {}, resume: () => {}, abort: () => {} };

const NOTHING: Answer = {
  status: 200,
  rawHeaders: [],
  start: (sink) => {
    sink.onEnd();
    return STILL;
  },
};

function replay({ status, rawHeaders }: Answer, body: Buffer): Answer {
  return {
    status,
    rawHeaders,
    start: (sink: AnswerSink) => {
      if (body.length > 0) sink.onChunk(body);
      sink.onEnd();
      return STILL;
    },
  };
}
