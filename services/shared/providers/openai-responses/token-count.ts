// Responses tell how many input tokens a request has (https://platform.openai.com/docs/api-reference/responses/input-tokens).
import { fieldsOf, numberOf } from '../fields.ts';
import type { TokenCount } from '../provider.ts';

/** What of a request is counted; the rest is refused there. */
const COUNTED = ['model', 'input', 'instructions', 'tools', 'tool_choice', 'parallel_tool_calls', 'reasoning', 'text'];

export const tokenCount: TokenCount = {
  toQuestion: (path, body) => ({
    path: path.replace(/\/responses(?=\?|$)/, '/responses/input_tokens'),
    body: Object.fromEntries(Object.entries(body).filter(([name]) => COUNTED.includes(name))),
  }),
  readCount: (answer) => numberOf(fieldsOf(answer).input_tokens),
};
