// Marks where an upstream may cache the prompt, for clients that mark nothing themselves.
import { type Fields, isFields, listOf } from '#shared/providers/fields.ts';
import { choice, whole } from '../params.ts';
import type { StepKind } from '../step.ts';

/** Anthropic takes no more. */
const MOST = 4;

export const cacheBreakpoints: StepKind = {
  name: 'cache-breakpoints',
  about:
    'Marks the ends of tools, system prompt and the last two user turns for the cache; a request with marks of its own stays as it is.',
  places: ['request'],
  params: [
    whole('max', 'How many marks at most; unset = 4.', 1, MOST),
    choice('ttl', 'How long they hold; unset = as the upstream has it.', ['5m', '1h']),
  ],
  create: ({ max = MOST, ttl }) => {
    const mark = { type: 'ephemeral', ...(ttl === undefined ? {} : { ttl }) };
    return { on: 'body', change: (body) => (hasMarks(body) ? body : withMarks(body, mark, Number(max))) };
  },
};

function hasMarks(body: Fields): boolean {
  const isMarked = (value: unknown): boolean => isFields(value) && (value.cache_control ?? null) !== null;
  const areMarked = (blocks: unknown): boolean =>
    listOf(blocks).some((block) => isMarked(block) || (isFields(block) && listOf(block.content).some(isMarked)));
  return (
    isMarked(body) ||
    areMarked(body.tools) ||
    areMarked(body.system) ||
    areMarked(body.messages) ||
    listOf(body.messages).some((message) => isFields(message) && areMarked(message.content))
  );
}

/** What changes least first: a prefix that is cached is worth most where it is long and stays. */
function withMarks(body: Fields, mark: Fields, most: number): Fields {
  let left = most;
  const take = (marked: unknown[] | null): unknown[] | null => {
    if (marked === null || left === 0) return null;
    left--;
    return marked;
  };
  const tools = take(markLast(body.tools, mark));
  const system = take(markLast(asBlocks(body.system), mark));
  const messages = Array.isArray(body.messages) ? [...body.messages] : [];
  const userTurns = messages.flatMap((message, index) => (isFields(message) && message.role === 'user' ? [index] : []));
  let isMarked = false;
  for (const index of userTurns.slice(-2).toReversed()) {
    const message = messages[index] as Fields;
    const content = take(markLast(asBlocks(message.content), mark));
    if (content === null) continue;
    messages[index] = { ...message, content };
    isMarked = true;
  }
  if (tools === null && system === null && !isMarked) return body;
  return {
    ...body,
    ...(tools === null ? {} : { tools }),
    ...(system === null ? {} : { system }),
    ...(isMarked ? { messages } : {}),
  };
}

function asBlocks(content: unknown): unknown {
  return typeof content === 'string' ? [{ type: 'text', text: content }] : content;
}

/** The list with its last entry marked; null where nothing can be: empty texts and thinking take no mark. */
function markLast(list: unknown, mark: Fields): unknown[] | null {
  const last = listOf(list).at(-1);
  if (!isFields(last) || last.text === '' || /thinking/.test(String(last.type))) return null;
  return [...listOf(list).slice(0, -1), { ...last, cache_control: mark }];
}
