// Real clients × providers × scenes, one case after the other. Prints each verdict and a table; a whole run writes
// docs/evidence/clients.md. Ends with 0 only if nothing failed.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { errorMessage } from '#shared/errors.ts';
import type { Client } from './clients/client.ts';
import { allClients } from './clients/index.ts';
import { cell, count, writePage } from './clients/page.ts';
import { type Case, type CaseResult, runCase } from './clients/run-case.ts';
import { isSceneName, SCENE_NAMES } from './clients/scenes.ts';
import { usualUpstreams } from './clients/upstreams.ts';
import { formatTable } from './demo-report.ts';

const PAGE = join(import.meta.dirname, '../docs/evidence/clients.md');

/** @param only words of which each case must have all: a client's key or its beginning, a provider, a scene */
export function chooseCases(clients: Client[], providers: string[], only: string[]): Case[] {
  const cases = clients.flatMap((client) =>
    providers.flatMap((provider) =>
      SCENE_NAMES.filter((scene) => client.plays(scene)).map((scene): Case => ({ client, provider, scene })),
    ),
  );
  const groups = Map.groupBy(only, (word) => kindOf(word, clients, providers));
  return cases.filter(({ client, provider, scene }) =>
    [...groups].every(([kind, words]) => {
      if (kind === 'client') return words.some((word) => client.key.startsWith(word));
      return words.includes(kind === 'provider' ? provider : scene);
    }),
  );
}

/** @throws when it is none of them */
function kindOf(word: string, clients: Client[], providers: string[]): 'client' | 'provider' | 'scene' {
  if (isSceneName(word)) return 'scene';
  if (providers.includes(word)) return 'provider';
  if (clients.some(({ key }) => key.startsWith(word))) return 'client';
  const known = [...clients.map(({ key }) => key), ...providers, ...SCENE_NAMES];
  throw new Error(`--only ${word} is none of ${known.join(', ')}`);
}

async function runAll(cases: Case[]): Promise<CaseResult[]> {
  const results: CaseResult[] = [];
  for (const each of cases) {
    const result = await runCase(each);
    results.push(result);
    const place = `${each.client.name} | ${each.provider} | ${each.scene}`;
    console.log(`${place}: ${cell(result)} (${(result.tookMs / 1000).toFixed(1)} s)`);
    for (const reason of result.verdict.reasons) console.log(`    ${reason}`);
  }
  return results;
}

function table(results: CaseResult[]): string {
  const rows = results.map((result) => [result.client.name, result.provider, result.scene, cell(result)]);
  return formatTable([['client', 'provider', 'scene', 'verdict'], ...rows]).join('\n');
}

async function main(): Promise<void> {
  const { values } = parseArgs({ options: { only: { type: 'string', multiple: true, default: [] } } });
  const only = values.only.flatMap((words) => words.split(','));
  const cases = chooseCases(allClients(), usualUpstreams(), only);
  for (const client of new Set(cases.map((each) => each.client))) await client.prepare();
  const results = await runAll(cases);
  console.log(`\n${table(results)}\n\n${results.length} cases: ${count(results)}`);
  if (only.length === 0) {
    const date = new Date().toISOString().slice(0, 10);
    writeFileSync(PAGE, writePage({ command: 'scripts/try-clients', date, node: process.versions.node, results }));
    console.log(`written to ${PAGE}`);
  }
  const hasFailed = results.some(({ verdict }) => verdict.outcome === 'fail');
  // A client may leave timers behind; there is nothing to wait for.
  process.exit(hasFailed || results.length === 0 ? 1 : 0);
}

if (import.meta.main) {
  await main().catch((error: unknown) => {
    console.error(errorMessage(error));
    process.exit(2);
  });
}
