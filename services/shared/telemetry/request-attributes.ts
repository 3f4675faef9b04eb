// What a request says beside its conversation, as attributes: its settings, and who sent it.
import { ANTHROPIC, GEN_AI, OPENINFERENCE } from './attribute-keys.ts';
import { type Attributes, add, numberOf, objectOf, shortName } from './attribute-values.ts';
import { hashOfUser, sessionOfUser } from './client-user.ts';
import { compactJson } from './compact-json.ts';
import { type HiddenPart, hideContent } from './hide-content.ts';
import type { ModelRequest } from './model-call.ts';
import { isSecretName, REDACTED } from './secret-shapes.ts';

export interface RequestParts {
  /** null when the body was not readable. */
  request: ModelRequest | null;
  /** Lower-case name → value; `anthropic-beta` is read. */
  headers?: Readonly<Record<string, string>> | undefined;
  hide?: readonly HiddenPart[];
  /** Applied to the settings as text. */
  redact(text: string): string;
}

export interface RequestAttributes {
  /** As it stands in the metadata. */
  readonly sessionId: string | null;
  /** The rest, which others may say as well. */
  readonly settings: Attributes;
}

const LONGEST_PARAMETERS_BYTES = 16 * 1024;
const MOST_BETAS = 64;

export function requestAttributes({ request, headers, hide = [], redact }: RequestParts): RequestAttributes {
  const to: Attributes = {};
  if (request === null) return { sessionId: null, settings: to };
  const user = objectOf(request.metadata).user_id;
  const short = (value: unknown): string | null => shortName(value, redact);
  const betas = (headers?.['anthropic-beta'] ?? '').split(',').map((name) => short(name.trim()));
  const named = betas.filter((name) => name !== null).slice(0, MOST_BETAS);
  const thinking = objectOf(request.thinking);
  add(to, OPENINFERENCE.userId, hashOfUser(user));
  add(to, GEN_AI.requestMaxTokens, numberOf(request.max_tokens));
  add(to, GEN_AI.requestStream, request.stream === true ? true : null);
  add(to, GEN_AI.requestReasoningLevel, short(objectOf(request.output_config).effort));
  add(to, ANTHROPIC.thinkingType, short(thinking.type));
  add(to, ANTHROPIC.thinkingBudget, numberOf(thinking.budget_tokens));
  add(to, ANTHROPIC.requestServiceTier, short(request.service_tier));
  add(to, ANTHROPIC.beta, named.length > 0 ? named : null);
  add(to, OPENINFERENCE.invocationParameters, invocationParameters(request, redact));
  return { sessionId: short(sessionOfUser(user)?.sessionId), settings: hideContent(to, hide) };
}

/** These are shown elsewhere, or say who the user is. */
const NOT_PARAMETERS = new Set(['messages', 'tools', 'system', 'metadata']);

/** The request's settings as JSON; only the plain ones when they are too long. */
function invocationParameters(request: ModelRequest, redact: (text: string) => string): string {
  // Without a prototype, so that no name means anything.
  const parameters: Record<string, unknown> = Object.create(null);
  for (const name of Object.keys(request)) {
    if (!NOT_PARAMETERS.has(name)) parameters[name] = hideSecrets(name, request[name]);
  }
  const isSimple = Object.values(parameters).every(isPlain);
  const text = redact(isSimple ? JSON.stringify(parameters) : compactJson(parameters, hideSecrets));
  if (Buffer.byteLength(text) <= LONGEST_PARAMETERS_BYTES) return text;
  const plain = Object.entries(parameters).filter(([name, value]) => name.length <= 64 && isPlain(value));
  return redact(compactJson(Object.fromEntries(plain.slice(0, 64)), hideSecrets));
}

function isPlain(value: unknown): boolean {
  return typeof value === 'number' || typeof value === 'boolean' || (typeof value === 'string' && value.length <= 64);
}

function hideSecrets(name: string, value: unknown): unknown {
  return value !== null && isSecretName(name) ? REDACTED : value;
}
