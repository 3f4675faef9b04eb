// What the Gemini API refuses in a request: broken turns, missing signatures, schemas with words it does not know.
import { type Fields, isFields, listOf } from '../read-ask.ts';
import type { SeenRequest } from '../seen.ts';
import { either, partsOf } from './gemini-ask.ts';

/** Signatures made here begin like this. */
export const SIGNATURE_PREFIX = 'Simu';
/** Documented for history that another model made. */
const SKIPS = ['skip_thought_signature_validator', 'context_engineering_is_the_way_to_go'];
const WANTS_SIGNATURES = /gemini-(?:[3-9]|\d\d)/;

/** The message of the first thing that is wrong; undefined when there is none. */
export function findGeminiError(request: SeenRequest, model: string): string | undefined {
  const body = isFields(request.body) ? request.body : {};
  const contents = listOf(body.contents).filter(isFields);
  if (contents.length === 0) return '* GenerateContentRequest.contents: contents is not specified';
  return findBadContent(contents) ?? findUnpaired(contents) ?? findBadSignature(contents, model) ?? findBadSchema(body);
}

function findBadContent(contents: Fields[]): string | undefined {
  for (const [index, content] of contents.entries()) {
    if (content.role !== undefined && content.role !== 'user' && content.role !== 'model') {
      return 'Please use a valid role: user, model.';
    }
    if (partsOf(content).length === 0) {
      return `* GenerateContentRequest.contents[${index}].parts: contents.parts must not be empty.`;
    }
  }
  return undefined;
}

const callsIn = (content: Fields | undefined): Fields[] =>
  content === undefined
    ? []
    : partsOf(content).filter((part) => isFields(either(part, 'functionCall', 'function_call')));
const resultsIn = (content: Fields | undefined): Fields[] =>
  content === undefined
    ? []
    : partsOf(content).filter((part) => isFields(either(part, 'functionResponse', 'function_response')));

function findUnpaired(contents: Fields[]): string | undefined {
  for (const [index, content] of contents.entries()) {
    const calls = callsIn(content).length;
    const answered = resultsIn(contents[index + 1]).length;
    if (calls !== answered && (calls > 0 || answered > 0)) {
      return 'Please ensure that the number of function response parts is equal to the number of function call parts of the function call turn.';
    }
    if (calls > 0 && contents[index - 1]?.role === 'model') {
      return 'Please ensure that function call turn comes immediately after a user turn or after a function response turn.';
    }
  }
  return resultsIn(contents[0]).length > 0
    ? 'Please ensure that function response turn comes immediately after a function call turn.'
    : undefined;
}

/** Each step of the turn that is not over yet wants its signature back, on its first call. */
function findBadSignature(contents: Fields[], model: string): string | undefined {
  const turnStart = contents.findLastIndex((content) => content.role !== 'model' && resultsIn(content).length === 0);
  for (const [position, content] of contents.entries()) {
    for (const part of partsOf(content)) {
      const signature = either(part, 'thoughtSignature', 'thought_signature');
      if (typeof signature === 'string' && !isKnown(signature)) return 'Corrupted thought signature.';
    }
    const [first] = callsIn(content);
    if (position < turnStart || first === undefined || !WANTS_SIGNATURES.test(model)) continue;
    if (either(first, 'thoughtSignature', 'thought_signature') !== undefined) continue;
    const call = either(first, 'functionCall', 'function_call') as Fields;
    return `Function call is missing a thought_signature in functionCall parts. This is required for tools to work correctly, and missing thought_signature may lead to degraded model performance. Additional data, function call \`default_api:${call.name}\` , position ${position + 1}. Please refer to https://ai.google.dev/gemini-api/docs/thought-signatures for more details.`;
  }
  return undefined;
}

function isKnown(signature: string): boolean {
  return signature.startsWith(SIGNATURE_PREFIX) || SKIPS.includes(signature);
}

const SCHEMA_WORDS = new Set(
  'type format title description nullable enum items minItems maxItems properties required minProperties maxProperties minLength maxLength pattern example anyOf propertyOrdering default minimum maximum'.split(
    ' ',
  ),
);
const NAME = /^[A-Za-z_][\w.:-]{0,127}$/;

function findBadSchema(body: Fields): string | undefined {
  for (const [toolIndex, tool] of listOf(body.tools).filter(isFields).entries()) {
    const declared = listOf(either(tool, 'functionDeclarations', 'function_declarations')).filter(isFields);
    for (const [index, each] of declared.entries()) {
      const place = `tools[${toolIndex}].function_declarations[${index}]`;
      if (!NAME.test(String(each.name))) {
        return `* GenerateContentRequest.${place}.name: Invalid function name. Must start with a letter or an underscore. Must be alphanumeric (a-z, A-Z, 0-9), underscores (_), dots (.), colons (:), or dashes (-), with a maximum length of 128.`;
      }
      const unknown = findUnknownWord(each.parameters, `${place}.parameters`);
      if (unknown !== undefined) return unknown;
    }
  }
  return undefined;
}

function findUnknownWord(schema: unknown, place: string): string | undefined {
  if (!isFields(schema)) return undefined;
  const strange = Object.keys(schema).find((word) => !SCHEMA_WORDS.has(word));
  if (strange !== undefined) {
    return `Invalid JSON payload received. Unknown name "${strange}" at '${place}': Cannot find field.`;
  }
  const properties = isFields(schema.properties) ? Object.entries(schema.properties) : [];
  const below: Array<[unknown, string]> = [
    ...properties.map(([, each], index): [unknown, string] => [each, `${place}.properties[${index}].value`]),
    [schema.items, `${place}.items`],
    ...listOf(schema.anyOf).map((each, index): [unknown, string] => [each, `${place}.any_of[${index}]`]),
  ];
  for (const [each, where] of below) {
    const found = findUnknownWord(each, where);
    if (found !== undefined) return found;
  }
  return undefined;
}
