// A refusal without what the upstream was asked with: it may repeat it, and by its look not every key is one. Only refusals
// are read for that; they are short. All others, and those in which nothing is found, stay as they are to the byte.
import type { RecordedAnswer } from '#shared/exchange/exchange.ts';
import type { Target } from '#shared/providers/target.ts';
import type { Answer, AnswerFlow, AnswerSink, UpstreamFailure } from './call-upstream.ts';
import { ownSecrets } from './credentials.ts';

export interface Hiding {
  readonly secrets: readonly string[];
  /** Undoes the `content-encoding`. Never rejects. */
  readonly inflate: (bytes: Buffer, encoding: string | undefined) => Promise<Buffer>;
}

/** Values of shorter headers are words of every day. */
const SHORTEST_VALUE = 8;

/** Its key or tokens, and what headers from the settings say; as they are, and as JSON writes them. The longest first. */
export function secretsOf({ credential, headers, pipeline }: Target): readonly string[] {
  const values = [...headers, ...(pipeline?.setHeaders ?? [])].filter((_, index) => index % 2 === 1);
  const secrets = [...ownSecrets(credential), ...values.filter(({ length }) => length >= SHORTEST_VALUE)];
  const written = secrets.map((secret) => JSON.stringify(secret).slice(1, -1));
  return [...new Set([...secrets, ...written])].sort((one, other) => other.length - one.length);
}

/** The answer itself, or, once all of a refusal is there, one without the secrets. What is aborted never comes. */
export function withoutOwnSecrets(answer: Answer, hiding: Hiding): Answer | Promise<HeldAnswer> {
  if (answer.status < 400 || hiding.secrets.length === 0) return answer;
  return new Promise((resolve) => new HeldRefusal(answer, hiding, resolve).read());
}

/** A refusal that was read to its end. */
export interface HeldAnswer extends Answer {
  /** Its body, uncompressed and without the secrets; null when it broke off or is too long to be held. */
  readonly said: Buffer | null;
}

export async function recordWithoutSecrets(recorded: RecordedAnswer, hiding: Hiding): Promise<RecordedAnswer> {
  const last = recorded.chunks.at(-1);
  if (recorded.status < 400 || last === undefined) return recorded;
  const body = Buffer.concat(recorded.chunks.map(({ bytes }) => bytes));
  const { said, isChanged } = await hide(body, recorded.rawHeaders, hiding);
  if (!isChanged) return recorded;
  return { ...recorded, rawHeaders: withoutFraming(recorded.rawHeaders), chunks: [{ atMs: last.atMs, bytes: said }] };
}

interface Hidden {
  said: Buffer;
  /** One of them was in it. */
  isChanged: boolean;
}

/** Never rejects. */
async function hide(body: Buffer, rawHeaders: string[], { secrets, inflate }: Hiding): Promise<Hidden> {
  const at = rawHeaders.findIndex((name, index) => index % 2 === 0 && /^content-encoding$/i.test(name));
  const said = await inflate(body, at === -1 ? undefined : rawHeaders[at + 1]);
  const text = said.toString('latin1');
  const hidden = secrets.reduce((left, secret) => left.replaceAll(secret, '[redacted]'), text);
  return hidden === text ? { said, isChanged: false } : { said: Buffer.from(hidden, 'latin1'), isChanged: true };
}

function withoutFraming(rawHeaders: readonly string[]): string[] {
  return rawHeaders.filter((_, index) => !FRAMING.test(rawHeaders[index - (index % 2)] ?? ''));
}

const FRAMING = /^content-(?:encoding|length)$/i;

/** Of a refusal that is longer nothing is held back. */
const MOST_BYTES = 256 * 1024;

class HeldRefusal implements HeldAnswer, AnswerSink, AnswerFlow {
  readonly status: number;
  rawHeaders: string[];
  said: Buffer | null = null;
  readonly #answer: Answer;
  readonly #hiding: Hiding;
  readonly #onReady: (answer: HeldAnswer) => void;
  #flow: AnswerFlow | undefined;
  #held: Buffer[] = [];
  #bytes = 0;
  #isReady = false;
  #sink: AnswerSink | undefined;
  #end: ((sink: AnswerSink) => void) | undefined;

  constructor(answer: Answer, hiding: Hiding, onReady: (answer: HeldAnswer) => void) {
    this.status = answer.status;
    this.rawHeaders = answer.rawHeaders;
    this.#answer = answer;
    this.#hiding = hiding;
    this.#onReady = onReady;
  }

  get isRequestSent(): boolean {
    return this.#answer.isRequestSent === true;
  }

  read(): void {
    this.#flow = this.#answer.start(this);
  }

  start(sink: AnswerSink): AnswerFlow {
    this.#sink = sink;
    for (const chunk of this.#held.splice(0)) sink.onChunk(chunk);
    this.#end?.(sink);
    return this;
  }

  pause(): void {
    this.#flow?.pause();
  }

  resume(): void {
    this.#flow?.resume();
  }

  abort(): void {
    this.#flow?.abort();
  }

  onChunk(chunk: Buffer): void {
    if (this.#sink) {
      this.#sink.onChunk(chunk);
      return;
    }
    this.#held.push(chunk);
    this.#bytes += chunk.length;
    if (this.#bytes > MOST_BYTES) this.#ready();
  }

  onEnd(): void {
    this.#over((sink) => sink.onEnd(), true);
  }

  onError(failure: UpstreamFailure): void {
    this.#over((sink) => sink.onError(failure), false);
  }

  #over(end: (sink: AnswerSink) => void, isWhole: boolean): void {
    this.#end = end;
    if (this.#sink) end(this.#sink);
    else if (!this.#isReady) void this.#hide(isWhole).then(() => this.#ready());
  }

  #ready(): void {
    if (this.#isReady) return;
    this.#isReady = true;
    this.#onReady(this);
  }

  async #hide(isWhole: boolean): Promise<void> {
    const { said, isChanged } = await hide(Buffer.concat(this.#held), this.rawHeaders, this.#hiding);
    if (isWhole) this.said = said;
    if (!isChanged) return;
    this.#held = [said];
    // Of what is not whole nobody shall believe that it is.
    const length = isWhole ? ['content-length', String(said.length)] : [];
    this.rawHeaders = [...withoutFraming(this.rawHeaders), ...length];
  }
}
