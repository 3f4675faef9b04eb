// What a simulated model can tell from a request: who asks for what. Tolerant, since clients send anything.
import type { SeenRequest } from './seen.ts';

export interface AskTool {
  name: string;
  /** JSON schema of its input; undefined for server tools. */
  inputSchema: unknown;
}

export interface Ask {
  model: string;
  stream: boolean;
  /** The newest text a person wrote: the last text block of the last user message that is no reminder. */
  prompt: string;
  /** Results that came back since the last answer, as text; empty when the turn is not about tools. */
  toolResults: string[];
  tools: AskTool[];
  /** Schema the answer must follow (title requests and the like). */
  outputSchema: unknown;
  stopSequences: string[];
  /** A safety check: one short verdict, not streamed. */
  isClassifier: boolean;
  isSubagent: boolean;
  isLaterTurn: boolean;
  /** Since the last answer nothing came but reminders, such as that a task in the background is done. */
  isNotified: boolean;
  hasSafeguards: boolean;
  marksCache: boolean;
}

export type Fields = Record<string, unknown>;

/** Prompts that simulated models give their subagents, by which those are known where no header says so. */
export const SUB_TASKS = {
  usual: 'Look around and report',
  detailed: 'Find out what is asked and report back in detail',
} as const;

/** Undefined when the body is no Messages request at all. */
export function readAsk(request: SeenRequest): Ask | undefined {
  const body = request.body;
  if (!isFields(body) || typeof body.model !== 'string' || !Array.isArray(body.messages)) return undefined;
  const messages = body.messages.filter(isFields);
  const stopSequences = listOf(body.stop_sequences).map(String);
  const lastAnswer = messages.findLastIndex((message) => message.role === 'assistant');
  const newest = messages.slice(lastAnswer + 1);
  const prompt = findPrompt(messages);
  const toolResults = newest.flatMap((message) => blocksOf(message).filter(isToolResult).map(resultText));
  return {
    model: body.model,
    stream: body.stream === true,
    prompt,
    toolResults,
    tools: listOf(body.tools)
      .filter(isFields)
      .map((tool) => ({
        name: String(tool.name ?? ''),
        inputSchema: tool.input_schema,
      })),
    outputSchema: outputSchema(body),
    stopSequences,
    isClassifier: body.stream === undefined && stopSequences.includes('</block>'),
    isSubagent: isFromSubagent(request, prompt),
    isLaterTurn: lastAnswer >= 0,
    isNotified: lastAnswer >= 0 && toolResults.length === 0 && isNews(newest) && findPrompt(newest) === '',
    hasSafeguards: Array.isArray(body.safeguards),
    marksCache: request.raw.includes('"cache_control"'),
  };
}

/** By the header, or where a gateway dropped that, by the task. */
export function isFromSubagent(request: SeenRequest, prompt: string): boolean {
  const isDelegated = Object.values<string>(SUB_TASKS).includes(prompt.trim());
  return request.headers['x-claude-code-agent-id'] !== undefined || isDelegated;
}

function isNews(newest: Fields[]): boolean {
  return newest.some((message) => message.role === 'user');
}

function findPrompt(messages: Fields[]): string {
  for (const message of messages.toReversed()) {
    if (message.role !== 'user') continue;
    const texts = blocksOf(message)
      .filter((block) => block.type === 'text')
      .map((block) => String(block.text ?? ''));
    const prompt = texts.findLast((candidate) => candidate.trim() !== '' && !candidate.startsWith('<system-reminder>'));
    if (prompt !== undefined) return prompt;
  }
  return '';
}

function outputSchema(body: Fields): unknown {
  const config = body.output_config;
  const format = isFields(config) ? config.format : undefined;
  return isFields(format) && format.type === 'json_schema' ? format.schema : undefined;
}

function isToolResult(block: Fields): boolean {
  return block.type === 'tool_result';
}

function resultText(block: Fields): string {
  if (typeof block.content === 'string') return block.content;
  return listOf(block.content)
    .filter(isFields)
    .map((part) => String(part.text ?? ''))
    .join('');
}

function blocksOf(message: Fields): Fields[] {
  if (typeof message.content === 'string') return [{ type: 'text', text: message.content }];
  return listOf(message.content).filter(isFields);
}

export function listOf(value: unknown): unknown[] {
  return Array.isArray(value) ? value : [];
}

export function isFields(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
