// One name, one target: what pairs and settings call a target must never lead to two hosts.
import { expect } from 'chai';
import { ConfigError } from '#shared/errors.ts';
import { findTarget, type Targets } from '#shared/providers/target.ts';
import { createTargets } from '#shared/upstream/create-targets.ts';
import { testTarget, testTargets } from '../../support/comparator.ts';
import { testConfig } from '../../support/gateway.ts';

describe('names of targets', () => {
  const twin = (name: string, model: string | null) => ({
    'target.url': 'http://127.0.0.1:1',
    ...(model === null ? {} : { 'target.model': model }),
    'providers.p.base_url': 'http://127.0.0.1:2',
    [`models.${name}.provider`]: 'p',
  });

  it('refuses a forced target that is named like an entry of [models], also in compare.also', () => {
    for (const more of [{}, { 'compare.also': ['glm'] }]) {
      expect(() => createTargets(testConfig({ ...twin('glm', 'glm'), ...more })))
        .to.throw(ConfigError)
        .with.property('message')
        .that.matches(/target\.model = "glm".*\[models\.glm\].*rename/);
    }
  });

  it('refuses an entry named as a forced target without a model is', () => {
    expect(() => createTargets(testConfig(twin('target', null)))).to.throw(ConfigError, '[models.target]');
  });

  it('takes both under two names', () => {
    const targets = createTargets(testConfig(twin('other', 'glm')));
    expect(findTarget(targets, 'glm')?.baseUrl).to.equal('http://127.0.0.1:1');
    expect(findTarget(targets, 'other')?.baseUrl).to.equal('http://127.0.0.1:2');
    expect(findTarget(targets, 'nobody')).to.equal(undefined);
  });

  it('writes base URLs in their normal form', () => {
    const { forced } = createTargets(testConfig({ 'target.url': 'HTTP://Models.Example:80/team/../v1//' }));
    expect(forced?.baseUrl).to.equal('http://models.example/v1');
  });

  it('looks the forced one up first, as requests are routed', () => {
    const forced = testTarget('glm', 'http://forced.example');
    const targets: Targets = { ...testTargets([testTarget('glm', 'http://listed.example')]), forced };
    expect(findTarget(targets, 'glm')).to.equal(forced);
  });
});
