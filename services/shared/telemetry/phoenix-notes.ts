// Notes on spans, kept by Phoenix beside them: its own API takes what its trace receiver leaves out. Bounded, retried,
// counted, and never waited for; with a receiver that is no Phoenix nothing happens.

export interface SpanNote {
  spanId: string;
  name: string;
  label: string;
  score: number | null;
  explanation: string | null;
  /** With name and span it says which note this is: a repetition replaces it. */
  identifier: string;
}

export type NoteResult = 'posted' | 'dropped' | 'failed';

export interface PhoenixNotesConfig {
  /** Without a slash at the end. */
  url: string;
  /** It was named as a Phoenix; else it is asked what it is. */
  isPhoenix: boolean;
  headers: Readonly<Record<string, string>>;
}

export interface PhoenixNotesParts {
  /** The spans go first: a note on a span that Phoenix does not know waits there. */
  flushSpans(): Promise<void>;
  onResult(result: NoteResult, notes: number): void;
  onTrouble(error: unknown): void;
  /** Before the second attempt; default a second. */
  retryMs?: number;
}

export interface PhoenixNotes {
  /** Never throws, never waits. */
  add(notes: readonly SpanNote[]): void;
  /** Sends what is left, once; what cannot be sent, or not in time, is counted as failed. */
  close(timeoutMs: number): Promise<void>;
}

const MOST_WAITING = 5_000;
const BATCH = 200;
const COLLECT_MS = 500;
/** A Phoenix that starts beside the sender takes a minute and a half on a slow machine: it is waited for a little longer. */
const ATTEMPTS = 18;
const RETRY_MS = 1_000;
/** The pause is doubled so often, and then stays. */
const DOUBLINGS = 3;
const ANSWER_MS = 10_000;

export function createPhoenixNotes(config: PhoenixNotesConfig, parts: PhoenixNotesParts): PhoenixNotes {
  const { flushSpans, onResult, onTrouble, retryMs = RETRY_MS } = parts;
  const abandoned = new AbortController();
  let waiting: SpanNote[] = [];
  let isPhoenix: boolean | null = config.isPhoenix ? true : null;
  let working: Promise<void> | null = null;
  let endCollecting: (() => void) | null = null;
  let endPause: (() => void) | null = null;
  let isClosed = false;

  const ask = (path: string, init: RequestInit = {}): Promise<Response> =>
    fetch(`${config.url}${path}`, {
      ...init,
      headers: { ...config.headers, 'content-type': 'application/json' },
      redirect: 'manual',
      signal: AbortSignal.any([abandoned.signal, AbortSignal.timeout(ANSWER_MS)]),
    });

  /** False = its receiver is another program. @throws when nobody answers, or not now */
  const knowPhoenix = async (): Promise<boolean> => {
    if (isPhoenix !== null) return isPhoenix;
    const answer = await ask('/arize_phoenix_version');
    const text = (await answer.text()).slice(0, 100);
    if (isPassing(answer.status)) throw new Error(`the trace receiver answered ${answer.status}`);
    isPhoenix = answer.ok && /^\s*"?\d+\.\d+/.test(text);
    return isPhoenix;
  };

  const post = async (batch: readonly SpanNote[]): Promise<NoteResult | null> => {
    if (!(await knowPhoenix())) return null;
    const answer = await ask('/v1/span_annotations', {
      method: 'POST',
      body: JSON.stringify({ data: batch.map(toAnnotation) }),
    });
    await answer.body?.cancel();
    if (isPassing(answer.status)) throw new Error(`Phoenix answered ${answer.status}`);
    if (!answer.ok) onTrouble(new Error(`Phoenix refused notes with ${answer.status}`));
    return answer.ok ? 'posted' : 'failed';
  };

  /** Cut short by a shutdown: what it interrupts gets one more attempt. */
  const pause = (ms: number): Promise<void> =>
    new Promise((resolve) => {
      endPause = resolve;
      setTimeout(resolve, ms).unref();
      if (isClosed) resolve();
    });

  const send = async (batch: readonly SpanNote[]): Promise<NoteResult | null> => {
    if (!abandoned.signal.aborted) await flushSpans();
    for (let attempt = 1; ; attempt += 1) {
      try {
        return await post(batch);
      } catch (error) {
        if (attempt === ATTEMPTS || isClosed) {
          onTrouble(error);
          return 'failed';
        }
        await pause(retryMs * 2 ** Math.min(attempt - 1, DOUBLINGS));
      }
    }
  };

  const work = async (): Promise<void> => {
    while (waiting.length > 0) {
      if (waiting.length < BATCH && !isClosed) {
        await new Promise<void>((resolve) => {
          endCollecting = resolve;
          setTimeout(resolve, COLLECT_MS).unref();
        });
      }
      const batch = waiting.slice(0, BATCH);
      waiting = waiting.slice(BATCH);
      const result = await send(batch);
      if (result !== null) onResult(result, batch.length);
    }
    working = null;
  };

  return {
    add: (notes) => {
      if (isPhoenix === false || isClosed || notes.length === 0) return;
      const taken = notes.slice(0, Math.max(0, MOST_WAITING - waiting.length));
      waiting.push(...taken);
      if (taken.length < notes.length) onResult('dropped', notes.length - taken.length);
      working ??= work();
    },
    close: async (timeoutMs) => {
      isClosed = true;
      endCollecting?.();
      endPause?.();
      const timer = setTimeout(() => abandoned.abort(), timeoutMs);
      await working;
      clearTimeout(timer);
    },
  };
}

/** https://arize.com/docs/phoenix: the names of its REST API. */
function toAnnotation({ spanId, name, label, score, explanation, identifier }: SpanNote): Record<string, unknown> {
  return { span_id: spanId, name, annotator_kind: 'CODE', result: { label, score, explanation }, identifier };
}

function isPassing(status: number): boolean {
  return status === 429 || status >= 500;
}
