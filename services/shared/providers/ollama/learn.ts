// What Ollama refuses of a model → what this model can be asked without.
import { parseJson } from '../fields.ts';
import type { LearnedTraits, UpstreamError } from '../provider.ts';
import { readBody } from '../read-error.ts';
import { learnRefusedFields } from '../refused-fields.ts';

/** `"llama3.2" does not support thinking`, `think value "max" is not supported for this model`. */
const NO_THINKING = /does not support thinking|think value .{0,40} (?:is )?not supported/i;
/** What is said, what may be called and in which form to answer. */
const ESSENTIAL = /^(?:model|messages|tools|stream|format)$|^messages\.\*(?:\.(?:tool_calls|images)\b.*)?$|^tools\./;

export function learnOllama(error: UpstreamError): LearnedTraits | null {
  const { message } = readBody(parseJson(error.body.toString('utf8')));
  if (NO_THINKING.test(message)) return { 'without:think': true };
  return learnRefusedFields(error, (place) => ESSENTIAL.test(place));
}
