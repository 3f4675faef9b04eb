// Why an answer of Chat Completions ended, in the words of many servers → Anthropic's reason, or the error it was.
import { GatewayError } from '#shared/errors.ts';
import type { StopReason } from '#shared/messages/message-writer.ts';

export interface Ending {
  reason: StopReason;
  stopSequence: string | null;
  /** In the middle of what the model wanted to say. */
  isCut: boolean;
}

const REASONS: Readonly<Record<string, StopReason>> = {
  stop: 'end_turn',
  end_turn: 'end_turn',
  eos: 'end_turn',
  length: 'max_tokens',
  max_tokens: 'max_tokens',
  model_length: 'max_tokens',
  repetition_truncation: 'max_tokens',
  tool_calls: 'tool_use',
  function_call: 'tool_use',
  content_filter: 'refusal',
  sensitive: 'refusal',
};

const OVERLOAD: ReadonlySet<string> = new Set(['insufficient_system_resource']);
const FAILURES: ReadonlySet<string> = new Set(['error', 'abort', 'network_error', 'cancelled', 'failed']);
const CUTS: ReadonlySet<StopReason> = new Set(['max_tokens', 'refusal']);

/** @throws GatewayError when the reason is a failure, or unknown and nothing was said */
export function readEnding(finishReason: string | null, stopString: string | null, hasContent: boolean): Ending {
  const said = finishReason ?? '';
  if (OVERLOAD.has(said)) throw new GatewayError('overloaded_error', 'the upstream ran out of capacity');
  if (FAILURES.has(said)) throw failed(said);
  const reason = Object.hasOwn(REASONS, said) ? REASONS[said] : undefined;
  if (reason === undefined) {
    if (!hasContent) throw failed(said);
    return { reason: 'end_turn', stopSequence: null, isCut: false };
  }
  if (reason === 'end_turn' && stopString !== null)
    return { reason: 'stop_sequence', stopSequence: stopString, isCut: false };
  return { reason, stopSequence: null, isCut: CUTS.has(reason) };
}

function failed(reason: string): GatewayError {
  const why = reason === '' ? 'without saying why' : `with the reason "${reason.slice(0, 80)}"`;
  return new GatewayError('api_error', `the upstream ended its answer ${why}`, { status: 502 });
}
