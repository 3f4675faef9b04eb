// The Messages API itself, for a native upstream whose requests or answers are changed on the way: nothing is repaired and
// nothing left out but what this gateway put into the conversation.
import type { MessagesRequest } from '#shared/wire/anthropic.ts';
import { rememberRequest } from '../conversion-memory.ts';
import { type Fields, isFields, numberOf } from '../fields.ts';
import type { ConversionInput, ConvertedRequest, Provider } from '../provider.ts';
import { readHttpError } from '../read-error.ts';
import { isOwnThinkingState } from '../thinking-state.ts';
import { writeJson } from '../write-json.ts';
import type { Profile } from './profiles.ts';
import { createMessagesReader } from './stream.ts';

const FAITHFUL: Profile = {
  systemTurns: 'kept',
  thinking: 'budget',
  signatures: 'checked',
  takesDocuments: true,
  takesHostedTools: true,
  countsCachedInput: false,
  keyHeader: 'x-api-key',
  stopFields: ['stop_details', 'container'],
};

export const faithful: Provider = {
  type: 'anthropic',
  framing: 'sse',
  capabilities: [],
  takesNoOutput: true,
  searches: () => 'beside-tools',
  toUpstreamRequest,
  createReader: (writer, memory) => createMessagesReader(writer, memory, FAITHFUL),
  readError: readHttpError,
  tokenCount: {
    toQuestion: (path, { model, messages, system, tools, tool_choice, thinking }) => ({
      path: `${path}/count_tokens`,
      body: { model, messages, system, tools, tool_choice, thinking },
    }),
    readCount: (answer) => (isFields(answer) ? numberOf(answer.input_tokens) : null),
  },
};

function toUpstreamRequest(request: MessagesRequest, input: ConversionInput): ConvertedRequest {
  const notes: string[] = ['converted'];
  const body = Buffer.from(
    writeJson({ ...request, ...withoutOwnThinking(request.messages, notes), model: input.model, stream: true }),
  );
  return {
    path: /\/v1\/?$/.test(input.target.baseUrl) ? '/messages' : '/v1/messages',
    headers: [
      ...['content-type', 'application/json', 'accept', 'text/event-stream'],
      ...['anthropic-version', input.anthropicVersion ?? '2023-06-01'],
      ...(input.anthropicBeta ? ['anthropic-beta', input.anthropicBeta] : []),
    ],
    body,
    notes,
    memory: rememberRequest(input, body),
  };
}

/** Thinking that this gateway signed for another provider would be refused; a turn of nothing else goes with it. */
function withoutOwnThinking(messages: unknown, notes: string[]): { messages?: unknown } {
  if (!Array.isArray(messages)) return {};
  let blocks = 0;
  const kept = messages.flatMap((message: unknown) => {
    if (!isFields(message) || !Array.isArray(message.content)) return [message];
    const content = message.content.filter((block: unknown) => !isFields(block) || !isOwnThinking(block));
    if (content.length === message.content.length) return [message];
    blocks += message.content.length - content.length;
    return content.length === 0 ? [] : [{ ...message, content }];
  });
  if (blocks === 0 || kept.length === 0) return {};
  notes.push(`omitted:own-thinking:${blocks}`);
  return { messages: kept };
}

function isOwnThinking({ type, signature, data }: Fields): boolean {
  return (
    (type === 'thinking' && isOwnThinkingState(signature)) || (type === 'redacted_thinking' && isOwnThinkingState(data))
  );
}
