import { readFileSync } from 'node:fs';
import { expect } from 'chai';
import { countTokens } from 'gpt-tokenizer/encoding/o200k_base';
import { estimateTokens } from '#shared/messages/estimate-tokens.ts';
import { createTokenCounter, type TokenCounter, type TokenCounterOptions } from '#shared/messages/token-counter.ts';
import { until } from '../../support/gateway.ts';

const TEXT = readFileSync(new URL('../../../ARCHITECTURE.md', import.meta.url), 'utf8');

function body(content: unknown): Buffer {
  return Buffer.from(JSON.stringify({ model: 'm', messages: [{ role: 'user', content }] }));
}

describe('the token counter', () => {
  const open: TokenCounter[] = [];
  const troubles: unknown[] = [];
  const start = (options: Partial<TokenCounterOptions> = {}): TokenCounter => {
    const counter = createTokenCounter({ onTrouble: (error) => troubles.push(error), timeoutMs: 20_000, ...options });
    open.push(counter);
    return counter;
  };
  afterEach(async () => {
    await Promise.all(open.splice(0).map((counter) => counter.stop()));
    troubles.length = 0;
  });

  it('conv N-02 counts 5 to 10 % more than the tokenizer, whatever its slices cut', async () => {
    const counter = start();
    for (const text of [TEXT, TEXT.slice(0, 3000), TEXT.repeat(5)]) {
      const real = text.length > 100_000 ? countTokens(TEXT) * 5 : countTokens(text);
      expect((await counter.count(body(text))) ?? 0, String(text.length)).to.be.within(real * 1.05, real * 1.1);
    }
    expect(troubles).to.deep.equal([]);
  }).timeout(20_000);

  it('takes names of control tokens for text, and any text for one', async () => {
    const counter = start();
    for (const text of [
      '<|endoftext|> and <|im_start|>',
      '\ud800 alone',
      '',
      'x'.repeat(100_000),
      '字'.repeat(20_000),
    ]) {
      expect(await counter.count(body(text))).to.be.at.least(1);
    }
    expect(troubles).to.deep.equal([]);
  }).timeout(20_000);

  it('gives null for what is no JSON object', async () => {
    const counter = start();
    for (const text of ['', 'nonsense', '[]', 'null', '3']) {
      expect(await counter.count(Buffer.from(text)), text).to.equal(null);
    }
  }).timeout(20_000);

  it('counts a long prompt', async () => {
    expect(await start().count(body(TEXT.repeat(200)))).to.be.greaterThan(300_000);
  }).timeout(30_000);

  it('answers many at once, each with its own count', async () => {
    const counter = start();
    const counts = await Promise.all(Array.from({ length: 26 }, (_, n) => counter.count(body('word '.repeat(n * 10)))));
    expect(counts.toSorted((a, b) => (a ?? 0) - (b ?? 0))).to.deep.equal(counts);
    expect(new Set(counts).size).to.equal(26);
  }).timeout(20_000);

  it('approximates when the thread takes too long, and says so', async () => {
    const counter = start({ timeoutMs: 1 });
    const tokens = await counter.count(body(TEXT));
    expect(tokens).to.equal(estimateTokens({ model: 'm', messages: [{ role: 'user', content: TEXT }] }));
    expect(String(troubles[0])).to.include('too long');
  });

  it('approximates what is still asked when it stops, and everything after', async () => {
    const counter = start();
    const asked = counter.count(body('hello'));
    await counter.stop();
    expect(await asked).to.be.at.least(1);
    expect(await counter.count(body('hello'))).to.be.at.least(1);
    expect(await counter.count(Buffer.from('nonsense'))).to.equal(null);
  });

  it('lets its thread rest and starts another for the next question', async () => {
    let threads = 0;
    const count = (): number => threads++;
    process.on('worker', count);
    const counter = start({ idleMs: 1 });
    const first = await counter.count(body('hello'));
    await until(async () => {
      expect(await counter.count(body('hello'))).to.equal(first);
      return threads > 1;
    }, 15_000);
    process.off('worker', count);
    expect(troubles).to.deep.equal([]);
  }).timeout(20_000);
});
