// What servers other than Anthropic's make of its events, errors and requests, where a scene says so.

import type { DialectQuirks } from '../quirks.ts';
import type { Random } from '../random.ts';
import { type Fields, isFields, listOf } from '../read-ask.ts';
import type { SeenRequest } from '../seen.ts';
import type { StreamEvent } from './anthropic-events.ts';

/** The events as this server sends them. */
export function inDialect(events: StreamEvent[], quirks: DialectQuirks, random: Random): StreamEvent[] {
  const changed = events.flatMap((event) => ('raw' in event ? [event] : changeEvent(event, quirks, random)));
  const thinned = quirks.losesFirstDelta ? withoutFirstDeltas(changed) : changed;
  const ordered = quirks.lateStops ? withLateStops(thinned) : thinned;
  return quirks.doneMarker ? [...ordered, { raw: 'data: [DONE]\n\n' }] : ordered;
}

type Named = { event: string; data: string };

function changeEvent(event: Named, quirks: DialectQuirks, random: Random): StreamEvent[] {
  const data = JSON.parse(event.data) as Fields;
  const write = (changed: Fields): Named => ({ event: event.event, data: JSON.stringify(changed) });
  switch (event.event) {
    case 'message_start': {
      const start = write({ ...data, message: changeStart(fieldsIn(data.message), quirks) });
      return quirks.start === 'twice' ? [start, start] : [start];
    }
    case 'content_block_start': {
      const { input, ...rest } = fieldsIn(data.content_block);
      const isBare = quirks.toolStart === 'no-input' && rest.type === 'tool_use';
      return isBare ? [write({ ...data, content_block: rest })] : [event];
    }
    case 'content_block_delta': {
      if (fieldsIn(data.delta).type !== 'signature_delta' || quirks.signature === undefined) return [event];
      if (quirks.signature === 'missing') return [];
      const signature = quirks.signature === 'empty' ? '' : random.id('', 32);
      return [write({ ...data, delta: { type: 'signature_delta', signature } })];
    }
    case 'message_delta':
      return [write(changeDelta(data, quirks))];
    default:
      return [event];
  }
}

function changeStart(message: Fields, quirks: DialectQuirks): Fields {
  const { type, role, usage, ...rest } = message;
  const told = fieldsIn(usage);
  const counted = quirks.startInput === 'zero' ? { ...told, input_tokens: 0 } : told;
  return {
    ...(quirks.start === 'bare' ? {} : { type, role }),
    ...rest,
    ...(quirks.start === 'no-usage' || quirks.usage === 'never' ? {} : { usage: changeUsage(counted, quirks) }),
  };
}

function changeDelta(data: Fields, quirks: DialectQuirks): Fields {
  const { usage, ...rest } = data;
  const told = fieldsIn(usage);
  const delta = {
    ...fieldsIn(data.delta),
    ...(quirks.stopReason === undefined ? {} : { stop_reason: quirks.stopReason }),
  };
  if (quirks.usage === 'never') return { ...rest, delta };
  const { output_tokens } = told;
  return { ...rest, delta, usage: quirks.usage === 'output-only' ? { output_tokens } : changeUsage(told, quirks) };
}

/** Input with what the cache gave in it, as SGLang counts. */
export function changeUsage(usage: Fields, quirks: DialectQuirks): Fields {
  if (quirks.usage !== 'input-with-cache') return usage;
  return { ...usage, input_tokens: Number(usage.input_tokens ?? 0) + Number(usage.cache_read_input_tokens ?? 0) };
}

function withoutFirstDeltas(events: StreamEvent[]): StreamEvent[] {
  return events.filter((event, at) => {
    const before = events[at - 1];
    const follows = before !== undefined && !('raw' in before) && before.event === 'content_block_start';
    return 'raw' in event || event.event !== 'content_block_delta' || !follows;
  });
}

function withLateStops(events: StreamEvent[]): StreamEvent[] {
  const isStop = (event: StreamEvent): boolean => !('raw' in event) && event.event === 'content_block_stop';
  const rest = events.filter((event) => !isStop(event));
  const end = rest.findIndex((event) => !('raw' in event) && event.event === 'message_delta');
  return [...rest.slice(0, end), ...events.filter(isStop), ...rest.slice(end)];
}

/** An error's body as this server writes it; undefined where it writes Anthropic's. */
export function dialectErrorBody(
  status: number,
  error: { type: string; message: string },
  quirks: DialectQuirks,
): string | undefined {
  const { message } = error;
  switch (quirks.errorBody) {
    case 'vllm':
      return JSON.stringify({
        type: 'error',
        error: { type: status < 500 ? 'BadRequestError' : 'InternalServerError', message },
      });
    case 'sglang':
      return JSON.stringify({
        type: 'error',
        error: { type: status < 500 ? 'invalid_request_error' : 'internal_error', message },
      });
    case 'openai':
      return JSON.stringify({ error: { message, type: 'invalid_request_error', param: null, code: null } });
    case 'detail':
      return JSON.stringify({ detail: message });
    case 'string':
      return JSON.stringify({ error: message });
    default:
      return undefined;
  }
}

/** Why this server refuses the request; undefined when it does not. */
export function dialectRefusal(request: SeenRequest, { refuses }: DialectQuirks): string | undefined {
  const body = fieldsIn(request.body);
  const messages = listOf(body.messages).filter(isFields);
  switch (refuses) {
    case 'system-role': {
      const at = messages.findIndex((message) => message.role === 'system');
      return at < 0 ? undefined : `messages.${at}.role: Input should be 'user' or 'assistant'`;
    }
    case 'adaptive-thinking':
      return fieldsIn(body.thinking).type === 'adaptive'
        ? "thinking.type: Input should be 'enabled' or 'disabled'"
        : undefined;
    case 'redacted-thinking':
      return request.raw.includes('"redacted_thinking"') ? 'content: unknown block type redacted_thinking' : undefined;
    case 'context-management':
      return 'context_management' in body ? 'context_management: Extra inputs are not permitted' : undefined;
    case undefined:
      return undefined;
  }
}

function fieldsIn(value: unknown): Fields {
  return isFields(value) ? value : {};
}
