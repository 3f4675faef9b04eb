// One version everywhere, and the script that writes it.
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { expect } from 'chai';
import { isVersion, notesOf, readVersions, VERSION_PLACES, writeVersion } from '../../scripts/version-places.ts';
import { ROOT, readSource } from '../support/read-imports.ts';

const { version } = JSON.parse(readSource('package.json')) as { version: string };

describe('the version', () => {
  it('is the same in package, lock, image, compose file, chart and examples', () => {
    const found = readVersions(ROOT);
    expect(found.filter((place) => place.version !== version)).to.deep.equal([]);
    expect(found.filter(({ file }) => file === 'package-lock.json')).to.have.length(2);
    expect(found).to.have.length.above(VERSION_PLACES.length);
  });

  it('has something to say in the changelog, at its top', () => {
    const [, newest] = /^## (\S+)/m.exec(readSource('CHANGELOG.md')) ?? [];
    expect(newest).to.equal(version);
    expect(notesOf(readSource('CHANGELOG.md'), version)).to.be.a('string');
  });

  it('is written everywhere by one call, and nothing beside it', () => {
    const folder = mkdtempSync(join(tmpdir(), 'cc-proxy-version-'));
    try {
      const files = [...new Set(VERSION_PLACES.map(({ file }) => file))];
      for (const file of files) {
        mkdirSync(dirname(join(folder, file)), { recursive: true });
        cpSync(join(ROOT, file), join(folder, file));
      }
      expect(writeVersion(folder, '12.34.56-rc.1')).to.have.members(files);
      expect(new Set(readVersions(folder).map((place) => place.version))).to.deep.equal(new Set(['12.34.56-rc.1']));
      for (const file of files) {
        const back = readFileSync(join(folder, file), 'utf8').replaceAll('12.34.56-rc.1', version);
        expect(back, file).to.equal(readSource(file));
      }
      expect(writeVersion(folder, '12.34.56-rc.1')).to.deep.equal([]);
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });

  it('is three numbers, with a word behind them for what is not released', () => {
    for (const good of ['0.1.0', '10.20.30', '1.0.0-rc.1']) expect(isVersion(good), good).to.equal(true);
    for (const bad of ['', '1', '1.2', 'v1.2.3', '1.2.3 ', 'latest']) expect(isVersion(bad), bad).to.equal(false);
  });
});

describe('release notes', () => {
  const changelog =
    '# Changelog\n\nIntro.\n\n## 1.1.0 – today\n\n- New.\n\n### Do\n\nThat.\n\n## 1.0.0\n\n- Old.\n\n## 0.9.0\n';

  it('are the section of a version, whole and alone', () => {
    expect(notesOf(changelog, '1.1.0')).to.equal('- New.\n\n### Do\n\nThat.');
    expect(notesOf(changelog, '1.0.0')).to.equal('- Old.');
  });

  it('are missing where the changelog says nothing', () => {
    for (const absent of ['0.9.0', '1.1', '1.1.1', '']) expect(notesOf(changelog, absent), absent).to.equal(null);
  });
});
