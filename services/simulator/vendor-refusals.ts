// Fields that vendors refuse, each in the vendor's own words: by name, so that a scene of any protocol can have them.
import { type Fields, isFields, listOf } from './read-ask.ts';

export interface VendorRefusal {
  status: number;
  body: string;
}

interface RefusedField {
  status?: number;
  /** Does this body hold it? */
  isIn(body: Fields): boolean;
  /** The error's body, as the vendor writes it. */
  says(body: Fields): unknown;
}

const inside = (value: unknown, ...path: string[]): unknown =>
  path.reduce<unknown>((found, key) => (isFields(found) ? found[key] : undefined), value);
const has =
  (...path: string[]) =>
  (body: Fields): boolean =>
    inside(body, ...path) !== undefined;
const openai = (message: string, param: string | null, code: string | null): unknown => ({
  error: { message, type: 'invalid_request_error', param, code },
});
const google = (message: string): unknown => ({ error: { code: 400, message, status: 'INVALID_ARGUMENT' } });
const messages = (message: string): unknown => ({ type: 'error', error: { type: 'invalid_request_error', message } });

const OPENAI: Record<string, RefusedField> = {
  'openai-temperature': {
    isIn: has('temperature'),
    says: () => openai("Unsupported parameter: 'temperature' is not supported with this model.", 'temperature', null),
  },
  'openai-summary': {
    isIn: has('reasoning', 'summary'),
    says: () =>
      openai(
        'Your organization must be verified to generate reasoning summaries. If you just verified, it can take up to 15 minutes for access to propagate.',
        'reasoning.summary',
        'unsupported_value',
      ),
  },
  'openai-encrypted-content': {
    isIn: (body) => listOf(body.include).includes('reasoning.encrypted_content'),
    says: () => openai('Encrypted content is not supported with this model.', 'include', null),
  },
  'openai-tool-strict': {
    isIn: (body) => listOf(body.tools).some(has('strict') as (tool: unknown) => boolean),
    says: () => openai("Unknown parameter: 'tools[0].strict'.", 'tools[0].strict', 'unknown_parameter'),
  },
  'codex-max-output-tokens': {
    isIn: has('max_output_tokens'),
    says: () => ({ detail: 'Unsupported parameter: max_output_tokens' }),
  },
  'azure-stream-options': {
    isIn: has('stream_options'),
    says: () => openai('Unrecognized request argument supplied: stream_options', null, null),
  },
  'azure-parallel-calls': {
    isIn: has('parallel_tool_calls'),
    says: () => openai("Additional properties are not allowed ('parallel_tool_calls' was unexpected)", null, null),
  },
  'azure-max-tokens': {
    isIn: has('max_tokens'),
    says: () => ({
      error: {
        code: 'unsupported_parameter',
        message:
          "Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens' instead.",
        param: 'max_tokens',
      },
    }),
  },
};

const GOOGLE: Record<string, RefusedField> = {
  'google-json-schema': {
    isIn: (body) => declarationsOf(body).some((each) => 'parametersJsonSchema' in each),
    says: () =>
      google(
        `Invalid JSON payload received. Unknown name "parametersJsonSchema" at 'tools[0].function_declarations[0]': Cannot find field.`,
      ),
  },
  'google-thinking-level': {
    isIn: has('generationConfig', 'thinkingConfig', 'thinkingLevel'),
    says: () => google('Thinking level is not supported for this model.'),
  },
  'google-thinking': {
    isIn: has('generationConfig', 'thinkingConfig'),
    says: () => google('Thinking is not enabled for models/simulated'),
  },
  'google-include-thoughts': {
    isIn: has('generationConfig', 'thinkingConfig', 'includeThoughts'),
    says: () =>
      google(
        `Invalid JSON payload received. Unknown name "includeThoughts" at 'generation_config.thinking_config': Cannot find field.`,
      ),
  },
  'google-top-k': {
    isIn: has('generationConfig', 'topK'),
    says: (body) =>
      google(
        `Unable to submit request because it has a topK value of ${inside(body, 'generationConfig', 'topK')} but the supported range is from 1 (inclusive) to 41 (exclusive). Update the value and try again.`,
      ),
  },
  'google-search-beside-functions': {
    isIn: (body) => listOf(body.tools).length > 1,
    says: () => google('Tool use with function calling is unsupported'),
  },
};

const OLLAMA: Record<string, RefusedField> = {
  'ollama-thinking': {
    isIn: (body) => body.think !== undefined && body.think !== false,
    says: (body) => ({ error: `"${body.model}" does not support thinking` }),
  },
  'ollama-shift': { isIn: has('shift'), says: () => ({ error: 'json: unknown field "shift"' }) },
};

const MESSAGES: Record<string, RefusedField> = {
  'messages-context-management': {
    isIn: has('context_management'),
    says: () => messages('context_management: Extra inputs are not permitted'),
  },
  'messages-new-field': {
    isIn: has('turn_budget'),
    says: () => messages('turn_budget: Extra inputs are not permitted'),
  },
  'messages-cache-marks': {
    isIn: (body) => JSON.stringify(body).includes('"cache_control"'),
    says: () => messages('system.1.cache_control: Extra inputs are not permitted'),
  },
  'messages-tool-field': {
    isIn: (body) => listOf(body.tools).some(has('streaming_hint') as (tool: unknown) => boolean),
    says: () => messages('tools.0.custom.streaming_hint: Extra inputs are not permitted'),
  },
  'messages-vllm-metadata': {
    isIn: has('metadata'),
    says: () => ({
      error: {
        message:
          "[{'type': 'extra_forbidden', 'loc': ('body', 'metadata'), 'msg': 'Extra inputs are not permitted', 'input': {}}]",
        type: 'BadRequestError',
        param: null,
        code: 400,
      },
    }),
  },
  'messages-fastapi-top-k': {
    status: 422,
    isIn: has('top_k'),
    says: () => ({
      detail: [{ type: 'extra_forbidden', loc: ['body', 'top_k'], msg: 'Extra inputs are not permitted', input: 40 }],
    }),
  },
  'messages-deepseek-field': {
    isIn: has('turn_budget'),
    says: () =>
      openai(
        'Failed to deserialize the JSON body into the target type: unknown field `turn_budget`, expected one of `model`, `messages`, `max_tokens` at line 1 column 210',
        null,
        'invalid_request_error',
      ),
  },
};

const ALL: Readonly<Record<string, RefusedField>> = { ...OPENAI, ...GOOGLE, ...OLLAMA, ...MESSAGES };

export const VENDOR_REFUSALS: readonly string[] = Object.keys(ALL);

/** Undefined when the request holds nothing that this vendor refuses. */
export function findVendorRefusal(body: unknown, name: string | undefined): VendorRefusal | undefined {
  const refused = name !== undefined && Object.hasOwn(ALL, name) ? ALL[name] : undefined;
  if (refused === undefined || !isFields(body) || !refused.isIn(body)) return undefined;
  return { status: refused.status ?? 400, body: JSON.stringify(refused.says(body)) };
}

function declarationsOf(body: Fields): Fields[] {
  return listOf(body.tools)
    .flatMap((tool) => (isFields(tool) ? listOf(tool.functionDeclarations) : []))
    .filter(isFields);
}
