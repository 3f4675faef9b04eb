// Prose drifts: every path that the documentation names exists, every link leads somewhere, and every command it tells
// the reader to type is run by something.
import { existsSync, readdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { expect } from 'chai';
import { ROOT, readSource } from './support/read-imports.ts';

const DOCUMENTS = [
  ...['README.md', 'ARCHITECTURE.md', 'CONTRIBUTING.md', 'SECURITY.md', 'CHANGELOG.md', 'dashboards/README.md'],
  ...readdirSync(join(ROOT, 'docs'), { recursive: true, encoding: 'utf8' })
    .filter((path) => path.endsWith('.md'))
    .map((path) => `docs/${path}`),
];

/** First folders of the repository: what begins with one of them, in backticks or a code block, is meant as a path. */
const FOLDERS = ['services', 'test', 'docs', 'scripts', 'deploy', 'dashboards', 'helm'];
const PATH = new RegExp(`(?<![\\w./-])(?:\\./)?((?:${FOLDERS.join('|')})/[\\w./-]*|[\\w.-]+\\.(?:md|json|yml))`, 'g');

/** Paths that a document may name although a checkout lacks them: made at run time. */
const MADE_LATER = new Set(['node_modules/']);

/**
 * Each command of a code block, with the test that runs it or its like; a new command needs an entry, and a file that
 * exists. Arguments are compared word by word.
 */
const COMMANDS: Record<string, string> = {
  './scripts/demo': 'test/e2e/demo.test.ts',
  './scripts/start --target-url http://localhost:8000 --model glm-5-fp8': 'test/scripts/scripts.test.ts',
  'ANTHROPIC_BASE_URL=http://localhost:3080 claude --model glm-5-fp8': 'test/gateway/sdk.test.ts',
  'curl -X PUT http://localhost:3080/api/mode -H \'content-type: application/json\' -d \'{"mode":"compare"}\'':
    'test/gateway/modes.test.ts',
  'curl http://localhost:3082/api/pairs': 'test/console/api.test.ts',
  'curl http://localhost:3082/api/history': 'test/console/api.test.ts',
  'docker compose up -d --wait': 'test/compose/compose.test.ts',
  './scripts/test': '.ci/run',
};

function blocks(text: string): string[] {
  return [...text.matchAll(/^```sh\n([\s\S]*?)^```/gm)].flatMap((match) =>
    (match[1] ?? '')
      .split('\n')
      .map((line) => line.trim())
      .filter((line) => line !== '' && !line.startsWith('#')),
  );
}

describe('documentation', () => {
  for (const document of DOCUMENTS) {
    it(`${document} names only paths that exist`, () => {
      const quoted = [...readSource(document).matchAll(/`([^`\n]+)`|```[a-z]*\n([\s\S]*?)```/g)].map(
        (match) => match[1] ?? match[2] ?? '',
      );
      const paths = quoted.flatMap((text) => [...text.matchAll(PATH)].map((match) => match[1] ?? ''));
      const missing = paths.filter((path) => !MADE_LATER.has(path) && !existsSync(join(ROOT, path)));
      expect(missing.filter((path) => !existsSync(join(ROOT, dirname(document), path)))).to.deep.equal([]);
    });

    it(`${document} links only to what exists`, () => {
      const links = [...readSource(document).matchAll(/\]\(([^)#\s]+)(#[^)]*)?\)/g)].map((match) => match[1] ?? '');
      const local = links.filter((link) => !/^[a-z]+:/.test(link));
      expect(local.filter((link) => !existsSync(join(ROOT, dirname(document), link)))).to.deep.equal([]);
    });
  }

  it('README and CONTRIBUTING tell the reader only commands that something runs', () => {
    const told = ['README.md', 'CONTRIBUTING.md'].flatMap((document) => blocks(readSource(document)));
    expect(told.filter((command) => COMMANDS[command] === undefined)).to.deep.equal([]);
    expect(Object.keys(COMMANDS).filter((command) => !told.includes(command))).to.deep.equal([]);
    const runners = Object.values(COMMANDS).filter((path) => !existsSync(join(ROOT, path)));
    expect(runners).to.deep.equal([]);
  });

  it('CI runs exactly the test command that README names', () => {
    expect(readSource('README.md')).to.match(/```sh\n\.\/scripts\/test\n```/);
    const lines = readSource('.ci/run')
      .split('\n')
      .filter((line) => line !== '' && !line.startsWith('#') && !line.startsWith('set '));
    expect(lines).to.deep.equal([`exec "$(dirname "\${BASH_SOURCE[0]}")/../scripts/test"`]);
  });

  it('speaks of the project alone', () => {
    const elsewhere = /\/work\/|\/tmp\/brief|registry\.npmjs|issue #\d/i;
    expect(DOCUMENTS.filter((document) => elsewhere.test(readSource(document)))).to.deep.equal([]);
  });
});
