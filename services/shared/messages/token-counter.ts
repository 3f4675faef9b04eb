// Counts a prompt's tokens with a tokenizer, in a thread that starts with the first question and ends when none came for
// a while: neither loading nor a long prompt stops the event loop. When the thread fails or is too slow, the answer is
// approximated instead; it always comes.
//
// How far off it is: o200k is the tokenizer of current OpenAI models; for others' it stands in, 10 to 20 % either way.
// On top comes 7 % that is meant to be too much. Documents and images are told from their size.
import { Worker } from 'node:worker_threads';
import type { MessagesRequest } from '#shared/wire/anthropic.ts';
import { estimateTokens } from './estimate-tokens.ts';
import type { TokenQuestion, TokenReply } from './token-worker.ts';

export interface TokenCounter {
  /** null when the body is no JSON object. Never rejects. */
  count(body: Uint8Array): Promise<number | null>;
  stop(): Promise<void>;
}

export interface TokenCounterOptions {
  /** The thread could not count; what was asked of it has been approximated. */
  onTrouble(error: unknown): void;
  idleMs?: number;
  /** Longest wait for the thread, its start included. */
  timeoutMs?: number;
}

interface Waiting {
  body: Uint8Array;
  timer: NodeJS.Timeout;
  resolve(tokens: number | null): void;
}

export function createTokenCounter(options: TokenCounterOptions): TokenCounter {
  return new ThreadedCounter(options);
}

class ThreadedCounter implements TokenCounter {
  readonly #options: TokenCounterOptions;
  readonly #waiting = new Map<number, Waiting>();
  #worker: Worker | null = null;
  #idle: NodeJS.Timeout | undefined;
  #nextId = 1;
  #isStopped = false;

  constructor(options: TokenCounterOptions) {
    this.#options = options;
  }

  count(body: Uint8Array): Promise<number | null> {
    if (this.#isStopped) return Promise.resolve(approximate(body));
    return new Promise((resolve) => {
      const id = this.#nextId++;
      const timer = setTimeout(() => this.#giveUp(id), this.#options.timeoutMs ?? 5000);
      this.#waiting.set(id, { body, timer, resolve });
      clearTimeout(this.#idle);
      this.#worker ??= this.#start();
      this.#worker.postMessage({ id, body } satisfies TokenQuestion);
    });
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    clearTimeout(this.#idle);
    this.#approximateAll();
    await this.#worker?.terminate();
  }

  #start(): Worker {
    const worker = new Worker(new URL(import.meta.resolve('#shared/messages/token-worker.ts')));
    worker.unref();
    worker.on('message', ({ id, tokens }: TokenReply) => this.#settle(id, tokens));
    worker.on('error', (error) => this.#options.onTrouble(error));
    worker.on('exit', () => {
      if (this.#worker !== worker) return;
      this.#worker = null;
      this.#approximateAll();
    });
    return worker;
  }

  #settle(id: number, tokens: number | null): void {
    const asked = this.#waiting.get(id);
    if (!asked) return; // it was approximated meanwhile
    this.#waiting.delete(id);
    clearTimeout(asked.timer);
    asked.resolve(tokens);
    if (this.#waiting.size > 0 || this.#isStopped) return;
    this.#idle = setTimeout(() => this.#rest(), this.#options.idleMs ?? 60_000);
    this.#idle.unref();
  }

  #giveUp(id: number): void {
    this.#options.onTrouble(new Error('the tokenizer took too long'));
    const asked = this.#waiting.get(id);
    if (asked) this.#settle(id, approximate(asked.body));
  }

  #approximateAll(): void {
    for (const [id, { body }] of this.#waiting) this.#settle(id, approximate(body));
  }

  #rest(): void {
    const worker = this.#worker;
    this.#worker = null;
    worker?.terminate().catch(this.#options.onTrouble);
  }
}

function approximate(body: Uint8Array): number | null {
  try {
    const value: unknown = JSON.parse(Buffer.from(body.buffer, body.byteOffset, body.byteLength).toString('utf8'));
    const isObject = typeof value === 'object' && value !== null && !Array.isArray(value);
    return isObject ? estimateTokens(value as MessagesRequest) : null;
  } catch {
    return null; // the caller tells the client
  }
}
