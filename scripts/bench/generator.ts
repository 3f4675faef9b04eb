// A process of its own: sends a load to one port and reports what a client saw. Every answer is checked to its end.
import { createConnection, type Socket } from 'node:net';
import { type AnswerReader, createAnswerReader } from './answer-reader.ts';
import {
  type AnswerKind,
  jsonAnswer,
  jsonAnswerText,
  monotonicUs,
  type RequestBytes,
  requestBytes,
  STAMPS,
  streamAnswer,
} from './bodies.ts';
import { type BodyCheck, checkBytes, checkText, type OnEvent } from './check-body.ts';
import { endWithParent } from './child.ts';
import type { Address, ClientView, GeneratorOrder, HoldOrder, LoadOrder, Quantiles } from './client-view.ts';
import { findLoad, type Load } from './loads.ts';

const ANSWER_TIMEOUT_MS = 20_000;
const HOLD_TIMEOUT_MS = 180_000;
/** Streams that are opened at once, when many are to be held. */
const OPENING = 100;

interface Tally {
  finished: number;
  problems: Record<string, number>;
  firstByteMs: number[];
  wholeMs: number[];
  delayMs: number[];
}

function newTally(): Tally {
  return { finished: 0, problems: {}, firstByteMs: [], wholeMs: [], delayMs: [] };
}

interface Client {
  /** Sends one request; resolves when its answer is there or has failed. */
  ask(turn: number): Promise<void>;
  close(): void;
}

function createCheck(answer: AnswerKind, answers: Address['answers'], onEvent: OnEvent): BodyCheck {
  const reportsStamps = answer === 'paced';
  if (answers === 'text') {
    return answer === 'json'
      ? checkText({ stamps: 0, reportsStamps, text: jsonAnswerText() }, onEvent)
      : checkText({ stamps: STAMPS, reportsStamps, text: 'message_stop' }, onEvent);
  }
  if (answer === 'json') return checkBytes({ payload: jsonAnswer(), events: null }, onEvent);
  const { payload, ends, stamps } = streamAnswer();
  return checkBytes({ payload, events: reportsStamps ? { ends, stamps } : null }, onEvent);
}

interface ClientParts {
  port: number;
  request: RequestBytes;
  newCheck(onEvent: OnEvent): BodyCheck;
  tally: Tally;
  timeoutMs: number;
}

/** One keep-alive connection. After a failure the next request gets a new one. */
function createClient({ port, request, newCheck, tally, timeoutMs }: ClientParts): Client {
  let socket: Socket | undefined;
  let sentAt = 0;
  let settle: ((problem: string | null) => void) | undefined;
  const finish = (problem: string | null): void => {
    const done = settle;
    settle = undefined;
    if (problem !== null) {
      socket?.destroy();
      socket = undefined;
    }
    done?.(problem);
  };
  const check = newCheck((madeAtUs) => tally.delayMs.push((monotonicUs() - madeAtUs) / 1000));
  const connect = (): Socket => {
    const opened = createConnection({ port, host: '127.0.0.1', noDelay: true });
    const reader: AnswerReader = createAnswerReader(check, {
      onFirstByte: () => tally.firstByteMs.push(performance.now() - sentAt),
      onEnd: finish,
    });
    const lost = (): void => {
      if (opened !== socket) return;
      socket = undefined;
      finish(reader.isInside ? 'short answer' : 'no answer');
    };
    opened.on('data', (data) => reader.push(data));
    opened.on('error', lost);
    opened.on('close', lost);
    opened.setTimeout(timeoutMs, () => finish('timeout'));
    return opened;
  };
  return {
    ask: (turn) =>
      new Promise((resolve) => {
        settle = (problem) => {
          if (problem === null) {
            tally.finished++;
            tally.wholeMs.push(performance.now() - sentAt);
          } else tally.problems[problem] = (tally.problems[problem] ?? 0) + 1;
          resolve();
        };
        request.setTurn(turn);
        socket ??= connect();
        sentAt = performance.now();
        socket.write(request.bytes);
      }),
    close: () => {
      socket?.destroy();
      socket = undefined;
    },
  };
}

/** Keeps `connections` requests in flight until the time is over; those in flight then are still finished. */
async function runClosed(newClient: () => Client, connections: number, seconds: number, turn: () => number) {
  const endAt = performance.now() + seconds * 1000;
  const work = async (): Promise<void> => {
    const client = newClient();
    while (performance.now() < endAt) await client.ask(turn());
    client.close();
  };
  await Promise.all(Array.from({ length: connections }, work));
}

