// What servers refuse, by protocol: hard limits and known names as JSON Schema kept by hand, and the rules of order that a
// schema cannot say. The vendors' own types are the second oracle (test/wire-types.test.ts).
import { Ajv2020, type ErrorObject, type ValidateFunction } from 'ajv/dist/2020.js';
import { messagesLimits } from './anthropic.ts';
import { geminiLimits } from './gemini.ts';
import { ollamaLimits } from './ollama.ts';
import { chatLimits } from './openai-chat.ts';
import { responsesLimits } from './openai-responses.ts';
import { type FindDisorder, findInChat, findInContents, findInItems, findNothing } from './order.ts';
import type { Schema } from './shapes.ts';

interface Limits {
  schema: Schema;
  findDisorder: FindDisorder;
}

const chat: Limits = { schema: chatLimits, findDisorder: findInChat };

const LIMITS: Readonly<Record<string, Limits>> = {
  'openai-chat': chat,
  openai: chat,
  azure: chat,
  openrouter: chat,
  'openai-responses': { schema: responsesLimits, findDisorder: findInItems },
  gemini: { schema: geminiLimits, findDisorder: findInContents },
  ollama: { schema: ollamaLimits, findDisorder: findNothing },
  anthropic: { schema: messagesLimits, findDisorder: findNothing },
};

export interface WireLimits {
  /** What a server of the protocol would refuse; [] = nothing. @throws for a protocol without limits */
  breaches(type: string, body: unknown): string[];
}

export function createWireLimits(): WireLimits {
  const ajv = new Ajv2020({ strict: false, allErrors: false });
  const compiled = new Map<Schema, ValidateFunction>();
  return {
    breaches(type, body) {
      const limits = LIMITS[type];
      if (!limits) throw new Error(`no limits are written down for ${type}`);
      const { schema, findDisorder } = limits;
      const validate = compiled.get(schema) ?? ajv.compile(schema);
      compiled.set(schema, validate);
      if (!validate(body)) return (validate.errors ?? []).map(describe);
      return findDisorder(body as Record<string, unknown>);
    },
  };
}

function describe({ instancePath, message, params }: ErrorObject): string {
  return `${instancePath || 'the body'} ${message} ${JSON.stringify(params)}`;
}
