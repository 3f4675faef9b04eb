// Published figures of current models, in tokens: how much they take in and how much they give. What a vendor does not
// publish, or hosts do not agree on, is null. Data only; registry.ts looks names up.

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
  row(256_000, null, 'grok-4'),
  row(2 * M, 30_000, 'grok-4-fast', 'grok-4.1-fast'),
  row(131_072, 98_304, 'glm-4.5', 'glm-4.5-air'),
  row(200_000, 131_072, 'glm-4.6', 'glm-4.7', 'glm-5', 'glm-5.1'),
  row(M, 131_072, 'glm-5.2'),
  row(204_800, 131_072, 'minimax-m2', 'minimax-m2.1', 'minimax-m2.5'),
  row(262_144, null, 'kimi-k2-0905-preview', 'kimi-k2-turbo-preview', 'kimi-k2-thinking', 'kimi-k2.5', 'kimi-k2.6'),
  row(131_072, null, 'kimi-k2-0711-preview'),
  row(M, 65_536, 'qwen3-coder-plus', 'qwen3-coder-flash'),
  row(262_144, 65_536, 'qwen3-max'),
];

export const KNOWN_MODELS: readonly KnownModels[] = [...CLAUDE, ...OPENAI, ...OTHERS];
