// Published list prices in USD per million tokens, without discounts for batches and without surcharges for speed. A
// model whose price depends on the length of the prompt has its price up to that length; beyond it none. Data only.
//
// Grok, MiniMax, Kimi and Qwen were checked on 2026-11-26 by tables that cite the vendors' own pages
// (https://github.com/pydantic/genai-prices 0.2.3, LiteLLM's model map of 2026-10-25); what they do not agree on is left
// out: https://docs.x.ai/developers/models, https://platform.minimax.io/docs/pricing/overview,
// https://platform.kimi.ai/docs/pricing/chat, https://www.alibabacloud.com/help/en/model-studio/models (international).
import type { Prices } from './price.ts';

interface KnownPrices {
  readonly names: readonly string[];
  readonly prices: Prices;
}

/** Claude: reading the cache costs a tenth of input, writing it a quarter more, for an hour twice as much. */
function claude(input: number, output: number, ...names: string[]): KnownPrices {
  const prices = { input, output, cacheRead: input / 10, cacheWrite: input * 1.25, cacheWriteHour: input * 2 };
  return { names, prices: { ...prices, upToPromptTokens: null } };
}

/** Others charge nothing for writing their cache beyond the input itself. */
function other(input: number, cacheRead: number | null, output: number, ...names: string[]): KnownPrices {
  return {
    names,
    prices: { input, output, cacheRead, cacheWrite: null, cacheWriteHour: null, upToPromptTokens: null },
  };
}

/** A fixed price for writing the cache, whatever the input costs. */
function writing(cacheWrite: number | null, cacheWriteHour: number | null, known: KnownPrices): KnownPrices {
  return { ...known, prices: { ...known.prices, cacheWrite, cacheWriteHour } };
}

function upTo(tokens: number, known: KnownPrices): KnownPrices {
  return { ...known, prices: { ...known.prices, upToPromptTokens: tokens } };
}

export const KNOWN_PRICES: readonly KnownPrices[] = [
  claude(10, 50, 'claude-fable-5', 'claude-fable-5-1'),
  claude(4, 20, 'claude-opus-5-5'),
  claude(5, 25, 'claude-opus-5', 'claude-opus-4-8', 'claude-opus-4-7', 'claude-opus-4-6', 'claude-opus-4-5'),
  claude(15, 75, 'claude-opus-4-1', 'claude-opus-4', 'claude-3-opus'),
  claude(2, 10, 'claude-sonnet-5', 'claude-sonnet-5-5'),
  upTo(200_000, claude(3, 15, 'claude-sonnet-4-6', 'claude-sonnet-4-5', 'claude-sonnet-4')),
  claude(3, 15, 'claude-3-7-sonnet', 'claude-3-5-sonnet'),
  claude(1, 5, 'claude-haiku-4-5'),
  claude(0.8, 4, 'claude-3-5-haiku'),
  other(1.25, 0.125, 10, 'gpt-5', 'gpt-5-codex', 'gpt-5-chat', 'gpt-5.1', 'gpt-5.1-codex', 'gpt-5.1-codex-max'),
  other(0.25, 0.025, 2, 'gpt-5-mini', 'gpt-5.1-codex-mini'),
  other(0.05, 0.005, 0.4, 'gpt-5-nano'),
  other(1.75, 0.175, 14, 'gpt-5.2', 'gpt-5.2-codex'),
  upTo(272_000, other(2.5, 0.25, 15, 'gpt-5.4')),
  other(2, 0.5, 8, 'gpt-4.1', 'o3'),
  other(0.4, 0.1, 1.6, 'gpt-4.1-mini'),
  other(0.1, 0.025, 0.4, 'gpt-4.1-nano'),
  other(2.5, 1.25, 10, 'gpt-4o'),
  other(0.15, 0.075, 0.6, 'gpt-4o-mini'),
  other(1.1, 0.275, 4.4, 'o4-mini'),
  upTo(200_000, other(1.25, 0.125, 10, 'gemini-2.5-pro')),
  other(0.3, 0.03, 2.5, 'gemini-2.5-flash'),
  other(0.1, 0.01, 0.4, 'gemini-2.5-flash-lite'),
  other(0.2, 0.02, 1.5, 'grok-code-fast-1'),
  upTo(199_999, other(1.25, 0.2, 2.5, 'grok-4.3', 'grok-4.20', 'grok-4.20-reasoning', 'grok-4.20-non-reasoning')),
  upTo(199_999, other(2, 0.3, 6, 'grok-4.5')),
  upTo(199_999, other(2, 0.5, 6, 'grok-4.6', 'grok-4.7')),
  upTo(199_999, other(1, 0.2, 2, 'grok-build-0.1')),
  writing(0.375, null, other(0.3, 0.03, 1.2, 'minimax-m2', 'minimax-m2.1', 'minimax-m2.5')),
  writing(0.375, null, other(0.6, 0.03, 2.4, 'minimax-m2.1-highspeed', 'minimax-m2.5-highspeed')),
  writing(0.375, null, other(0.3, 0.06, 1.2, 'minimax-m2.7')),
  writing(0.375, null, other(0.6, 0.06, 2.4, 'minimax-m2.7-highspeed')),
  upTo(512_000, other(0.3, 0.06, 1.2, 'minimax-m3')),
  other(0.6, 0.15, 2.5, 'kimi-k2-0711-preview', 'kimi-k2-0905-preview', 'kimi-k2-thinking'),
  other(1.15, 0.15, 8, 'kimi-k2-turbo-preview', 'kimi-k2-thinking-turbo'),
  other(0.6, 0.1, 3, 'kimi-k2.5'),
  other(0.95, 0.16, 4, 'kimi-k2.6'),
  other(0.95, 0.19, 4, 'kimi-k2.7-code'),
  other(1.9, 0.38, 8, 'kimi-k2.7-code-highspeed'),
  writing(null, 6, other(3, 0.3, 15, 'kimi-k3')),
  writing(null, 4, other(2, 0.2, 10, 'kimi-k3.1-pro')),
  writing(null, 8, other(4, 0.2, 20, 'kimi-k3.1-pro-highspeed')),
  upTo(32_000, other(1.2, 0.24, 6, 'qwen3-max')),
  upTo(32_000, other(1, null, 5, 'qwen3-coder-plus')),
  upTo(256_000, other(0.4, null, 2.4, 'qwen3.5-plus')),
  upTo(256_000, other(0.4, 0.08, 1.6, 'qwen3.7-plus')),
  other(2, 0.25, 6, 'qwen3.8-max'),
  other(0.15, 0.016, 0.47, 'qwen3.8-flash'),
];
