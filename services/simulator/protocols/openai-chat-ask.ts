// What a request of Chat Completions asks for.
import { buildAsk, type Turn } from '../build-ask.ts';
import { type Ask, type AskTool, type Fields, isFields, listOf } from '../read-ask.ts';
import type { SeenRequest } from '../seen.ts';

export function readChatAsk(request: SeenRequest): Ask | undefined {
  const body = request.body;
  if (!isFields(body) || !Array.isArray(body.messages)) return undefined;
  const deployment = /\/openai\/deployments\/([^/]+)\//.exec(request.path)?.[1];
  return buildAsk(
    {
      model: typeof body.model === 'string' ? body.model : (deployment ?? ''),
      stream: body.stream === true,
      turns: body.messages.filter(isFields).map(readTurn),
      tools: [...listOf(body.tools).filter(isFields).map(readTool), ...searchTool(body)],
      outputSchema: schemaOf(body.response_format),
      stopSequences: typeof body.stop === 'string' ? [body.stop] : listOf(body.stop).map(String),
    },
    request,
  );
}

function readTurn(message: Fields): Turn {
  const texts = textsOf(message.content);
  switch (message.role) {
    case 'user':
      return { role: 'user', texts };
    case 'assistant':
      return { role: 'assistant', texts };
    case 'tool':
    case 'function':
      return { role: 'tool', texts: [], results: [texts.join('')] };
    default:
      return { role: 'system', texts };
  }
}

export function textsOf(content: unknown): string[] {
  if (typeof content === 'string') return [content];
  return listOf(content)
    .filter(isFields)
    .filter((part) => typeof part.text === 'string')
    .map((part) => String(part.text));
}

function readTool(tool: Fields): AskTool {
  const fn = isFields(tool.function) ? tool.function : tool;
  const isSearch = tool.type === 'web_search' || tool.type === 'openrouter:web_search';
  if (isSearch) return { name: 'web_search', inputSchema: undefined };
  return { name: String(fn.name ?? ''), inputSchema: fn.parameters ?? {} };
}

/** OpenAI's search models and OpenRouter's plugin are asked for outside of the tools. */
function searchTool(body: Fields): AskTool[] {
  const isPlugged = listOf(body.plugins).some((plugin) => isFields(plugin) && plugin.id === 'web');
  return isFields(body.web_search_options) || isPlugged ? [{ name: 'web_search', inputSchema: undefined }] : [];
}

function schemaOf(format: unknown): unknown {
  if (!isFields(format) || format.type !== 'json_schema' || !isFields(format.json_schema)) return undefined;
  return format.json_schema.schema;
}
