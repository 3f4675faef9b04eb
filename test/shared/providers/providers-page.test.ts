import { readFileSync } from 'node:fs';
import { expect } from 'chai';
import { PROVIDERS } from '#shared/providers/index.ts';
import { providersPage } from '../../../scripts/write-providers.ts';

describe('docs/providers.md', () => {
  it('says of every provider what it carries, approximates and refuses', () => {
    const page = readFileSync(new URL('../../../docs/providers.md', import.meta.url), 'utf8');
    expect(page, 'run node --conditions=source scripts/write-providers.ts').to.equal(providersPage());
    for (const { type, capabilities } of PROVIDERS) {
      expect(
        capabilities.map(({ feature }) => feature),
        type,
      ).to.include.members(['tools', 'images', 'thinking']);
    }
  });
});
