import { readFileSync } from 'node:fs';
import { expect } from 'chai';
import type { GatewayError } from '#shared/errors.ts';
import { gemini } from '#shared/providers/gemini.ts';
import { openaiResponses } from '#shared/providers/openai-responses.ts';
import type { Provider } from '#shared/providers/provider.ts';

const FIXTURES = new URL('../../fixtures/', import.meta.url);

function errorOf(provider: Provider, name: string, rawHeaders: string[] = []): GatewayError {
  const body = readFileSync(new URL(`${provider.type}/errors/${name}.json`, FIXTURES));
  return provider.readError({ status: Number(name.slice(0, 3)), rawHeaders, body });
}

describe('openai-responses and gemini: errors', () => {
  it('conv E-02 tells an overflow in the words clients act on', () => {
    expect(errorOf(openaiResponses, '400-context')).to.include({ code: 'invalid_request_error', status: 400 });
    expect(errorOf(openaiResponses, '400-context').message).to.match(/^prompt is too long/);
    expect(errorOf(gemini, '400-context').message).to.equal('prompt is too long: 1200345 tokens > 1048576 maximum');
  });

  it('conv E-04 conv H-02 hands on how long to wait, in whole seconds', () => {
    const limited = errorOf(openaiResponses, '429-rate-limit', ['Retry-After-Ms', '1200']);
    expect(limited).to.include({ code: 'rate_limit_error', status: 429 });
    expect(limited.headers).to.deep.equal({ 'retry-after': '2' });
    expect(errorOf(gemini, '429-rate-limit')).to.include({ code: 'rate_limit_error', status: 429 });
    expect(errorOf(gemini, '429-rate-limit').headers).to.deep.equal({ 'retry-after': '35' });
  });

  it('conv E-05 tells a daily quota as a matter of billing', () => {
    const error = errorOf(gemini, '429-daily-quota');
    expect(error).to.include({ code: 'billing_error', status: 402 });
    expect(error.headers).to.deep.equal({ 'x-should-retry': 'false' });
  });

  it("conv E-06 tells a refused key as the gateway's failure, also where it comes as a bad request", () => {
    for (const error of [errorOf(openaiResponses, '401-key'), errorOf(gemini, '400-key')]) {
      expect(error).to.include({ code: 'api_error', status: 502 });
      expect(error.headers).to.include({ 'x-should-retry': 'false' });
      expect(error.message).not.to.contain('sk-proj');
    }
  });

  it('conv E-07 tells an overloaded model as such', () => {
    expect(errorOf(gemini, '503-overloaded')).to.include({ code: 'overloaded_error', status: 529 });
  });

  it('conv E-08 finds the words in pages, lists, texts and nothing', () => {
    const read = (provider: Provider, body: string) =>
      provider.readError({ status: 502, rawHeaders: [], body: Buffer.from(body) }).message;
    for (const provider of [openaiResponses, gemini]) {
      expect(read(provider, '<html><title>502 Bad Gateway</title></html>')).to.equal('502 Bad Gateway');
      expect(read(provider, '[{"error":{"message":"in a list"}}]')).to.equal('in a list');
      expect(read(provider, '{"error":"a text"}')).to.equal('a text');
      expect(read(provider, '')).to.contain('502');
      expect(read(provider, 'x'.repeat(9000)).length).to.be.at.most(2048);
    }
  });

  it('conv E-12 lets no organisation through', () => {
    expect(errorOf(openaiResponses, '429-rate-limit').message).not.to.contain('org-Abc123def');
  });
});
