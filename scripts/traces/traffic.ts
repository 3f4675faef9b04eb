// A session of an agent: a question that ends in a tool call, the tool's result, and a turn on which the models disagree.
import { eventually, getJson, type TracedServices } from './traced-services.ts';

export const SESSION = '3f1c9a52-7d0e-4b8a-9e61-2a4c8f7b1d03';
export const USAGE = {
  ...{ input_tokens: 100, output_tokens: 20 },
  ...{ cache_read_input_tokens: 7, cache_creation_input_tokens: 3 },
};
export const SHADOW_USAGE = {
  ...{ input_tokens: 50, output_tokens: 9 },
  ...{ cache_read_input_tokens: 0, cache_creation_input_tokens: 0 },
};
/** Of both arms of one pair. */
export const PROMPT_TOKENS = 110 + 50;
export const COMPLETION_TOKENS = 20 + 9;

const CALL = { type: 'tool_use', name: 'Bash', input: { command: 'ls services' } };
const TOOLS = [
  {
    name: 'Bash',
    description: 'Runs a command.',
    input_schema: { type: 'object', properties: { command: { type: 'string' } } },
  },
];
const BASE = {
  model: 'claude-opus-5',
  max_tokens: 1024,
  system: 'You are a careful agent for code.',
  tools: TOOLS,
  stream: true,
  metadata: { user_id: `user_1_account_2_session_${SESSION}` },
};
const QUESTION = { role: 'user', content: 'Which services are there?' };

/** @returns request ids: a pair of equal tool calls, a pair of texts, a pair that diverges */
export async function sendSession({ ask, console: page, passthrough, target }: TracedServices): Promise<string[]> {
  const thinking = { type: 'thinking', thinking: 'The folder names will tell.' };
  passthrough.use({ content: [thinking, { type: 'text', text: 'I will look.' }, CALL], usage: USAGE });
  target.use({ content: [CALL], usage: SHADOW_USAGE });
  const first = await ask({ ...BASE, messages: [QUESTION] });
  await pairsOf(page.url, 1);
  const answer = { type: 'text', text: 'There are four: gateway, comparator, console and simulator.' };
  passthrough.use({ content: [answer], usage: USAGE });
  target.use({ content: [answer], usage: SHADOW_USAGE });
  const called = { role: 'assistant', content: [{ ...CALL, id: 'toolu_01' }] };
  const result = { type: 'tool_result', tool_use_id: 'toolu_01', content: 'comparator\nconsole\ngateway\nsimulator' };
  const second = await ask({ ...BASE, messages: [QUESTION, called, { role: 'user', content: [result] }] });
  await pairsOf(page.url, 2);
  passthrough.use({ content: [CALL], usage: USAGE });
  target.use({ content: [{ type: 'text', text: 'I cannot know.' }], usage: SHADOW_USAGE });
  const third = await ask({ ...BASE, messages: [{ role: 'user', content: 'And which files?' }] });
  return [first.id, second.id, third.id];
}

/** What a model says next may only be changed when it has answered. */
async function pairsOf(consoleUrl: string, count: number): Promise<void> {
  await eventually(`${count} pairs`, async () => {
    const { data } = await getJson<{ data: unknown[] }>(`${consoleUrl}/api/pairs?limit=100`);
    return data.length >= count;
  });
}
