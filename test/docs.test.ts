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

/** Each command of a code block, with the test that runs it or its like; a new command needs an entry. */
const COMMANDS: Record<string, string> = {
  './scripts/demo': 'test/e2e/demo.test.ts',
  './scripts/start --target-url http://localhost:8000 --model glm-5-fp8': 'test/scripts/scripts.test.ts',
  'ANTHROPIC_BASE_URL=http://localhost:3080 claude --model glm-5-fp8': 'test/cli/start.test.ts',
  'curl -X PUT http://localhost:3080/api/mode -H \'content-type: application/json\' -d \'{"mode":"compare"}\'':
    'test/gateway/modes.test.ts',
  'curl http://localhost:3082/api/pairs': 'test/console/api.test.ts',
  'curl http://localhost:3082/api/history': 'test/console/api.test.ts',
  './scripts/test': '.ci/run',
};

/** What only a machine with Docker can run: the test reads what the command reads. */
const NEEDS_DOCKER: Record<string, string> = { 'docker compose up -d --wait': 'docker-compose.yml' };
const COMPOSE_TEST = 'test/compose/compose.test.ts';

/** The words by which a test shows that it does what the command does: for curl method and path, else all of them. */
function wordsOf(command: string): string[] {
  const words = command.split(/\s+/).filter((word) => !/^[A-Z_]+=/.test(word));
  if (words[0] !== 'curl') return words.map((word) => word.replace(/^\.\//, ''));
  const method = /-X (\w+)/.exec(command)?.[1];
  const path = new URL(words.find((word) => word.startsWith('http')) ?? '').pathname;
  return method ? [method, path] : [path];
}

function mentions(text: string, word: string): boolean {
  const escaped = word.replace(/[^\w-]/g, '\\$&');
  return new RegExp(`(?<![\\w-])${escaped}(?![\\w-])`).test(text);
}

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
    expect([...new Set(told)]).to.have.members([...Object.keys(COMMANDS), ...Object.keys(NEEDS_DOCKER)]);
    for (const [command, test] of Object.entries(COMMANDS)) {
      const text = readSource(test);
      expect(
        wordsOf(command).filter((word) => !mentions(text, word)),
        `${test} shows nothing of: ${command}`,
      ).to.deep.equal([]);
    }
    for (const file of Object.values(NEEDS_DOCKER)) expect(mentions(readSource(COMPOSE_TEST), file)).to.equal(true);
  });

  it('a command is not taken as run by a test that says something else', () => {
    const text = "send('/api/pairs/x-y'); run('scripts/demonstrate', '--model-file')";
    expect(wordsOf('curl -X PUT http://localhost:1/api/mode -d {}')).to.deep.equal(['PUT', '/api/mode']);
    expect(['scripts/demo', '--model', '/api/mode'].filter((word) => mentions(text, word))).to.deep.equal([]);
    expect(mentions(text, '/api/pairs')).to.equal(true);
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
