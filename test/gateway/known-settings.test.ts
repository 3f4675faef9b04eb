import { expect } from 'chai';
import fc from 'fast-check';
import { createKnownSettings } from '#services/gateway/known-settings.ts';
import type { FinishedCall } from '#services/gateway/messages/finished-call.ts';
import { toView } from '#services/gateway/messages/parse.ts';
import { requestAttributes } from '#shared/telemetry/request-attributes.ts';

const redact = (text: string): string => text.replaceAll('secret', '[redacted]');

function call(request: object, beta?: string): FinishedCall {
  const view = toView(Buffer.from(JSON.stringify(request)));
  const clientHeaders = beta === undefined ? {} : { 'anthropic-beta': beta };
  return { request: view.bytes, requestSpans: view.spans, clientHeaders } as unknown as FinishedCall;
}

const described = (request: Record<string, unknown>, beta?: string) =>
  requestAttributes({ request, headers: beta === undefined ? {} : { 'anthropic-beta': beta }, redact });

describe('the known settings of requests', () => {
  const CONVERSATION = { model: 'm', messages: [], tools: [{ name: 'T' }], system: 'be brief' };

  it('are those of each request, whatever was asked before', () => {
    const settingsOf = createKnownSettings(redact, []);
    const word = fc.constantFrom('a', 'b', '1', '1 1 a', 'max_tokens', 'secret', 'é', 'š', 'metadata');
    const value = fc.oneof(word, fc.integer({ min: 0, max: 3 }), fc.dictionary(word, word), fc.boolean());
    fc.assert(
      fc.property(fc.dictionary(word, value), fc.option(word, { nil: undefined }), (settings, beta) => {
        const request = { ...CONVERSATION, ...settings };
        expect(settingsOf(call(request, beta))).to.deep.equal(described(request, beta));
        expect(settingsOf(call(request, beta))).to.deep.equal(described(request, beta));
      }),
      { numRuns: 1000 },
    );
  });

  it('are described once for requests that differ in their conversation alone', () => {
    const settingsOf = createKnownSettings(redact, []);
    const first = settingsOf(call({ ...CONVERSATION, max_tokens: 9 }));
    const other = { ...CONVERSATION, messages: [{ role: 'user', content: 'more' }], system: 'be long' };
    expect(settingsOf(call({ ...other, max_tokens: 9 }))).to.equal(first);
    expect(settingsOf(call({ ...other, max_tokens: 8 }))?.settings).to.include({ 'gen_ai.request.max_tokens': 8 });
  });

  it('are not mixed up where they have the same checksum', () => {
    const settingsOf = createKnownSettings(redact, []);
    // Of one length, and of two.
    for (const [one, other] of [
      ['1aj123q-53y0no', '1wd7vd9-fgsi6d'],
      ['1qqxfec-1i8c3ee', 'wvepkx-nigzht'],
    ]) {
      for (const model of [one, other, one]) {
        const request = { model, messages: [] };
        expect(settingsOf(call(request))).to.deep.equal(described(request));
      }
    }
  });

  it('are not known of a request that is not counted, or that says much', () => {
    const settingsOf = createKnownSettings(redact, []);
    expect(settingsOf(call({ ...CONVERSATION, messages: 'none' }))).to.equal(null);
    expect(settingsOf(call({ ...CONVERSATION, more: 'x'.repeat(3000) }))).to.equal(null);
    expect(settingsOf({ ...call(CONVERSATION), request: null })).to.equal(null);
  });

  it('are known as long as they and the betas fit', () => {
    const settingsOf = createKnownSettings(redact, []);
    const isKnown = (model: string, betas: number): boolean =>
      settingsOf(call({ model, messages: [] }, 'b'.repeat(betas))) !== null;
    // 2048 bytes in all, of which the betas' length takes 2, they 2 each, and the model 14 and its JSON.
    expect([isKnown('mm', 1014), isKnown('mmm', 1014), isKnown('mm', 1015)]).to.deep.equal([true, false, false]);
    for (const betas of [1022, 1023, 1024, 40_000]) expect(isKnown('m', betas), `${betas}`).to.equal(false);
  });

  it('are not known where one of them is no JSON after all', () => {
    const settingsOf = createKnownSettings(redact, []);
    for (const broken of ['{"a":}', '{"a" 1}', '[1 2]', '"\\x"']) {
      const view = toView(Buffer.from(`{"model":"m","messages":[],"metadata":${broken}}`));
      const finished = { request: view.bytes, requestSpans: view.spans, clientHeaders: {} } as unknown as FinishedCall;
      expect(settingsOf(finished), broken).to.equal(null);
    }
  });

  it('are remembered of so many requests at most', () => {
    const settingsOf = createKnownSettings(redact, []);
    const asked = (max_tokens: number) => settingsOf(call({ ...CONVERSATION, max_tokens }));
    const first = asked(0);
    for (let others = 1; others < 256; others++) asked(others);
    expect(asked(0)).to.equal(first);
    asked(256);
    expect(asked(0)).to.deep.equal(first);
    expect(asked(0)).to.not.equal(first);
  });

  it('are let go for one of their checksum, and for no other then', () => {
    const settingsOf = createKnownSettings(redact, []);
    const asked = (model: string) => settingsOf(call({ model, messages: [] }));
    const first = asked('first');
    for (let others = 2; others < 256; others++) asked(`${others}`);
    asked('1aj123q-53y0no');
    asked('1wd7vd9-fgsi6d');
    expect(asked('first')).to.equal(first);
  });
});
