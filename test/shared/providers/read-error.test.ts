import { expect } from 'chai';
import fc from 'fast-check';
import { GatewayError } from '#shared/errors.ts';
import { nameUpstream, readHttpError, readStreamError } from '#shared/providers/read-error.ts';

function read(status: number, body: unknown, rawHeaders: string[] = []): GatewayError {
  const bytes = Buffer.from(typeof body === 'string' ? body : JSON.stringify(body));
  return readHttpError({ status, rawHeaders, body: bytes });
}
const overflow = (message: string, status = 400): string => read(status, { error: { message } }).message;

describe("reading an upstream's error", () => {
  for (const [said, shown] of [
    [
      "This model's maximum context length is 8192 tokens. However, you requested 10240 tokens (9216 in the messages, 1024 in the completion).",
      'prompt is too long: 9216 tokens > 8192 maximum',
    ],
    [
      "This model's maximum context length is 8192 tokens. However, you requested 9240 tokens (8000 in the messages, 1240 in the completion).",
      'input length and `max_tokens` exceed context limit: 8000 + 1240 > 8192, decrease input length or `max_tokens` and try again',
    ],
    [
      'Your input exceeds the context window of this model. Please adjust your input and try again.',
      'prompt is too long',
    ],
    ['prompt token count of 150000 exceeds the limit of 128000', 'prompt is too long: 150000 tokens > 128000 maximum'],
    [
      'The input token count (1200000) exceeds the maximum number of tokens allowed (1,048,576).',
      'prompt is too long: 1200000 tokens > 1048576 maximum',
    ],
    ['Input is too long for requested model.', 'prompt is too long'],
    ['input exceeds maximum context length', 'prompt is too long'],
    [
      'The prompt is too long: 40000, model maximum context length: 32768',
      'prompt is too long: 40000 tokens > 32768 maximum',
    ],
    ['Range of input length should be [1, 129024]', 'prompt is too long'],
    ['Invalid request: Your request exceeded model token limit: 131072', 'prompt is too long'],
    ['context length exceeded: got 300_000 of 200_000', 'prompt is too long: 300000 tokens > 200000 maximum'],
  ] as const) {
    it(`conv E-02 knows "${said.slice(0, 48)}…" for a prompt that is too long`, () => {
      const error = read(400, { error: { message: said } });
      expect(error).to.include({ status: 400, code: 'invalid_request_error', message: shown });
    });
  }

  it('conv E-02 takes other statuses for it too, but never a limit on traffic', () => {
    expect(overflow('Input is too long for requested model.', 413)).to.equal('prompt is too long');
    const limited =
      'Request too large for gpt-4o on tokens per min (TPM): Limit 30000, Requested 50000. The input or output tokens must be reduced.';
    expect(read(429, { error: { message: limited } })).to.include({ code: 'rate_limit_error', message: limited });
    expect(readStreamError({ error: { code: 'context_length_exceeded', message: 'too long' } }).message).to.equal(
      'prompt is too long',
    );
  });

  it('conv E-03 makes 404 of a model that is not there, whatever the status', () => {
    expect(read(400, { error: { message: 'x', code: 'model_not_found' } }).status).to.equal(404);
    expect(read(404, { detail: 'Not Found' })).to.include({ status: 404, message: 'Not Found' });
  });

  it('conv E-06 never shows a refused key of ours as one of the client', () => {
    for (const status of [401, 403]) {
      const error = read(status, { error: { message: 'Invalid API key' } });
      expect(error).to.include({ status: 502, code: 'api_error' });
      expect(error.headers).to.deep.equal({ 'x-should-retry': 'false' });
    }
    expect(read(403, { error: { message: 'Model access denied for this region' } })).to.include({
      status: 403,
      code: 'permission_error',
    });
  });

  it('conv E-07 keeps what is wrong with the upstream apart by status', () => {
    const mapped = [500, 502, 503, 504, 520, 524, 529, 408].map((status) => {
      const { status: shown, code } = read(status, 'oops');
      return [status, shown, code];
    });
    expect(mapped).to.deep.equal([
      [500, 500, 'api_error'],
      [502, 502, 'api_error'],
      [503, 503, 'api_error'],
      [504, 504, 'timeout_error'],
      [520, 502, 'api_error'],
      [524, 504, 'timeout_error'],
      [529, 529, 'overloaded_error'],
      [408, 504, 'timeout_error'],
    ]);
    expect(
      read(503, [{ error: { code: 503, message: 'The model is overloaded.', status: 'UNAVAILABLE' } }]).status,
    ).to.equal(529);
  });

  for (const [body, message] of [
    [{ error: { message: 'one' } }, 'one'],
    [{ error: 'two' }, 'two'],
    [{ message: 'three' }, 'three'],
    [{ detail: 'four' }, 'four'],
    [[{ error: { message: 'five' } }], 'five'],
    [{ detail: [{ loc: ['body', 'top_k'], msg: 'six' }] }, 'body.top_k: six'],
    ['<html><head><title>502 Bad Gateway</title></head><body><h1>x</h1></body></html>', '502 Bad Gateway'],
    ['<html><body>nothing</body></html>', 'the upstream answered with a web page'],
    ['plain words', 'plain words'],
    ['', 'the upstream answered with status 400'],
    [{}, 'the upstream answered with status 400'],
  ] as const) {
    it(`conv E-08 finds the words in ${JSON.stringify(body).slice(0, 50)}`, () => {
      const found = read(400, body).message;
      expect(found === '{}' ? 'the upstream answered with status 400' : found).to.equal(message);
    });
  }

  it('conv E-08 shows two KB of a message at most', () => {
    expect(read(400, 'x'.repeat(100_000)).message).to.have.length(2048);
  });

  it('conv E-12 takes keys, accounts and addresses out of what it shows', () => {
    const secrets = [
      'sk-proj-abcdefghijklmnop',
      'gsk_abcdefghijklmnop',
      'xai-abcdefghijklmnop',
      'AIzaSyA1234567890abcdef',
      'org-Ab12Cd34Ef56',
      'user_2abcDEFghiJKL',
      'arn:aws:bedrock:us-east-1:123456789012:model/x',
      'someone@example.com',
      '7c9e6679-7425-40de-944b-e07fc1f90ae7',
      'eyJhbGciOi.eyJzdWIi.c2ln',
    ];
    for (const status of [400, 404, 429, 500, 529]) {
      const { message } = read(status, { error: { message: `Bad: ${secrets.join(' ; ')} end` } });
      for (const secret of secrets) expect(message).not.to.include(secret);
      expect(message).to.match(/^Bad: .* end$/);
    }
  });

  for (const [what, headers, body, seconds] of [
    ['seconds', ['Retry-After', '7'], {}, '7'],
    ['a fraction', ['retry-after', '1.2'], {}, '2'],
    ['a date', ['retry-after', 'Wed, 01 Jan 2025 00:00:30 GMT', 'date', 'Wed, 01 Jan 2025 00:00:00 GMT'], {}, '30'],
    ['milliseconds', ['retry-after-ms', '1500'], {}, '2'],
    ['the longest of two', ['retry-after', '3', 'retry-after-ms', '9000'], {}, '9'],
    ['the body of Gemini', [], { error: { message: 'quota', details: [{ retryDelay: '34.4s' }] } }, '35'],
    [
      'the metadata of OpenRouter',
      [],
      { error: { message: 'x', metadata: { headers: { 'Retry-After': '12' } } } },
      '12',
    ],
    ['nothing', [], {}, undefined],
    ['no number', ['retry-after', 'soon'], {}, undefined],
  ] as const) {
    it(`conv H-02 reads when to come back from ${what}, as whole seconds`, () => {
      expect(read(429, body, [...headers]).headers['retry-after']).to.equal(seconds);
    });
  }

  it('conv H-02 makes a wait no longer than clients wait, unless all their tries would be in vain', () => {
    for (const [said, headers] of [
      ['60', { 'retry-after': '60' }],
      ['61', { 'retry-after': '60' }],
      ['600', { 'retry-after': '60' }],
      ['601', { 'retry-after': '601', 'x-should-retry': 'false' }],
    ] as const) {
      expect(read(429, {}, ['retry-after', said]).headers, said).to.deep.equal(headers);
    }
  });

  it('conv E-01 says in front of a refusal who refused, but where clients know the sentence by its beginning', () => {
    const named = (error: unknown): string => (nameUpstream(error, 'glm') as Error).message;
    expect(named(read(400, { error: { message: 'tools: too many' } }))).to.equal('glm: tools: too many');
    expect(named(read(400, { error: { code: 'context_length_exceeded', message: 'too long' } }))).to.equal(
      'prompt is too long',
    );
    expect(named(read(429, { error: { message: 'slow down' } }))).to.equal('slow down');
    const other = new Error('a bug');
    expect(nameUpstream(other, 'glm')).to.equal(other);
  });

  it('gives every error inside a stream a type, whatever it is', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (body) => {
        expect(readStreamError(body)).to.be.instanceOf(GatewayError);
      }),
    );
  });
});
