// Wire dumps, for those who look for a fault: what the client sent, what each upstream was sent and answered, what the
// client got. References are kept while the call runs; everything else happens after it, in a thread, and what cannot be
// kept up with is left out and counted.
import type { ServerResponse } from 'node:http';
import type { Target } from '#shared/providers/target.ts';
import { createAskThread } from '#shared/threads/ask-thread.ts';
import type { Answer, SentRequest } from '#shared/upstream/call-upstream.ts';
import { looksLikeCredential, ownHeader } from '#shared/upstream/credentials.ts';
import { secretsOf } from '#shared/upstream/hide-own-secrets.ts';
import type { Call } from '../messages/call.ts';
import type { Dump, DumpStage } from './dump.ts';
import type { DumpSettings } from './write-dump.ts';

export interface Dumps {
  /** From here on what this call's client gets is looked at. */
  begin(call: Call): void;
  /** An upstream is asked, whatever comes of it. */
  asked(call: Call, request: SentRequest): void;
  /** The same answer, looked at on its way. */
  answered(call: Call, answer: Answer): Answer;
  /** A piece of an answer went to the client. */
  relayed(call: Call, piece: Uint8Array): void;
  /** Never throws, never waits. */
  end(call: Call): void;
  /** Writes what waits, up to `timeoutMs`; the rest is counted as dropped. */
  drain(timeoutMs: number): Promise<void>;
}

export interface DumpEvents {
  dumped(requestId: string, result: 'written' | 'dropped' | 'failed', error?: unknown): void;
}

const MOST_STAGE_BYTES = 16 * 1024 * 1024;
const MOST_WAITING_BYTES = 64 * 1024 * 1024;
const MOST_WAITING = 64;
const TIMEOUT_MS = 60_000;

interface KeptStage {
  name: string;
  startLine: string;
  headers: string[];
  chunks: Uint8Array[];
  bytes: number;
  leftOut: number;
}

interface KeptCall {
  upstream: KeptStage[];
  clientAnswer: KeptStage;
}

const KEPT = Symbol('kept');
/** With what is kept of it, from its beginning to its end. */
type DumpedCall = Call & { [KEPT]?: KeptCall | undefined };

export function createDumps(settings: DumpSettings, events: DumpEvents): Dumps {
  const thread = createAskThread<Dump, null>({
    url: import.meta.resolve('#services/gateway/dumps/dump-worker.ts'),
    workerData: settings,
    timeoutMs: TIMEOUT_MS,
  });
  const waiting: Array<{ call: Call; kept: KeptCall; bytes: number }> = [];
  let waitingBytes = 0;
  let working: Promise<void> | null = null;

  const work = async (): Promise<void> => {
    for (let next = waiting.shift(); next; next = waiting.shift()) {
      // A turn of the event loop for the streams between two of them.
      await new Promise((resolve) => setImmediate(resolve));
      waitingBytes -= next.bytes;
      try {
        const dump = toDump(next.call, next.kept);
        const transferred = dump.stages.map(({ body }) => body.buffer);
        await thread.ask(dump, transferred);
        events.dumped(dump.requestId, 'written');
      } catch (error) {
        events.dumped(next.call.id, 'failed', error);
      }
    }
    working = null;
  };

  return {
    begin: (call: DumpedCall) => {
      const clientAnswer = stage('client-answer', 'no answer', []);
      call[KEPT] = { upstream: [], clientAnswer };
      watchResponse(call.response, clientAnswer);
    },
    asked: (call: DumpedCall, request) => {
      const asked = stage('upstream-request', `${request.method} ${request.origin}${request.path}`, request.headers);
      for (const piece of [request.body ?? []].flat()) keep(asked, piece);
      call[KEPT]?.upstream.push(asked);
    },
    answered: (call: DumpedCall, answer) => {
      const kept = call[KEPT];
      if (kept === undefined) return answer;
      const answered = stage('upstream-answer', `HTTP ${answer.status}`, answer.rawHeaders);
      kept.upstream.push(answered);
      return watchAnswer(answer, answered);
    },
    relayed: (call: DumpedCall, piece) => {
      const kept = call[KEPT];
      if (kept !== undefined) keep(kept.clientAnswer, piece);
    },
    end: (call: DumpedCall) => {
      const kept = call[KEPT];
      if (kept === undefined) return;
      call[KEPT] = undefined;
      const bytes = sizeOf(call, kept);
      if (waiting.length >= MOST_WAITING || waitingBytes + bytes > MOST_WAITING_BYTES) {
        events.dumped(call.id, 'dropped');
        return;
      }
      waiting.push({ call, kept, bytes });
      waitingBytes += bytes;
      working ??= work();
    },
    drain: async (timeoutMs) => {
      await Promise.race([working, new Promise((resolve) => setTimeout(resolve, timeoutMs).unref())]);
      for (const { call } of waiting.splice(0)) events.dumped(call.id, 'dropped');
      await thread.close();
    },
  };
}

