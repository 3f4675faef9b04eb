// How a response ended, and what it cost.
import type { StopReason } from '#shared/messages/message-writer.ts';
import type { Usage } from '#shared/wire/anthropic.ts';
import { fieldsOf, numberOf, textOf } from '../fields.ts';
import { readStreamError } from '../read-error.ts';

export interface Ending {
  reason: StopReason;
  usage: Usage;
}

/**
 * `event` is the last word of the final event's name, '' for an answer in one document.
 * @throws GatewayError when the response failed or is not over
 */
export function endingOf(response: Record<string, unknown>, event: string): Ending {
  const status = statusOf(textOf(response.status), event);
  if (BROKEN.has(status) || (status !== 'completed' && response.error)) {
    const said = fieldsOf(response.error);
    throw readStreamError({ error: said.message ? said : { message: `the response was ${status || 'not finished'}` } });
  }
  return { reason: reasonOf(status, textOf(fieldsOf(response.incomplete_details).reason)), usage: {} };
}

const BROKEN: ReadonlySet<string> = new Set(['failed', 'cancelled', 'in_progress', 'queued']);

/** Where the event and the status differ, the worse one is believed; servers forget to change the status at the end. */
function statusOf(status: string, event: string): string {
  if (event === 'failed' || event === 'cancelled') return event;
  const isUnchanged = status === '' || status === 'in_progress' || status === 'queued';
  return isUnchanged && event !== '' && event !== 'done' ? event : status;
}

/** A response that is incomplete for any other reason was cut: nothing in it may look finished. */
function reasonOf(status: string, incomplete: string): StopReason {
  if (incomplete === 'content_filter') return 'refusal';
  return status === 'incomplete' || incomplete !== '' ? 'max_tokens' : 'end_turn';
}

/** Prompt tokens there include what was read from and written to the cache; here they do not. */
export function readUsage(value: unknown): Usage {
  const usage = fieldsOf(value);
  const input = numberOf(usage.input_tokens);
  const output = numberOf(usage.output_tokens);
  const details = fieldsOf(usage.input_tokens_details);
  const cached = numberOf(details.cached_tokens) ?? 0;
  const written = numberOf(details.cache_write_tokens) ?? 0;
  const thinking = numberOf(fieldsOf(usage.output_tokens_details).reasoning_tokens);
  return {
    ...(input === null
      ? {}
      : {
          input_tokens: Math.max(0, input - cached - written),
          cache_read_input_tokens: cached,
          cache_creation_input_tokens: written,
        }),
    ...(output === null ? {} : { output_tokens: output }),
    ...(thinking === null ? {} : { output_tokens_details: { thinking_tokens: thinking } }),
  };
}
