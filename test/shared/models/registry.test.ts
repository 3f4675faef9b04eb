import { expect } from 'chai';
import { modelSpellings } from '#shared/models/model-name.ts';
import { findModelLimits } from '#shared/models/registry.ts';
import { createTargets } from '#shared/upstream/create-targets.ts';
import { limitsOf } from '#shared/upstream/limit-request.ts';
import { testConfig } from '../../support/gateway.ts';

const FIXTURE: ReadonlyArray<readonly [string, number, number]> = [
  ['o3', 200_000, 100_000],
  ['o4-mini', 128_000, 100_000],
  ['gpt-5', 400_000, 128_000],
  ['gpt-5-mini', 400_000, 128_000],
  ['deepseek-reasoner', 163_840, 65_536],
  ['deepseek-chat', 163_840, 8192],
  ['grok-code-fast-1', 256_000, 10_000],
];

/** Whose output vendors do not publish. */
const WINDOWS: ReadonlyArray<readonly [string, number]> = [
  ['grok-4.3', 1_000_000],
  ['x-ai/grok-4.7', 500_000],
  ['kimi-k3', 1_048_576],
  ['kimi-k2.7-code', 262_144],
  ['MiniMax-M3', 1_000_000],
];

describe('model limits', () => {
  it('S4-04 has the published figures, never a window in the place of an output', () => {
    for (const [model, contextWindow, maxOutput] of FIXTURE) {
      expect(findModelLimits(model), model).to.deep.equal({ contextWindow, maxOutput });
    }
  });

  it('S4-04 knows windows of models that do not say how much they give', () => {
    for (const [model, contextWindow] of WINDOWS) {
      expect(findModelLimits(model), model).to.deep.equal({ contextWindow, maxOutput: null });
    }
  });

  it('S4-04 knows dated names, vendors’ prefixes and other spellings of the same model', () => {
    for (const [same, model] of [
      ['o3-2025-04-16', 'o3'],
      ['o4-mini-2025-04-16', 'o4-mini'],
      ['gpt-5-2025-08-07', 'gpt-5'],
      ['gpt-5-mini-2025-08-07', 'gpt-5-mini'],
      ['openai/gpt-5', 'gpt-5'],
      ['x-ai/grok-code-fast-1', 'grok-code-fast-1'],
      ['deepseek/deepseek-chat:free', 'deepseek-chat'],
      ['claude-opus-4-1-20250805', 'claude-opus-4-1'],
      ['anthropic/claude-opus-4.1', 'claude-opus-4-1'],
      ['us.anthropic.claude-opus-4-1-20250805-v1:0', 'claude-opus-4-1'],
      ['claude-opus-4-1@20250805', 'claude-opus-4-1'],
      ['claude-sonnet-4-5[1m]', 'claude-sonnet-4-5'],
      ['GLM-4.6', 'glm-4.6'],
    ] as const) {
      expect(findModelLimits(model).maxOutput, model).to.be.a('number');
      expect(findModelLimits(same), same).to.deep.equal(findModelLimits(model));
    }
  });

  it('S4-04 says nothing of a model it does not know, nor of one with a similar name', () => {
    for (const model of ['nonsense-1', 'o3-imitation', 'gpt-5-ultra', 'glm-5-fp8', '', 'my/gpt']) {
      expect(findModelLimits(model), model).to.deep.equal({ contextWindow: null, maxOutput: null });
    }
  });

  it('S4-04 [models] comes before it, key by key', () => {
    const { models } = createTargets(
      testConfig({
        'providers.p.base_url': 'http://127.0.0.1:1',
        'models.mine.provider': 'p',
        'models.mine.upstream_name': 'gpt-5',
        'models.mine.max_output': 4000,
        'models.o3.provider': 'p',
        'models.other.provider': 'p',
      }),
    );
    const limits = [...models.values()].map((target) => limitsOf(target, 'claude-opus-4-1'));
    expect(limits).to.deep.equal([
      { contextWindow: 400_000, maxOutput: 4000 },
      { contextWindow: 200_000, maxOutput: 100_000 },
      { contextWindow: null, maxOutput: null },
    ]);
  });

  it('looks a target that takes any name up by the client’s', () => {
    const { forced } = createTargets(testConfig({ 'target.url': 'http://127.0.0.1:1' }));
    if (!forced) throw new Error('no target');
    expect(limitsOf(forced, 'gpt-5-2025-08-07')).to.deep.equal({ contextWindow: 400_000, maxOutput: 128_000 });
  });

  it('tries the name as it is before the one without its date', () => {
    expect(modelSpellings('kimi-k2-2025-09-05')).to.deep.equal(['kimi-k2-2025-09-05', 'kimi-k2']);
    expect(modelSpellings('kimi-k2')).to.deep.equal(['kimi-k2']);
  });
});