/** Begins a request at each due time, on a connection that is free or a new one; then waits for all answers. */
async function runOpen(
  newClient: () => Client,
  { perSecond, arrivals }: Extract<Load['pressure'], { perSecond: number }>,
  seconds: number,
  turn: () => number,
) {
  const free: Client[] = [];
  const running: Promise<void>[] = [];
  const total = Math.max(1, Math.round(perSecond * seconds));
  let dueAt = performance.now();
  for (let sent = 0; sent < total; sent++) {
    dueAt += (arrivals === 'even' ? 1 : -Math.log(1 - Math.random())) * (1000 / perSecond);
    const waitMs = dueAt - performance.now();
    if (waitMs >= 1) await new Promise((resolve) => setTimeout(resolve, waitMs));
    const client = free.pop() ?? newClient();
    running.push(client.ask(turn()).then(() => void free.push(client)));
  }
  await Promise.all(running);
  for (const client of free) client.close();
}

async function runLoad({ to, load: name, seconds, firstTurn }: LoadOrder): Promise<ClientView> {
  const load = findLoad(name);
  const tally = newTally();
  const newClient = (): Client =>
    createClient({
      port: to.port,
      request: requestBytes(load.answer, load.requestBodyBytes, to.headers),
      newCheck: (onEvent) => createCheck(load.answer, to.answers, onEvent),
      tally,
      timeoutMs: ANSWER_TIMEOUT_MS,
    });
  let nextTurn = firstTurn;
  const turn = (): number => nextTurn++;
  const watch = startWatch();
  if ('connections' in load.pressure) await runClosed(newClient, load.pressure.connections, seconds, turn);
  else await runOpen(newClient, load.pressure, seconds, turn);
  return view(tally, nextTurn - firstTurn, watch);
}

interface Held {
  ended: Promise<unknown>;
  view(): ClientView;
}

/** Opens the streams and waits until each has begun or failed. */
async function hold({ to, streams, answer, requestBodyBytes, firstTurn }: HoldOrder): Promise<Held> {
  const tally = newTally();
  const watch = startWatch();
  const request = requestBytes(answer, requestBodyBytes, to.headers);
  const newCheck = (onEvent: OnEvent): BodyCheck => createCheck(answer, to.answers, onEvent);
  const clients: Client[] = [];
  const running: Promise<void>[] = [];
  const settled = (): number => tally.firstByteMs.length + Object.values(tally.problems).reduce((a, b) => a + b, 0);
  while (running.length < streams) {
    while (running.length < streams && running.length - settled() < OPENING) {
      const client = createClient({ port: to.port, request, newCheck, tally, timeoutMs: HOLD_TIMEOUT_MS });
      clients.push(client);
      running.push(client.ask(firstTurn + running.length));
    }
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
  while (settled() < streams) await new Promise((resolve) => setTimeout(resolve, 1));
  return {
    ended: Promise.all(running).then(() => {
      for (const client of clients) client.close();
    }),
    view: () => view(tally, streams, watch),
  };
}

interface Watch {
  seconds(): number;
  cpuSeconds(): number;
}

function startWatch(): Watch {
  const cpuBefore = process.cpuUsage();
  const startedAt = performance.now();
  return {
    seconds: () => (performance.now() - startedAt) / 1000,
    cpuSeconds: () => {
      const { user, system } = process.cpuUsage(cpuBefore);
      return (user + system) / 1e6;
    },
  };
}

function view(tally: Tally, sent: number, watch: Watch): ClientView {
  const seconds = watch.seconds();
  return {
    sent,
    finished: tally.finished,
    problems: tally.problems,
    seconds,
    firstByteMs: quantiles(tally.firstByteMs),
    wholeMs: quantiles(tally.wholeMs),
    delayMs: tally.delayMs.length === 0 ? null : quantiles(tally.delayMs),
    generatorCpuShare: watch.cpuSeconds() / seconds,
  };
}

function quantiles(values: number[]): Quantiles {
  const sorted = Float64Array.from(values).sort();
  const at = (share: number): number => sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? 0;
  return { p50: at(0.5), p99: at(0.99) };
}

let held: Held | undefined;
async function obey(order: GeneratorOrder): Promise<ClientView> {
  if (order.order === 'load') return runLoad(order);
  if (order.order === 'hold') held = await hold(order);
  else await held?.ended;
  return held?.view() ?? view(newTally(), 0, startWatch());
}

endWithParent();
process.on('message', (order: GeneratorOrder) => {
  void obey(order).then((seen) => process.send?.(seen));
});
process.send?.({ port: 0 });
