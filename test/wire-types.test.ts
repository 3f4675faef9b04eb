// The second oracle of what is sent: every request the fixtures expect must be one by the vendors' own types. The compiler
// reads the expectations as literals, so that a field it does not know is an error too.
import { execFile } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect } from 'chai';

const ROOT = join(import.meta.dirname, '..');
const FIXTURES = join(ROOT, 'test/fixtures');

/** Which type of test/support/wire-types.ts a protocol's requests are. Ollama publishes none. */
const TYPES: Record<string, string> = {
  openai: 'ChatRequest',
  azure: 'ChatRequest',
  'openai-chat': 'OpenChatRequest',
  openrouter: 'OpenChatRequest',
  'openai-responses': 'ResponsesRequest',
  gemini: 'GeminiRequest',
  anthropic: 'MessagesRequestBody',
};

/** What the vendors' types do not know although their servers take it, by fixture. */
const NOT_IN_TYPES = new Set(['anthropic/unknown-fields']);

interface Expectation {
  scenario: string;
  name: string;
  type: string;
  body: unknown;
}

function expectations(): Expectation[] {
  return Object.entries(TYPES).flatMap(([provider, type]) =>
    readdirSync(join(FIXTURES, provider, 'requests')).flatMap((file) => {
      const groups = JSON.parse(readFileSync(join(FIXTURES, provider, 'requests', file), 'utf8')) as Array<{
        for: string[];
        body?: unknown;
      }>;
      const scenario = `${provider}/${file.replace('.json', '')}`;
      return groups.flatMap(({ for: servers, body }) =>
        body === undefined ? [] : [{ scenario, name: `${scenario} (${servers.join(', ')})`, type, body }],
      );
    }),
  );
}

/** What the compiler says of bodies of a type. */
async function compile(list: ReadonlyArray<Omit<Expectation, 'scenario'>>): Promise<string> {
  const cache = join(ROOT, '.cache');
  mkdirSync(cache, { recursive: true });
  const folder = mkdtempSync(join(cache, 'wire-types-'));
  try {
    const file = join(folder, 'requests.ts');
    const types = [...new Set(list.map(({ type }) => type))];
    const lines = list.map(
      ({ name, type, body }, index) => `export const r${index} = ${JSON.stringify(body)} satisfies ${type}; // ${name}`,
    );
    const from = join(ROOT, 'test/support/wire-types.ts');
    writeFileSync(file, [`import type { ${types.join(', ')} } from '${from}';`, ...lines].join('\n'));
    return await runCompiler(file, list);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

async function runCompiler(file: string, list: ReadonlyArray<{ name: string }>): Promise<string> {
  const options = ['--noEmit', '--strict', '--skipLibCheck', '--exactOptionalPropertyTypes', '--pretty', 'false'];
  const modules = ['--module', 'nodenext', '--target', 'es2024', '--allowImportingTsExtensions', '--types', 'node'];
  const tsc = join(ROOT, 'node_modules/typescript/bin/tsc');
  try {
    await promisify(execFile)(process.execPath, [tsc, '--ignoreConfig', ...options, ...modules, file], { cwd: ROOT });
    return '';
  } catch (error) {
    const { stdout } = error as { stdout?: string };
    if (!stdout) throw error;
    // The line is the request's place in the list, after the import.
    return stdout.replace(/^.*requests\.ts\((\d+),\d+\)/gm, (_, line: string) => list[Number(line) - 2]?.name ?? '');
  }
}

describe("the vendors' own types", () => {
  it('are those of every request that the fixtures expect', async () => {
    const list = expectations().filter(({ scenario }) => !NOT_IN_TYPES.has(scenario));
    expect(list.length).to.be.above(200);
    expect(await compile(list)).to.equal('');
  }).timeout(60_000);

  it('refuse what they do not know', async () => {
    const chat = { model: 'm', stream: true, messages: [{ role: 'user', content: 'Hi' }] };
    const said = await compile([
      { name: 'unknown-field', type: 'ChatRequest', body: { ...chat, stop_sequences: ['a'] } },
      { name: 'wrong-role', type: 'ChatRequest', body: { ...chat, messages: [{ role: 'human', content: 'Hi' }] } },
      { name: 'wrong-item', type: 'ResponsesRequest', body: { model: 'm', stream: true, input: [{ type: 'x' }] } },
      { name: 'wrong-part', type: 'GeminiRequest', body: { contents: [{ parts: [{ inlineText: 'a' }] }] } },
      { name: 'good', type: 'ChatRequest', body: chat },
    ]);
    for (const name of ['unknown-field', 'wrong-role', 'wrong-item', 'wrong-part']) expect(said).to.include(`${name}:`);
    expect(said).not.to.include('good:');
  }).timeout(60_000);
});
