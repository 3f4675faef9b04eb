// A server's refusal → what it can be asked without. Only refusals that name the field, and say that it is the field they
// refuse, teach anything: a wrong value of a known field does not.
import { readOverflow } from '../context-overflow.ts';
import { fieldsOf, listOf, parseJson, textOf } from '../fields.ts';
import { forOnce, isConditional } from '../lessons.ts';
import type { LearnedTraits, UpstreamError } from '../provider.ts';
import { readBody } from '../read-error.ts';
import type { ChatTraits } from './traits.ts';

/** What can be learned: traits that are words, numbers or facts. */
export type LearnableTraits = {
  maxTokensField?: ChatTraits['maxTokensField'];
  maxOutput?: number;
  systemRole?: ChatTraits['systemRole'];
  isSystemFirstOnly?: boolean;
  reasoningIn?: ChatTraits['reasoningIn'];
  takesRequiredChoice?: boolean;
  takesNamedChoice?: boolean;
  takesParallelFlag?: boolean;
  sampling?: ChatTraits['sampling'];
  takesTopK?: boolean;
  maxStops?: number;
  asksForUsage?: boolean;
  keepsCacheMarks?: boolean;
  takesCacheKey?: boolean;
  takesUserHash?: boolean;
  takesServiceTier?: boolean;
  jsonAnswers?: ChatTraits['jsonAnswers'];
  webSearch?: ChatTraits['webSearch'];
};

interface Lesson {
  /** The field the refusal is about. */
  field: RegExp;
  traits: LearnableTraits;
}

/** The field itself is refused. */
const FIELDS: readonly Lesson[] = [
  { field: /^max_tokens$/, traits: { maxTokensField: 'max_completion_tokens' } },
  { field: /^max_completion_tokens$/, traits: { maxTokensField: 'max_tokens' } },
  { field: /^stream_options(?:\.|$)/, traits: { asksForUsage: false } },
  { field: /^(?:temperature|top_p)$/, traits: { sampling: 'none' } },
  { field: /^top_k$/, traits: { takesTopK: false } },
  { field: /^stop$/, traits: { maxStops: 0 } },
  { field: /^tool_choice$/, traits: { takesRequiredChoice: false, takesNamedChoice: false } },
  { field: /^parallel_tool_calls$/, traits: { takesParallelFlag: false } },
  {
    field: /^(?:reasoning_effort|reasoning|thinking|enable_thinking|chat_template_kwargs)(?:\.|$)/,
    traits: { reasoningIn: 'none' },
  },
  { field: /^response_format(?:\.|$)/, traits: { jsonAnswers: 'object' } },
  { field: /^prompt_cache_key$/, traits: { takesCacheKey: false } },
  { field: /^safety_identifier$/, traits: { takesUserHash: false } },
  { field: /^service_tier$/, traits: { takesServiceTier: false } },
  { field: /^(?:web_search_options|plugins)(?:\.|$)/, traits: { webSearch: 'none' } },
  { field: /(?:^|\.)cache_control(?:\.|$)/, traits: { keepsCacheMarks: false } },
];

const REFUSED =
  /unsupported (?:parameter|field|argument|value)|not support|n't support|unknown (?:parameter|field|argument|name|key)|unrecognized|unexpected (?:keyword|field|parameter)|not permitted|extra (?:inputs|fields)|additional properties are not allowed|only [^.]{1,60} (?:is|are) supported/;
/** Another value of the field would have been taken: for an effort that is no reason to give up the field. */
const VALUE = /unsupported value/;

const DEVELOPER =
  /\bdeveloper['"`]? (?:is not (?:one of|supported|a valid)|role)|(?:unknown|unexpected|invalid|unsupported) (?:message )?role:? ['"`]?developer/;
const SYSTEM_FIRST =
  /system messages? (?:must|should|can only|may only) (?:be|come|appear)[^.]{0,30}(?:beginning|first|start)/;
const MOST_OUTPUT =
  /(?:supports? at most|less than or equal to|maximum (?:allowed )?(?:value |number )?(?:of|is)|valid range of [`'"]?max_tokens[`'"]? is \[\d+,|<=) ?[`'"]?(\d{2,7})\b/;

/** The client's own schema is wrong: another one may be right. */
const SCHEMA = /invalid (?:json[ _]?)?schema|invalid_json_schema/;

/** Null when nothing can be done about it. */
export function learnTraits({ body }: UpstreamError): LearnedTraits | null {
  const json = parseJson(body.toString('utf8'));
  const { message, codes } = readBody(json);
  const said = message.toLowerCase();
  // What is too long stays too long.
  if (readOverflow(codes, message) !== null || SCHEMA.test(`${codes.join(' ')} ${said}`)) return null;
  const learned: LearnableTraits = { ...learnLimit(said), ...learnRoles(said) };
  if (learned.maxOutput === undefined && (REFUSED.test(said) || codes.includes('unsupported_parameter'))) {
    for (const field of fieldsNamed(json, message)) Object.assign(learned, learnField(field, said));
  }
  if (Object.keys(learned).length === 0) return null;
  const isPassing = isConditional(said) || (learned.maxOutput !== undefined && OF_THE_PROMPT.test(said));
  return isPassing ? forOnce(learned) : learned;
}

/** What is left of a window after one prompt is no limit of the model. */
const OF_THE_PROMPT = /\b(?:prompt|input|context|remaining|minus)\b/;

function learnLimit(said: string): LearnableTraits {
  const most = /max_(?:completion_)?tokens|completion tokens|output tokens/.test(said) ? MOST_OUTPUT.exec(said) : null;
  return most === null ? {} : { maxOutput: Number(most[1]) };
}

function learnRoles(said: string): LearnableTraits {
  return {
    ...(DEVELOPER.test(said) ? { systemRole: 'system' as const } : {}),
    ...(SYSTEM_FIRST.test(said) ? { isSystemFirstOnly: true } : {}),
  };
}

function learnField(field: string, said: string): LearnableTraits {
  const lesson = FIELDS.find((one) => one.field.test(field));
  if (lesson === undefined || (lesson.traits.reasoningIn !== undefined && VALUE.test(said))) return {};
  return lesson.traits;
}

/** By `param`, by the place in a list of details, else the first that the words begin with, quote or call a field. */
function fieldsNamed(json: unknown, message: string): string[] {
  const root = fieldsOf(Array.isArray(json) ? json[0] : json);
  const param = textOf(fieldsOf(root.error).param) || textOf(root.param);
  const places = listOf(root.detail)
    .map(fieldsOf)
    // Beside a field that is refused another may have a wrong value.
    .filter(({ type, msg }) => REFUSED.test(`${type} ${msg}`.toLowerCase().replaceAll('_', ' ')))
    .map(({ loc }) =>
      listOf(loc)
        .map(String)
        .filter((step) => step !== 'body')
        .join('.'),
    );
  const given = [param, ...places].filter(isKnown);
  if (given.length > 0) return given;
  const begun = /^[a-z]+(?:_[a-z]+)+\b/.exec(message)?.[0] ?? '';
  const quoted = [...message.matchAll(/['"`]([a-z_]+(?:\.[a-z_]+)*)['"`]/g)].map(([, name = '']) => name);
  const called = /(?:parameter|field|argument|input)s?(?: supplied)?:? ([a-z_]+)\b/i.exec(message)?.[1] ?? '';
  return [begun, ...quoted, called].filter(isKnown).slice(0, 1);
}

function isKnown(name: string): boolean {
  return FIELDS.some(({ field }) => field.test(name));
}
