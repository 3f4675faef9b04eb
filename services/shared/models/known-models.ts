// Published figures of current models, in tokens: how much they take in and how much they give. What a vendor does not
// publish, or hosts do not agree on, is null. Data only; registry.ts looks names up.
//
// Grok, MiniMax, Kimi and Qwen were checked on 2026-11-26 by tables that cite the vendors' own pages
// (https://github.com/pydantic/genai-prices 0.2.3, LiteLLM's model map of 2026-10-25): https://docs.x.ai/developers/models,
// https://platform.minimax.io/docs/pricing/overview, https://platform.kimi.ai/docs/models and
// https://www.alibabacloud.com/help/en/model-studio/models. xAI retired the models before grok-4.20 on 2026-05-15.

export interface KnownModels {
  readonly names: readonly string[];
  readonly contextWindow: number | null;
  readonly maxOutput: number | null;
}

const row = (contextWindow: number | null, maxOutput: number | null, ...names: string[]): KnownModels => ({
  names,
  contextWindow,
  maxOutput,
});

const M = 1_000_000;
const MIB = 1_048_576;

const CLAUDE = [
  row(M, 128_000, 'claude-fable-5', 'claude-fable-5-1', 'claude-fable-5-2'),
  row(M, 128_000, 'claude-opus-5', 'claude-opus-5-5', 'claude-sonnet-5', 'claude-sonnet-5-5', 'claude-haiku-5-5'),
  row(M, 128_000, 'claude-opus-4-6', 'claude-opus-4-7', 'claude-opus-4-8', 'claude-sonnet-4-6'),
  row(200_000, 64_000, 'claude-opus-4-5', 'claude-sonnet-4-5', 'claude-haiku-4-5', 'claude-sonnet-4'),
  row(200_000, 32_000, 'claude-opus-4-1', 'claude-opus-4'),
  row(200_000, 64_000, 'claude-3-7-sonnet'),
  row(200_000, 8192, 'claude-3-5-sonnet', 'claude-3-5-haiku'),
  row(200_000, 4096, 'claude-3-opus', 'claude-3-sonnet', 'claude-3-haiku'),
];

const OPENAI = [
  row(1_050_000, 128_000, 'gpt-5.4', 'gpt-5.4-pro', 'gpt-5.5', 'gpt-5.5-pro'),
  row(400_000, 128_000, 'gpt-5.4-mini', 'gpt-5.4-nano', 'gpt-5.3-codex'),
  row(400_000, 128_000, 'gpt-5.2', 'gpt-5.2-codex', 'gpt-5.2-pro'),
  row(400_000, 128_000, 'gpt-5.1', 'gpt-5.1-codex', 'gpt-5.1-codex-max', 'gpt-5.1-codex-mini'),
  row(400_000, 128_000, 'gpt-5', 'gpt-5-mini', 'gpt-5-nano', 'gpt-5-codex'),
  row(400_000, 272_000, 'gpt-5-pro'),
  row(128_000, 16_384, 'gpt-5-chat', 'gpt-5.1-chat', 'gpt-5.2-chat', 'gpt-5.3-chat'),
  row(1_047_576, 32_768, 'gpt-4.1', 'gpt-4.1-mini', 'gpt-4.1-nano'),
  row(128_000, 16_384, 'gpt-4o', 'gpt-4o-mini'),
  row(131_072, 131_072, 'gpt-oss-120b', 'gpt-oss-20b'),
  row(200_000, 100_000, 'o1', 'o1-pro', 'o3', 'o3-pro', 'o3-mini', 'codex-mini'),
  row(128_000, 100_000, 'o4-mini'),
];

const OTHERS = [
  row(MIB, 65_536, 'gemini-3-pro-preview', 'gemini-3.1-pro-preview', 'gemini-3-flash-preview'),
  row(MIB, 65_536, 'gemini-2.5-pro', 'gemini-2.5-flash', 'gemini-2.5-flash-lite'),
  row(MIB, 8192, 'gemini-2.0-flash', 'gemini-2.0-flash-lite'),
  row(163_840, 65_536, 'deepseek-reasoner'),
  row(163_840, 8192, 'deepseek-chat'),
  row(256_000, 10_000, 'grok-code-fast-1'),
  row(256_000, null, 'grok-4', 'grok-4-0709', 'grok-build-0.1'),
  row(2 * M, 30_000, 'grok-4-fast', 'grok-4-fast-reasoning', 'grok-4-fast-non-reasoning'),
  row(2 * M, 30_000, 'grok-4.1-fast', 'grok-4-1-fast', 'grok-4-1-fast-reasoning', 'grok-4-1-fast-non-reasoning'),
  row(M, null, 'grok-4.20', 'grok-4.20-reasoning', 'grok-4.20-non-reasoning', 'grok-4.3'),
  row(500_000, null, 'grok-4.5', 'grok-4.6', 'grok-4.7'),
  row(131_072, 98_304, 'glm-4.5', 'glm-4.5-air'),
  row(200_000, 131_072, 'glm-4.6', 'glm-4.7', 'glm-5', 'glm-5.1'),
  row(M, 131_072, 'glm-5.2'),
  row(204_800, 131_072, 'minimax-m2', 'minimax-m2.1', 'minimax-m2.5', 'minimax-m2.7'),
  row(204_800, 131_072, 'minimax-m2.1-highspeed', 'minimax-m2.5-highspeed', 'minimax-m2.7-highspeed'),
  row(M, null, 'minimax-m3', 'minimax-m3.1-flash'),
  row(262_144, null, 'kimi-k2-0905-preview', 'kimi-k2-turbo-preview', 'kimi-k2-thinking', 'kimi-k2-thinking-turbo'),
  row(262_144, null, 'kimi-k2.5', 'kimi-k2.6', 'kimi-k2.7-code', 'kimi-k2.7-code-highspeed'),
  row(MIB, null, 'kimi-k3', 'kimi-k3.1-pro', 'kimi-k3.1-pro-highspeed'),
  row(131_072, null, 'kimi-k2-0711-preview'),
  row(M, 65_536, 'qwen3-coder-plus', 'qwen3-coder-flash', 'qwen3.5-plus', 'qwen3.7-plus', 'qwen3.7-max'),
  row(M, 131_072, 'qwen3.8-max', 'qwen3.8-flash'),
  row(262_144, 65_536, 'qwen3-max'),
];

export const KNOWN_MODELS: readonly KnownModels[] = [...CLAUDE, ...OPENAI, ...OTHERS];
