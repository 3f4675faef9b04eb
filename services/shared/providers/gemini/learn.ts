// What the Gemini API refuses of a model, or an older server of it → what it can be asked without.
import { parseJson } from '../fields.ts';
import type { LearnedTraits, UpstreamError } from '../provider.ts';
import { readBody } from '../read-error.ts';
import { learnRefusedFields } from '../refused-fields.ts';

const THINKING = 'without:generationConfig.thinkingConfig';

/** Refusals that name no field: the first that matches counts. */
const LESSONS: ReadonlyArray<{ said: RegExp; learned: LearnedTraits }> = [
  {
    said: /unknown name \\?"(?:parameters|response)_?json_?schema\\?"/i,
    learned: { takesJsonSchema: false },
  },
  {
    said: /unknown name \\?"include_?server_?side_?tool_?invocations\\?"|tool use with function calling is unsupported|multiple tools are supported only when they are all search tools|function calling with a response mime type[^.]{0,60}unsupported/i,
    learned: { mixesTools: false },
  },
  { said: /thinking[_ ]?level is not supported/i, learned: { [`${THINKING}.thinkingLevel`]: true } },
  {
    said: /(?:thinking[_ ]?)?budget -?\d+ is invalid|thinking[_ ]?budget is not supported/i,
    learned: { [`${THINKING}.thinkingBudget`]: true },
  },
  { said: /thinking is not (?:enabled|supported)/i, learned: { [THINKING]: true } },
  { said: /\btop_?k\b.{0,60}(?:supported range|not supported)/i, learned: { 'without:generationConfig.topK': true } },
];

/** What is said and what may be called; a field of it that the server does not know can go. */
const ESSENTIAL =
  /^(?:contents|systeminstruction|tools|toolconfig)$|^systeminstruction\.|^contents(?:\.\*)?(?:\.parts)?(?:\.\*)?(?:\.(?:functioncall|functionresponse|inlinedata|filedata)(?:\.(?:args|response|data|mimetype|fileuri))?)?$|^tools\.\*(?:\.functiondeclarations(?:\.\*(?:\.(?:parameters|description)\b.*)?)?)?$/;

export function learnGemini(error: UpstreamError): LearnedTraits | null {
  const { message } = readBody(parseJson(error.body.toString('utf8')));
  const lesson = LESSONS.find(({ said }) => said.test(message));
  if (lesson) return lesson.learned;
  return learnRefusedFields(error, (place) => ESSENTIAL.test(place.replaceAll('_', '').toLowerCase()));
}
