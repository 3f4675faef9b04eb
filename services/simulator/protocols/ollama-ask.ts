// What a request of Ollama's own chat API asks for. It streams unless told not to.
import { buildAsk, type Turn } from '../build-ask.ts';
import { type Ask, type Fields, isFields, listOf } from '../read-ask.ts';
import type { SeenRequest } from '../seen.ts';

export function readOllamaAsk(request: SeenRequest): Ask | undefined {
  const { body } = request;
  if (!isFields(body) || typeof body.model !== 'string' || !Array.isArray(body.messages)) return undefined;
  const { stop } = optionsOf(body);
  return buildAsk(
    {
      model: body.model,
      stream: body.stream !== false,
      turns: body.messages.filter(isFields).map(readTurn),
      tools: listOf(body.tools)
        .filter(isFields)
        .map(({ function: fn }) => (isFields(fn) ? fn : {}))
        .map((fn) => ({ name: String(fn.name ?? ''), inputSchema: fn.parameters ?? {} })),
      outputSchema: isFields(body.format) ? body.format : undefined,
      stopSequences: typeof stop === 'string' ? [stop] : listOf(stop).map(String),
    },
    request,
  );
}

export function optionsOf(body: unknown): Fields {
  return isFields(body) && isFields(body.options) ? body.options : {};
}

function readTurn({ role, content }: Fields): Turn {
  const said = typeof content === 'string' ? content : '';
  if (role === 'tool') return { role, texts: [], results: [said] };
  return { role: role === 'user' || role === 'assistant' ? role : 'system', texts: [said] };
}

/** The first message that Ollama could not decode, in its words; undefined when there is none. */
export function findOllamaError(body: unknown): string | undefined {
  const messages = isFields(body) ? listOf(body.messages).filter(isFields) : [];
  for (const message of messages) {
    if (message.content !== undefined && typeof message.content !== 'string') {
      const kind = Array.isArray(message.content) ? 'array' : typeof message.content;
      return `json: cannot unmarshal ${kind} into Go struct field ChatRequest.messages.content of type string`;
    }
    for (const call of listOf(message.tool_calls).filter(isFields)) {
      if (isFields(call.function) && typeof call.function.arguments === 'string') {
        return 'json: cannot unmarshal string into Go struct field ToolCallFunction.messages.tool_calls.function.arguments of type api.ToolCallFunctionArguments';
      }
    }
  }
  return undefined;
}
