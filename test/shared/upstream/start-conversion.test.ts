// A request for a search whose long texts stay where they stand, converted.
import { expect } from 'chai';
import { parseBesideTexts } from '#shared/messages/long-texts.ts';
import { NO_OUTLINE, scanTopLevel } from '#shared/messages/scan-top-level.ts';
import { findProvider } from '#shared/providers/index.ts';
import { createTraitMemory } from '#shared/upstream/learned-traits.ts';
import type { SearchPolicy } from '#shared/upstream/search-backend.ts';
import { type Conversion, startConversion } from '#shared/upstream/start-conversion.ts';
import type { MessagesRequest } from '#shared/wire/anthropic.ts';
import { testTarget } from '../../support/target.ts';

const WORDS = 'What did the Bureau of Meteorology say about Perth today? '.repeat(200);
const POLICY: SearchPolicy = {
  usesProviders: false,
  maxUses: 5,
  remedy: '',
  backend: { name: 'test', search: async () => ({ kind: 'found', pages: [] }) },
};

function convert(content: string, isBeside: boolean): Conversion {
  const request: MessagesRequest = {
    model: 'claude-x',
    max_tokens: 100,
    messages: [{ role: 'user', content }],
    tools: [{ type: 'web_search_20250305', name: 'web_search' }],
  };
  const bytes = Buffer.from(JSON.stringify(request));
  const watch = { prefix: Buffer.from('none'), isSeen: false, outline: NO_OUTLINE };
  const messages = scanTopLevel(bytes, 512, new Set(), watch).get('messages');
  const read = isBeside && messages ? parseBesideTexts(bytes, [messages]) : null;
  const target = testTarget({ type: 'openai-chat' });
  const provider = findProvider(target);
  if (provider === null) throw new Error('nobody converts');
  return startConversion(read?.request ?? request, {
    ...{ provider, target, sessionId: null, anthropicVersion: null, search: POLICY },
    ...{ inputTokens: 1, learned: createTraitMemory({ nowMs: () => 0 }) },
    ...(read?.texts ? { texts: read.texts } : {}),
  });
}

const sentBy = ({ upstream }: Conversion): string => Buffer.concat([upstream.body ?? []].flat()).toString();

describe('a request for a search beside its long texts', () => {
  for (const [what, content] of [
    ['text', WORDS],
    ['text after much white space', ' '.repeat(1270) + WORDS],
    ['few words before much white space', `Perth today${' '.repeat(5000)}`],
    ['text after lines of white space', '\n'.repeat(500) + WORDS],
  ] as const)
    it(`seeks what the whole request seeks, and sends it: ${what}`, () => {
      const [beside, whole] = [convert(content, true), convert(content, false)];
      expect(beside.sought).to.equal(whole.sought).and.equal(content.trim().slice(0, 400));
      expect(sentBy(beside)).to.equal(sentBy(whole));
    });

  it('is estimated with its long texts in later rounds too', () => {
    const turn = { content: [], results: [], maxTokens: 50, isOver: false };
    const [beside, whole] = [convert(WORDS, true), convert(WORDS, false)].map((one) => one.goOn(turn));
    const [estimate = 0, exact = 1] = [beside?.memory.inputTokens, whole?.memory.inputTokens];
    expect(estimate / exact).to.be.within(0.85, 1.15);
    expect(beside && sentBy(beside)).to.equal(whole && sentBy(whole));
  });
});
