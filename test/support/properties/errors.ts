// Whatever an upstream refuses with: an error of ours whose type fits its status, in words that hold no secret.
import { expect } from 'chai';
import fc from 'fast-check';
import { toErrorEnvelope } from '#shared/errors.ts';
import { loadProviderFixtures } from '../provider-fixtures.ts';
import { type FuzzProperty, fuzzProperty } from './fuzz-property.ts';

const SECRETS = [
  'sk-proj-abcdefghijklmnopqrstuvwxyz0123456789',
  'sk-ant-api03-abcdefghijklmnopqrstuvwxyz',
  'AIzaSyA1234567890abcdefghijklmnopqrstuv',
  'org-AbCdEfGhIjKlMnOpQrStUvWx',
];

const TYPES: Record<string, readonly number[]> = {
  invalid_request_error: [400],
  billing_error: [402],
  permission_error: [403],
  not_found_error: [404],
  request_too_large: [413],
  rate_limit_error: [429],
  api_error: [500, 502, 503],
  timeout_error: [504],
  overloaded_error: [529],
};

const message = fc
  .tuple(fc.string({ maxLength: 20 }), fc.constantFrom('', ...SECRETS), fc.string({ unit: 'binary', maxLength: 20 }))
  .map((parts) => parts.join(' '));
const error = fc.record(
  {
    message: fc.oneof(message, fc.jsonValue()),
    code: fc.oneof(fc.constantFrom('context_length_exceeded', 'insufficient_quota', 429, '400'), fc.jsonValue()),
    type: fc.oneof(fc.constantFrom('invalid_request_error', 'tokens'), fc.jsonValue()),
    status: fc.oneof(fc.constantFrom('RESOURCE_EXHAUSTED', 'UNAVAILABLE'), fc.jsonValue()),
    param: fc.jsonValue(),
    metadata: fc.oneof(fc.record({ raw: message }), fc.jsonValue()),
    details: fc.array(
      fc.oneof(fc.record({ retryDelay: fc.constantFrom('3.2s', 'x'), reason: message }), fc.jsonValue()),
    ),
  },
  { requiredKeys: [] },
);
const body = fc.oneof(
  fc.uint8Array({ maxLength: 80 }).map((bytes) => Buffer.from(bytes)),
  fc
    .oneof(
      error,
      fc.record({ error }),
      fc.record({ error: message }),
      fc.record({ detail: fc.oneof(message, fc.array(fc.record({ loc: fc.jsonValue(), msg: message }))) }),
      fc.array(fc.record({ error }), { maxLength: 2 }),
      fc.jsonValue(),
    )
    .map((value) => Buffer.from(JSON.stringify(value))),
  message.map((value) => Buffer.from(`<html><title>${value}</title></html>`)),
);
const headers = fc.array(
  fc.tuple(
    fc.constantFrom('retry-after', 'Retry-After-Ms', 'x-ratelimit-reset-tokens', 'content-type'),
    fc.oneof(fc.constantFrom('3', '1e9', '-1', 'Fri, 31 Dec 2038 23:59:59 GMT', '6m0s'), fc.string({ maxLength: 8 })),
  ),
  { maxLength: 3 },
);

export function errorProperties(): FuzzProperty[] {
  const provider = fc.constantFrom(
    ...new Set(loadProviderFixtures().flatMap(({ variants }) => variants.map((one) => one.provider))),
  );
  return [
    fuzzProperty(
      'any refusal becomes an error whose type fits its status',
      2,
      fc.property(provider, fc.integer({ min: 400, max: 599 }), headers, body, (one, status, pairs, bytes) => {
        const seen = one.readError({ status, rawHeaders: pairs.flat(), body: bytes });
        expect(TYPES[seen.code], seen.code).to.include(seen.status);
        expect(seen.message).to.have.length.within(1, 2048);
        const shown = JSON.stringify(toErrorEnvelope(seen)) + JSON.stringify(seen.headers);
        for (const secret of SECRETS) expect(shown).not.to.include(secret);
        const { 'retry-after': wait } = seen.headers;
        if (wait !== undefined) expect(wait).to.match(/^\d{1,9}$/);
      }),
    ),
  ];
}
