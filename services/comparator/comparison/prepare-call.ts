// The work of a comparison that grows with the conversation: reading it, rewriting it, and describing it for a span. Runs
// in the caller's thread or in one of its own, all the same.
import type { ExchangeEntry, RecordedAnswer } from '#shared/exchange/exchange.ts';
import type { Observation } from '#shared/exchange/observation.ts';
import { observe, parseRequest, readExchange } from '#shared/exchange/read-exchange.ts';
import type { Attributes } from '#shared/telemetry/attribute-values.ts';
import { hashOfUser } from '#shared/telemetry/client-user.ts';
import { type LlmAttributesInput, llmAttributes } from '#shared/telemetry/llm-attributes.ts';
import { type RewriteTarget, rewriteRequest } from './rewrite-request.ts';

/** What the primary did, and what the secondary is to be asked. */
export interface PreparedCall {
  primary: Observation;
  /** null when the primary is not complete or its request is no JSON object: there is nothing to compare with. */
  call: PreparedRequest | null;
}

export interface PreparedRequest {
  /** The rewritten request as JSON. */
  body: Uint8Array;
  model: string;
  /** As the client named itself, hashed: the secondary is not told. */
  userId: string | null;
  /** Names of the rules that changed something. */
  rewrites: string[];
}

/** All of a span's input but what is read from the request's bytes. */
export type CallFacts = Omit<LlmAttributesInput, 'request' | 'requestBytes' | 'redact'>;

/** The steps, wherever they run. */
export interface ComparisonSteps {
  /** Reads the exchange and rewrites its request. @throws ExchangeSchemaError when it cannot be decoded */
  prepareCall(entry: ExchangeEntry, body: Buffer, target: RewriteTarget): Promise<PreparedCall>;
  /** Never throws, whatever the bytes are. */
  observe(answer: RecordedAnswer): Promise<Observation>;
  /** What a model span says of the rewritten request and its answer. */
  describeCall(body: Uint8Array, facts: CallFacts): Promise<Attributes>;
}

export function createSteps(redact: (text: string) => string): ComparisonSteps {
  return {
    async prepareCall(entry, body, target) {
      const { request, observation: primary } = await readExchange(entry, body);
      if (!primary.complete || request === null) return { primary, call: null };
      const { request: rewritten, applied } = rewriteRequest(request, target);
      const json = Buffer.from(JSON.stringify(rewritten));
      const userId = hashOfUser(request.metadata?.user_id);
      return { primary, call: { body: json, model: rewritten.model, userId, rewrites: applied } };
    },
    observe: (answer) => observe(answer),
    async describeCall(body, facts) {
      const request = parseRequest(Buffer.from(body.buffer, body.byteOffset, body.byteLength));
      return llmAttributes({ ...facts, request, requestBytes: body.length, redact });
    },
  };
}
