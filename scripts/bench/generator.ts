// A process of its own: sends a load to one port and reports what a client saw. Every answer is checked to the last byte.
import { createConnection, type Socket } from 'node:net';
import { type AnswerReader, createAnswerReader, type Expected } from './answer-reader.ts';
import { jsonAnswer, monotonicUs, type RequestBytes, requestBytes, streamAnswer } from './bodies.ts';
import { endWithParent } from './child.ts';
import type { ClientView, LoadOrder, Quantiles } from './client-view.ts';
import { findLoad, type Load } from './loads.ts';

const ANSWER_TIMEOUT_MS = 20_000;

interface Tally {
  finished: number;
  problems: Record<string, number>;
  firstByteMs: number[];
  wholeMs: number[];
  delayMs: number[];
}

interface Client {
  /** Sends one request; resolves when its answer is there or has failed. */
  ask(turn: number): Promise<void>;
  close(): void;
}

function expectedOf(load: Load): Expected {
  if (load.answer === 'json') return { payload: jsonAnswer(), events: null };
  const { payload, ends, stamps } = streamAnswer();
  return { payload, events: load.answer === 'paced' ? { ends, stamps } : null };
}

/** One keep-alive connection. After a failure the next request gets a new one. */
function createClient(port: number, request: RequestBytes, expected: Expected, tally: Tally): Client {
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
  const connect = (): Socket => {
    const opened = createConnection({ port, host: '127.0.0.1', noDelay: true });
    const reader: AnswerReader = createAnswerReader(expected, {
      onFirstByte: () => tally.firstByteMs.push(performance.now() - sentAt),
      onEvent: (madeAtUs) => tally.delayMs.push((monotonicUs() - madeAtUs) / 1000),
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
    opened.setTimeout(ANSWER_TIMEOUT_MS, () => finish('timeout'));
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

async function run({ port, load: name, seconds, firstTurn }: LoadOrder): Promise<ClientView> {
  const load = findLoad(name);
  const tally: Tally = { finished: 0, problems: {}, firstByteMs: [], wholeMs: [], delayMs: [] };
  const expected = expectedOf(load);
  const newClient = (): Client => createClient(port, requestBytes(load.answer, load.requestBodyBytes), expected, tally);
  let nextTurn = firstTurn;
  const turn = (): number => nextTurn++;
  const cpuBefore = process.cpuUsage();
  const startedAt = performance.now();
  if ('connections' in load.pressure) await runClosed(newClient, load.pressure.connections, seconds, turn);
  else await runOpen(newClient, load.pressure, seconds, turn);
  const ranSeconds = (performance.now() - startedAt) / 1000;
  const cpu = process.cpuUsage(cpuBefore);
  return {
    sent: nextTurn - firstTurn,
    finished: tally.finished,
    problems: tally.problems,
    seconds: ranSeconds,
    firstByteMs: quantiles(tally.firstByteMs),
    wholeMs: quantiles(tally.wholeMs),
    delayMs: tally.delayMs.length === 0 ? null : quantiles(tally.delayMs),
    generatorCpuShare: (cpu.user + cpu.system) / 1e6 / ranSeconds,
  };
}

function quantiles(values: number[]): Quantiles {
  const sorted = Float64Array.from(values).sort();
  const at = (share: number): number => sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? 0;
  return { p50: at(0.5), p99: at(0.99) };
}

endWithParent();
process.on('message', (order: LoadOrder) => {
  void run(order).then((view) => process.send?.(view));
});
process.send?.({ port: 0 });
