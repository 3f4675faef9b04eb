// Asks an upstream that can count how long a prompt is for it, before it is sent. Whatever goes wrong is no answer: the
// gateway can count by itself, nearly as well.
import { GatewayError } from '#shared/errors.ts';
import type { Provider } from '#shared/providers/provider.ts';
import type { Target } from '#shared/providers/target.ts';
import type { MessagesRequest } from '#shared/wire/anthropic.ts';
import { type Answer, UpstreamFailure, type UpstreamRequest } from './call-upstream.ts';
import { convertRequest } from './convert-request.ts';
import type { TraitMemory } from './learned-traits.ts';

export interface CountParts {
  provider: Provider;
  target: Target;
  learned: TraitMemory;
  call(request: UpstreamRequest): Promise<Answer>;
  /** It was asked and gave no count. */
  onTrouble(error: unknown): void;
}

const MOST_BYTES = 65_536;
/** There is no such place: it is not looked for again. */
const ABSENT: ReadonlySet<number> = new Set([404, 405, 501]);
const CANNOT = 'countsTokens';

/** May this upstream be asked? */
export function canCount(
  { provider, target, learned }: Pick<CountParts, 'provider' | 'target' | 'learned'>,
  model: string,
): boolean {
  return provider.tokenCount !== undefined && learned.of(target, model)[CANNOT] !== false;
}

/** null when it gave none, for whatever reason. */
export async function askCount(request: MessagesRequest, parts: CountParts): Promise<number | null> {
  const { provider, target, learned } = parts;
  const model = target.model ?? request.model;
  if (provider.tokenCount === undefined) return null;
  try {
    const options = { sessionId: null, anthropicVersion: null, learned: learned.of(target, model) };
    const { upstream } = convertRequest(request, provider, target, options);
    const question = provider.tokenCount.toQuestion(upstream.path, JSON.parse(String(upstream.body)));
    if (question === null) return null;
    const answer = await parts.call({
      ...upstream,
      path: question.path,
      headers: asJson(upstream.headers),
      body: Buffer.from(JSON.stringify(question.body)),
    });
    const body = await readWhole(answer);
    if (answer.status === 200) return provider.tokenCount.readCount(JSON.parse(body));
    if (ABSENT.has(answer.status)) learned.add(target, model, { [CANNOT]: false });
    throw new GatewayError('api_error', `${target.provider} answered ${answer.status} when it was asked for a count`);
  } catch (error) {
    parts.onTrouble(error);
    return null;
  }
}

function asJson(headers: readonly string[]): string[] {
  return headers.map((value, index) => (headers[index - 1] === 'accept' ? 'application/json' : value));
}

function readWhole(answer: Answer): Promise<string> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let size = 0;
    const flow = answer.start({
      onChunk: (chunk) => {
        size += chunk.length;
        chunks.push(chunk);
        if (size <= MOST_BYTES) return;
        queueMicrotask(() => flow.abort());
        reject(new UpstreamFailure('reset', 'the answer is too long to be a count'));
      },
      onEnd: () => resolve(Buffer.concat(chunks).toString('utf8')),
      onError: reject,
    });
  });
}
