import { readFileSync } from 'node:fs';
import { expect } from 'chai';
import { configurationPage } from '../../../scripts/write-configuration.ts';

describe('docs/configuration.md', () => {
  it('lists every setting as the schemas have it', () => {
    const page = readFileSync(new URL('../../../docs/configuration.md', import.meta.url), 'utf8');
    expect(page, 'run node --conditions=source scripts/write-configuration.ts').to.equal(configurationPage());
  });
});
