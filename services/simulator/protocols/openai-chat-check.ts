// What OpenAI refuses in a request of Chat Completions: calls without results, names and ids that are too long, words
// of another protocol.

import type { ChatQuirks } from '../quirks.ts';
import { type Fields, isFields, listOf } from '../read-ask.ts';
import type { OpenaiError } from './openai-errors.ts';

const FOREIGN = ['system', 'stop_sequences', 'anthropic_version', 'context_management', 'output_config'];
const LONGEST_NAME = 64;
const LONGEST_ID = 40;

/** The first thing that is wrong; undefined when there is none. */
export function findChatError(body: Fields): OpenaiError | undefined {
  const foreign = FOREIGN.find((word) => word in body);
  if (foreign !== undefined) return refused(`Unrecognized request argument supplied: ${foreign}`, null);
  return findBadTool(body) ?? findBadMessage(listOf(body.messages).filter(isFields));
}

/** Why a server that does without some of the protocol refuses the request; undefined when it does not. */
export function findUnsupported(body: Fields, refuses: ChatQuirks['refuses']): OpenaiError | undefined {
  const messages = listOf(body.messages).filter(isFields);
  switch (refuses) {
    case 'stream-options':
      return 'stream_options' in body ? unsupported('stream_options', 'Unknown parameter: stream_options') : undefined;
    case 'max-tokens': {
      const message =
        "Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens' instead.";
      return 'max_tokens' in body ? unsupported('max_tokens', message) : undefined;
    }
    case 'required-choice': {
      const isForced = body.tool_choice === 'required' || isFields(body.tool_choice);
      return isForced ? unsupported('tool_choice', "tool_choice: only 'auto' and 'none' are supported") : undefined;
    }
    case 'parallel-tool-calls': {
      const message = "Unsupported parameter: 'parallel_tool_calls' is not supported with this model.";
      return 'parallel_tool_calls' in body ? unsupported('parallel_tool_calls', message) : undefined;
    }
    case 'developer-role': {
      const message = 'developer is not one of [system, assistant, user, tool, function] - messages.[0].role';
      return messages.some(({ role }) => role === 'developer') ? unsupported('messages', message) : undefined;
    }
    case 'system-later': {
      const isLater = messages.slice(1).some(({ role }) => role === 'system' || role === 'developer');
      return isLater ? unsupported('messages', 'System message must be at the beginning.') : undefined;
    }
    case undefined:
      return undefined;
  }
}

function unsupported(param: string, message: string): OpenaiError {
  return refused(message, param, 'unsupported_parameter');
}

function findBadTool(body: Fields): OpenaiError | undefined {
  const tools = listOf(body.tools).filter(isFields);
  if (Array.isArray(body.tools) && tools.length === 0) {
    return refused(
      "Invalid 'tools': empty array. Expected an array with minimum length 1, but got an empty array instead.",
      'tools',
      'empty_array',
    );
  }
  if (
    tools.length === 0 &&
    body.tool_choice !== undefined &&
    body.tool_choice !== 'none' &&
    !Array.isArray(body.functions)
  ) {
    return refused(
      "Invalid value for 'tool_choice': 'tool_choice' is only allowed when 'tools' are specified.",
      'tool_choice',
    );
  }
  for (const [index, tool] of tools.entries()) {
    if (tool.type !== 'function') continue;
    const name = isFields(tool.function) ? String(tool.function.name ?? '') : '';
    const place = `tools[${index}].function.name`;
    if (name.length > LONGEST_NAME) return tooLong(place, LONGEST_NAME, name);
    if (!/^[a-zA-Z0-9_-]+$/.test(name)) {
      const message = `Invalid '${place}': string does not match pattern. Expected a string that matches the pattern '^[a-zA-Z0-9_-]+$'.`;
      return refused(message, place, 'invalid_value');
    }
  }
  return undefined;
}

function findBadMessage(messages: Fields[]): OpenaiError | undefined {
  let open: string[] = [];
  for (const [index, message] of messages.entries()) {
    const isResult = message.role === 'tool';
    if (!isResult && open.length > 0) return unanswered(open, index);
    if (isResult) {
      if (!open.includes(String(message.tool_call_id))) return orphan(index);
      open = open.filter((id) => id !== message.tool_call_id);
    }
    const calls = listOf(message.tool_calls).filter(isFields);
    const ids = calls.map((call) => String(call.id));
    const long = ids.findIndex((id) => id.length > LONGEST_ID);
    if (long >= 0) return tooLong(`messages[${index}].tool_calls[${long}].id`, LONGEST_ID, ids[long] ?? '');
    if (message.role === 'assistant') open = ids;
    const says = message.content !== null && message.content !== undefined;
    if (!says && calls.length === 0 && message.refusal == null && message.function_call === undefined) {
      const message = "Invalid value for 'content': expected a string, got null.";
      return refused(message, `messages.[${index}].content`);
    }
  }
  return open.length > 0 ? unanswered(open, messages.length) : undefined;
}

function unanswered(ids: string[], index: number): OpenaiError {
  return refused(
    `An assistant message with 'tool_calls' must be followed by tool messages responding to each 'tool_call_id'. The following tool_call_ids did not have response messages: ${ids.join(', ')}`,
    `messages.[${index}].role`,
  );
}

function orphan(index: number): OpenaiError {
  const message =
    "Invalid parameter: messages with role 'tool' must be a response to a preceeding message with 'tool_calls'.";
  return refused(message, `messages.[${index}].role`);
}

function tooLong(place: string, limit: number, value: string): OpenaiError {
  const message = `Invalid '${place}': string too long. Expected a string with maximum length ${limit}, but got a string with length ${value.length} instead.`;
  return refused(message, place, 'string_above_max_length');
}

function refused(message: string, param: string | null, code: string | null = null): OpenaiError {
  return { message, type: 'invalid_request_error', param, code };
}
