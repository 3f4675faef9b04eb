// What a request of the Responses API asks for, and what the API would refuse in it.
import { buildAsk, type Turn } from '../build-ask.ts';
import { type Ask, type AskTool, type Fields, isFields, listOf } from '../read-ask.ts';
import type { SeenRequest } from '../seen.ts';
import { textsOf } from './openai-chat-ask.ts';
import type { OpenaiError } from './openai-errors.ts';

/** Encrypted reasoning begins like this; anything else was not made here. */
export const ENCRYPTED_PREFIX = 'gAAAAAB';

export function readResponsesAsk(request: SeenRequest): Ask | undefined {
  const body = request.body;
  if (!isFields(body) || typeof body.model !== 'string') return undefined;
  const text = isFields(body.text) ? body.text : {};
  return buildAsk(
    {
      model: body.model,
      stream: body.stream === true,
      turns: itemsOf(body).map(readTurn),
      tools: listOf(body.tools).filter(isFields).map(readTool),
      outputSchema: isFields(text.format) && text.format.type === 'json_schema' ? text.format.schema : undefined,
      stopSequences: [],
    },
    request,
  );
}

function itemsOf(body: Fields): Fields[] {
  if (typeof body.input === 'string') return [{ role: 'user', content: body.input }];
  return listOf(body.input).filter(isFields);
}

function readTurn(item: Fields): Turn {
  switch (item.type ?? 'message') {
    case 'message':
      break;
    case 'function_call_output':
    case 'custom_tool_call_output':
      return { role: 'tool', texts: [], results: [textsOf(item.output).join('')] };
    default:
      return { role: 'assistant', texts: [] };
  }
  const texts = textsOf(item.content);
  if (item.role === 'user' || item.role === 'assistant') return { role: item.role, texts };
  return { role: 'system', texts };
}

function readTool(tool: Fields): AskTool {
  const type = String(tool.type ?? '');
  if (type.startsWith('web_search')) return { name: 'web_search', inputSchema: undefined };
  return { name: String(tool.name ?? type), inputSchema: tool.parameters ?? (type === 'function' ? {} : undefined) };
}

/** The first thing in the input that the API refuses; undefined when there is none. */
export function findInputError(request: SeenRequest): OpenaiError | undefined {
  const body = isFields(request.body) ? request.body : {};
  if (typeof body.previous_response_id === 'string') {
    const message = `Previous response with id '${body.previous_response_id}' not found.`;
    return refused(message, 'previous_response_id', 'previous_response_not_found');
  }
  if (body.input === undefined)
    return refused("Missing required parameter: 'input'.", 'input', 'missing_required_parameter');
  const items = itemsOf(body);
  return findUnpaired(items) ?? findBadReasoning(items);
}

function findUnpaired(items: Fields[]): OpenaiError | undefined {
  const calls = new Set(items.filter((item) => item.type === 'function_call').map((item) => item.call_id));
  const outputs = items.filter((item) => item.type === 'function_call_output').map((item) => item.call_id);
  const orphan = outputs.find((id) => !calls.has(id));
  if (orphan !== undefined)
    return refused(`No tool call found for function call output with call_id ${orphan}.`, 'input', null);
  const unanswered = [...calls].find((id) => !outputs.includes(id));
  return unanswered === undefined
    ? undefined
    : refused(`No tool output found for function call ${unanswered}.`, 'input', null);
}

function findBadReasoning(items: Fields[]): OpenaiError | undefined {
  for (const [index, item] of items.entries()) {
    if (item.type !== 'reasoning') continue;
    const { encrypted_content: encrypted } = item;
    if (typeof encrypted === 'string' && !encrypted.startsWith(ENCRYPTED_PREFIX)) {
      const message = `The encrypted content ${encrypted.slice(0, 8)}... could not be verified. Reason: Encrypted content could not be decrypted or parsed.`;
      return refused(message, null, 'invalid_encrypted_content');
    }
    if (typeof encrypted !== 'string') {
      const message = `Item with id '${item.id}' not found. Items are not persisted when \`store\` is set to false. Try again with \`store\` set to true, or remove this item from your input.`;
      return { ...refused(message, 'input', null) };
    }
    const next = items[index + 1];
    const isFollowed =
      next !== undefined &&
      (next.role === 'assistant' || ['function_call', 'reasoning', 'web_search_call'].includes(String(next.type)));
    if (!isFollowed) {
      const message = `Item '${item.id}' of type 'reasoning' was provided without its required following item.`;
      return refused(message, 'input', null);
    }
  }
  return undefined;
}

function refused(message: string, param: string | null, code: string | null): OpenaiError {
  return { message, type: 'invalid_request_error', param, code };
}
