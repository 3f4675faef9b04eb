import { expect } from 'chai';
import { GatewayError } from '#shared/errors.ts';
import { lowerMaxTokens, refuseTooLong } from '#shared/upstream/limit-request.ts';
import type { MessagesRequest } from '#shared/wire/anthropic.ts';

const REQUEST = { model: 'm', messages: [], max_tokens: 32_000 };

function refusal(maxTokens: number, window: number | null, input: number): string | null {
  try {
    refuseTooLong({ ...REQUEST, max_tokens: maxTokens }, window, input);
    return null;
  } catch (error) {
    if (!(error instanceof GatewayError)) throw error;
    expect(error).to.include({ status: 400, code: 'invalid_request_error' });
    return error.message;
  }
}

describe('limits of a request', () => {
  it('lowers what is larger, notes it, and leaves the client’s own request alone', () => {
    const { request, notes } = lowerMaxTokens(REQUEST, 8192);
    expect(request.max_tokens).to.equal(8192);
    expect(notes).to.deep.equal(['max_tokens:8192']);
    expect(REQUEST.max_tokens).to.equal(32_000);
  });

  it('never raises, and touches nothing without a limit or without a number', () => {
    const cases: Array<[MessagesRequest, number | null]> = [
      [REQUEST, 32_000],
      [REQUEST, 64_000],
      [REQUEST, null],
      [{ model: 'm', messages: [] }, 10],
    ];
    for (const [request, most] of cases) {
      expect(lowerMaxTokens(request, most)).to.deep.equal({ request, notes: [] });
    }
  });

  it('keeps a thinking budget below the output it is a part of', () => {
    const thinking = { type: 'enabled', budget_tokens: 31_999 };
    expect(lowerMaxTokens({ ...REQUEST, thinking }, 8192).request.thinking).to.deep.equal({
      type: 'enabled',
      budget_tokens: 8191,
    });
    const small = { type: 'enabled', budget_tokens: 1024 };
    expect(lowerMaxTokens({ ...REQUEST, thinking: small }, 8192).request.thinking).to.equal(small);
  });

  it('refuses in the sentences that clients act on', () => {
    expect(refusal(10, 1000, 1001)).to.equal('prompt is too long: 1001 tokens > 1000 maximum');
    expect(refusal(101, 1000, 900)).to.match(
      /^input length and `max_tokens` exceed context limit: 900 \+ 101 > 1000\b/,
    );
    expect(refusal(100, 1000, 900)).to.equal(null);
    expect(refusal(100, null, 10_000_000)).to.equal(null);
  });

  it('refuses no request for asking for more output than is left, while there is room for an answer', () => {
    expect(refusal(128_000, 131_072, 12_000)).to.equal(null);
    expect(refusal(128_000, 131_072, 131_072 - 4096)).to.equal(null);
    expect(refusal(128_000, 131_072, 131_072 - 4095)).to.match(/^input length and `max_tokens` exceed/);
  });
});