function stage(name: string, startLine: string, headers: string[]): KeptStage {
  return { name, startLine, headers, chunks: [], bytes: 0, leftOut: 0 };
}

function keep(into: KeptStage, chunk: Uint8Array): void {
  if (into.leftOut > 0 || into.bytes + chunk.length > MOST_STAGE_BYTES) into.leftOut += chunk.length;
  else {
    into.chunks.push(chunk);
    into.bytes += chunk.length;
  }
}

/** The client's bytes go first. */
function watchAnswer(answer: Answer, into: KeptStage): Answer {
  return {
    status: answer.status,
    rawHeaders: answer.rawHeaders,
    start: (sink) =>
      answer.start({
        onChunk: (chunk) => {
          sink.onChunk(chunk);
          keep(into, chunk);
        },
        onEnd: () => sink.onEnd(),
        onError: (failure) => {
          into.startLine += ` (broke off: ${failure.message})`;
          sink.onError(failure);
        },
      }),
  };
}

/** Whoever begins or ends what the client gets, in whichever step, does it by the response; a relay frames the rest itself. */
function watchResponse(response: ServerResponse, into: KeptStage): void {
  const look = (method: 'writeHead' | 'end', see: (args: unknown[]) => void): void => {
    const original = response[method];
    const watched = (...args: unknown[]): unknown => {
      see(args);
      return Reflect.apply(original, response, args);
    };
    Object.assign(response, { [method]: watched });
  };
  look('writeHead', ([status, ...rest]) => {
    into.startLine = `HTTP ${String(status)}`;
    const headers = rest.find((part) => typeof part === 'object' && part !== null) ?? response.getHeaders();
    into.headers = (Array.isArray(headers) ? headers : Object.entries(headers).flat()).map(String);
  });
  look('end', ([chunk]) => {
    if (chunk instanceof Uint8Array) keep(into, chunk);
    else if (typeof chunk === 'string') keep(into, Buffer.from(chunk));
  });
}

function sizeOf({ view }: Call, { upstream, clientAnswer }: KeptCall): number {
  return [...upstream, clientAnswer].reduce((sum, { bytes }) => sum + bytes, view?.bytes.length ?? 0);
}

function toDump(call: Call, { upstream, clientAnswer }: KeptCall): Dump {
  const { method = '', url = '', rawHeaders } = call.request;
  const clientRequest = stage('client-request', `${method} ${url}`, rawHeaders);
  if (call.view) keep(clientRequest, call.view.bytes);
  const credential = call.plan?.primary.credential ?? { kind: 'none' };
  const header = ownHeader(credential);
  const constant = constantNames(call.plan?.primary);
  return {
    requestId: call.id,
    startedAtMs: call.startedAtMs,
    stages: [clientRequest, ...upstream, clientAnswer].map(toPlainStage),
    secretHeaders: [...(header === null ? [] : [header]), ...constant],
    keys: [...(call.plan === null ? [] : secretsOf(call.plan.primary)), ...clientKeys(call)],
  };
}

/** What settings add to requests; nobody but the operator knows whether it is a secret. */
function constantNames(target: Target | undefined): string[] {
  const flat = [...(target?.headers ?? []), ...(target?.pipeline?.setHeaders ?? [])];
  return flat.filter((_, index) => index % 2 === 0).map((name) => name.toLowerCase());
}

/** Shorter ones are placeholders, and parts of other words. */
const SHORTEST_KEY = 8;

function isLongEnough({ length }: string): boolean {
  return length >= SHORTEST_KEY;
}

function clientKeys({ request: { rawHeaders } }: Call): string[] {
  const given = rawHeaders.filter((_, index) => {
    const name = index % 2 === 1 ? (rawHeaders[index - 1] ?? '') : '';
    return looksLikeCredential(name.toLowerCase());
  });
  return given.map((value) => value.replace(/^(?:bearer|basic) +/i, '')).filter(isLongEnough);
}

/** The bytes in one buffer of their own, which can be given away. */
function toPlainStage({ name, startLine, headers, chunks, bytes, leftOut }: KeptStage): DumpStage {
  const body = new Uint8Array(bytes);
  let at = 0;
  for (const chunk of chunks) {
    body.set(chunk, at);
    at += chunk.length;
  }
  return { name, startLine, headers: [...headers], body, leftOut };
}
