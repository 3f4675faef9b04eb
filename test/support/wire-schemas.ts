// The contracts that vendors publish, as JSON Schema: test/fixtures/schemas/, written by scripts/write-wire-schemas.ts. They
// are closed: a member they do not name is an error, but for those that other servers of Chat Completions add.
import { readFileSync } from 'node:fs';
import { Ajv2020, type ErrorObject, type ValidateFunction } from 'ajv/dist/2020.js';

type Fields = Record<string, unknown>;

/** Which contract the requests of a type are held against; Ollama publishes none, and Messages are the client's own. */
const CONTRACTS: Readonly<Record<string, string>> = {
  openai: 'openai-chat',
  azure: 'openai-chat',
  'openai-chat': 'openai-chat',
  openrouter: 'openai-chat',
  'openai-responses': 'openai-responses',
  gemini: 'gemini',
};

/** What servers other than OpenAI's and Azure's take beside it; their values are no part of its contract. */
const ADDED: ReadonlySet<string> = new Set(['openai-chat', 'openrouter']);
const ADDED_FIELDS = ['top_k', 'reasoning', 'plugins', 'usage', 'search_domain_filter'];
const THINKING_FIELDS = ['thinking', 'enable_thinking', 'chat_template_kwargs', 'reasoning_effort'];
const ADDED_TO_MESSAGES = ['reasoning_content', 'reasoning_details', 'prefix'];

export interface WireSchemas {
  /** The types whose requests have a published contract. */
  readonly types: readonly string[];
  /** Where a body leaves its contract; [] = nowhere, or the type has none. */
  breaches(type: string, body: unknown): string[];
}

export function createWireSchemas(): WireSchemas {
  const ajv = new Ajv2020({ strict: false, allErrors: false, validateFormats: false });
  const compiled = new Map<string, ValidateFunction>();
  return {
    types: Object.keys(CONTRACTS),
    breaches(type, body) {
      const name = CONTRACTS[type];
      if (name === undefined) return [];
      const validate = compiled.get(name) ?? ajv.compile(readContract(name));
      compiled.set(name, validate);
      return validate(ADDED.has(type) ? withoutAdded(body as Fields) : body) ? [] : deepest(validate.errors ?? []);
    },
  };
}

export function readContract(name: string): Fields {
  return JSON.parse(readFileSync(new URL(`../fixtures/schemas/${name}.json`, import.meta.url), 'utf8')) as Fields;
}

/** Of the many branches that did not fit, those that came nearest say most. */
function deepest(errors: readonly ErrorObject[]): string[] {
  const depth = ({ instancePath }: ErrorObject): number => instancePath.split('/').length;
  const most = Math.max(...errors.map(depth));
  return errors
    .filter((error) => depth(error) === most)
    .map(({ instancePath, message, params }) => `${instancePath || 'the body'} ${message} ${JSON.stringify(params)}`);
}

function withoutAdded(body: Fields): Fields {
  const { messages } = body;
  return {
    ...without(body, [...ADDED_FIELDS, ...THINKING_FIELDS]),
    ...(Array.isArray(messages) ? { messages: (messages as Fields[]).map(plainMessage) } : {}),
  };
}

function plainMessage(message: Fields): Fields {
  const { content } = message;
  return {
    ...without(message, ADDED_TO_MESSAGES),
    ...(Array.isArray(content)
      ? { content: (content as Fields[]).map((part) => without(part, ['cache_control'])) }
      : {}),
  };
}

function without(fields: Fields, names: readonly string[]): Fields {
  return Object.fromEntries(Object.entries(fields).filter(([name]) => !names.includes(name)));
}
