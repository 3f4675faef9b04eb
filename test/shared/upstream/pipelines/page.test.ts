// docs/pipelines.md says what is so: its examples start, and its table lists the steps there are.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { loadConfig } from '#shared/config/load.ts';
import { createTargets } from '#shared/upstream/create-targets.ts';
import { describeSteps } from '#shared/upstream/pipelines/catalogue.ts';
import { createPipelines } from '#shared/upstream/pipelines/create-pipelines.ts';
import { readSource } from '../../../support/read-imports.ts';

const PAGE = readSource('docs/pipelines.md');

describe('docs/pipelines.md', () => {
  const examples = [...PAGE.matchAll(/^```toml\n([\s\S]*?)^```/gm)].map(([, toml = '']) => toml);
  let folder: string;
  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'cc-proxy-page-'));
  });
  after(() => rmSync(folder, { recursive: true, force: true }));

  it('has examples that the program takes as they stand', () => {
    expect(examples).to.have.length(2);
    for (const [index, toml] of examples.entries()) {
      const configPath = join(folder, `${index}.toml`);
      writeFileSync(configPath, toml);
      const config = loadConfig({ env: { HOME: folder, ACME_API_KEY: 'key' }, cwd: folder, configPath });
      const { models } = createTargets(config);
      expect(createPipelines(config).size).to.equal(Object.keys(config.pipelines).length).and.be.above(0);
      if (index > 0) continue;
      const shown = [...models.values()].map(({ name, pipeline, maxOutput }) => [name, pipeline?.name, maxOutput]);
      expect(shown).to.deep.equal([
        ['acme-large', 'tidy', 32_000],
        ['acme-plain', 'plain', 16_000],
      ]);
    }
  });

  it('lists every step, where it may stand and what it takes', () => {
    const rows = [...PAGE.matchAll(/^\| `([\w-]+)`(?:, )? \| ([^|]+) \| ([^|]+) \|/gm)].map(
      ([, name, where = '', params = '']) => ({
        name,
        isForAnswers: /response|the same/.test(where),
        params: [...params.matchAll(/`(\w+)`/g)].map(([, param]) => param),
      }),
    );
    const wanted = describeSteps().map(({ name, lists, params }) => ({
      name,
      isForAnswers: lists.includes('response'),
      params: params.map((param) => param.name),
    }));
    expect(rows).to.deep.equal(wanted);
  });
});
