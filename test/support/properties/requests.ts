// Whatever a client asks: each provider writes a request that its server can read, or refuses it by the name of a field.
import { expect } from 'chai';
import fc from 'fast-check';
import { estimateTokens } from '#shared/messages/estimate-tokens.ts';
import { VENDOR_NAMES } from '#shared/providers/openai-chat/vendors.ts';
import { convertFor, loadProviderFixtures, type Variant } from '../provider-fixtures.ts';
import { createWireLimits } from '../wire-limits/index.ts';
import { createWireSchemas } from '../wire-schemas.ts';
import { type FuzzProperty, fuzzProperty } from './fuzz-property.ts';
import { longTextProperties } from './long-texts.ts';
import { anyRequest } from './request-shapes.ts';

export const PLACE =
  /^(?:[a-z0-9_]+ at |tool ".{0,200}" at )?(?:messages|system|tools|tool_choice|mcp_servers|thread|safeguards|output_config|max_tokens|thinking|model|top_k)\b/;
/** They travel in a response header. */
export const NOTE = /^[\x21-\x7e]{1,80}$/;

/** Each server of the fixtures, each vendor of Chat Completions, and a model that sees nothing and may be told so. */
function allVariants(): Variant[] {
  const known = loadProviderFixtures().flatMap(({ variants }) => variants);
  const chat = known.find(({ name }) => name === 'generic');
  const vendors = VENDOR_NAMES.flatMap((vendor) =>
    ['gpt-5', 'qwen3-32b', 'deepseek-v4'].flatMap((model): Variant[] =>
      chat === undefined ? [] : [{ ...chat, name: vendor, model, target: { ...chat.target, vendor } }],
    ),
  );
  const strict = known.map((variant): Variant => ({ ...variant, target: { ...variant.target, vision: 'strict' } }));
  return [...known, ...vendors, ...strict];
}

/** Numbers out of range are the client's mistake, and the server's to refuse. */
function withoutSampling(body: unknown): unknown {
  const { temperature: _1, top_p: _2, ...rest } = body as Record<string, unknown>;
  return rest;
}

export function requestProperties(): FuzzProperty[] {
  const variants = new Map(
    allVariants().map((one) => [`${one.target.type} ${one.name} ${one.model} ${one.target.vision}`, one]),
  );
  const limits = createWireLimits();
  const schemas = createWireSchemas();
  const named = fc.constantFrom(...variants.keys());
  return [
    fuzzProperty(
      'any request is carried within the limits of its protocol, or refused by name',
      8,
      fc.property(named, anyRequest, (name, request) => {
        const server = variants.get(name);
        if (!server) throw new Error(`there is no server ${name}`);
        const before = JSON.stringify(request);
        const { outcome, headers } = convertFor(server, request);
        expect(JSON.stringify(request), 'the request is left as it was').to.equal(before);
        expect(convertFor(server, request).outcome).to.deep.equal(outcome);
        if ('unsupported' in outcome) {
          expect(outcome.unsupported).to.match(PLACE).and.have.length.below(4000);
          return;
        }
        expect(outcome.path).to.match(/^(?:[/?][\x21-\x7e]*)?$/);
        for (const header of headers) expect(header).to.match(/^[\x20-\x7e]*$/);
        for (const note of outcome.notes) expect(note).to.match(NOTE);
        expect(limits.breaches(server.target.type, outcome.body).join('\n')).to.equal('');
        expect(schemas.breaches(server.target.type, withoutSampling(outcome.body)).join('\n')).to.equal('');
      }),
    ),
    fuzzProperty(
      'the prompt of any request is estimated',
      1,
      fc.property(anyRequest, (request) => {
        expect(estimateTokens(request)).to.satisfy(Number.isSafeInteger).and.be.at.least(1);
      }),
    ),
    ...longTextProperties(variants),
  ];
}
