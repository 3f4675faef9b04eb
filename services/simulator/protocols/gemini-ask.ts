// What a request of the Gemini API asks for.
import { buildAsk, type Turn } from '../build-ask.ts';
import { type Ask, type AskTool, type Fields, isFields, listOf } from '../read-ask.ts';
import type { SeenRequest } from '../seen.ts';
import { textsOf } from './openai-chat-ask.ts';

/** Developer API and Vertex alike; the model may be written with its encoded slashes. */
export const GENERATE_PATH = /\/models\/([^/:]+):(streamGenerateContent|generateContent)$/;

export function readGeminiAsk(request: SeenRequest): Ask | undefined {
  const { body } = request;
  const [, model = '', verb] = GENERATE_PATH.exec(request.path) ?? [];
  if (!isFields(body) || !Array.isArray(body.contents)) return undefined;
  const generation = either(body, 'generationConfig', 'generation_config');
  const config = isFields(generation) ? generation : {};
  return buildAsk(
    {
      model: decodeURIComponent(model),
      stream: verb === 'streamGenerateContent',
      turns: body.contents.filter(isFields).map(readTurn),
      tools: listOf(body.tools).filter(isFields).flatMap(readTools),
      outputSchema: config.responseJsonSchema ?? config.responseSchema,
      stopSequences: listOf(either(config, 'stopSequences', 'stop_sequences')).map(String),
    },
    request,
  );
}

/** The API takes both spellings of every name. */
export function either(fields: Fields, camel: string, snake: string): unknown {
  return fields[camel] ?? fields[snake];
}

export function partsOf(content: Fields): Fields[] {
  return listOf(content.parts).filter(isFields);
}

function readTurn(content: Fields): Turn {
  const results = partsOf(content)
    .map((part) => either(part, 'functionResponse', 'function_response'))
    .filter(isFields)
    .map(resultText);
  return { role: content.role === 'model' ? 'assistant' : 'user', texts: textsOf(content.parts), results };
}

function resultText(result: Fields): string {
  const { response } = result;
  if (!isFields(response)) return '';
  const said = response.output ?? response.result ?? response.error ?? response.content;
  return typeof said === 'string' ? said : JSON.stringify(said ?? response);
}

function readTools(tool: Fields): AskTool[] {
  const declared = listOf(either(tool, 'functionDeclarations', 'function_declarations')).filter(isFields);
  const searches = either(tool, 'googleSearch', 'google_search') !== undefined;
  return [
    ...declared.map((each) => ({
      name: String(each.name ?? ''),
      inputSchema: either(each, 'parametersJsonSchema', 'parameters_json_schema') ?? each.parameters ?? {},
    })),
    ...(searches ? [{ name: 'web_search', inputSchema: undefined }] : []),
  ];
}
