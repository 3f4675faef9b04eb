// The feature table against the tests: `npm run acceptance [-- --results FILE]`. A test shows the feature whose id begins
// its title. Prints every id with pass, fail, pending or missing; fails when something is neither shown nor listed as
// pending, or listed and shown.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import type { TestResult } from '../test/support/results-reporter.ts';
import { readResults, runMocha } from './run-mocha.ts';

const root = join(import.meta.dirname, '..');

export interface Feature {
  id: string;
  name: string;
  isReleased: boolean;
}

export type FeatureState = 'pass' | 'fail' | 'pending' | 'missing';

export interface Verdict {
  rows: Array<Feature & { state: FeatureState; tests: number }>;
  /** What has to be put right, in sentences. Empty = accepted. */
  complaints: string[];
}

/** Rows `| id, … | name | … | now or planned |`; a row counts by its first id. */
export function readFeatures(table: string): Feature[] {
  const rows = table.matchAll(/^\| ((?:S\d|C|M)-\d{2})[^|]*\| ([^|]+) \|.*\| (now|planned) \|$/gm);
  return [...rows].map(([, id = '', name = '', release]) => ({ id, name, isReleased: release === 'now' }));
}

export function readPending(list: string): string[] {
  return list
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '' && !line.startsWith('#'));
}

export function judge(features: Feature[], pending: string[], results: TestResult[]): Verdict {
  const complaints: string[] = [];
  const known = new Set(features.map(({ id }) => id));
  for (const id of pending) if (!known.has(id)) complaints.push(`${id} is pending, but no row of docs/features.md`);
  const byId = Map.groupBy(results, ({ title }) => /^((?:S\d|C|M)-\d{2})\b/.exec(title)?.[1] ?? '');
  byId.delete('');
  for (const id of byId.keys()) if (!known.has(id)) complaints.push(`a test is named for ${id}, which is no row's id`);
  const rows = features.map((feature) => {
    const tests = byId.get(feature.id) ?? [];
    const isPending = pending.includes(feature.id);
    const state = stateOf(tests, isPending);
    if (state === 'fail') complaints.push(`${feature.id} fails`);
    if (state === 'missing') complaints.push(`${feature.id} has no test that ran, and is not pending`);
    if (state === 'pass' && isPending) complaints.push(`${feature.id} passes: take it out of the pending list`);
    if (feature.isReleased === isPending) {
      complaints.push(
        `${feature.id} is "${feature.isReleased ? 'now' : 'planned'}" in docs/features.md, the pending list says otherwise`,
      );
    }
    return { ...feature, state, tests: tests.length };
  });
  return { rows, complaints };
}

function stateOf(tests: TestResult[], isPending: boolean): FeatureState {
  if (tests.some(({ state }) => state === 'failed')) return 'fail';
  if (tests.some(({ state }) => state === 'passed')) return 'pass';
  return isPending ? 'pending' : 'missing';
}

async function main(): Promise<void> {
  const { values } = parseArgs({ options: { results: { type: 'string' } } });
  const results = values.results ? readResults(values.results) : (await runMocha(root, [], 'stderr')).results;
  const features = readFeatures(readFileSync(join(root, 'docs/features.md'), 'utf8'));
  const pending = readPending(readFileSync(join(root, 'test/acceptance-pending.txt'), 'utf8'));
  const { rows, complaints } = judge(features, pending, results);
  for (const row of rows) console.log(`${row.id}  ${row.state.padEnd(8)} ${row.name}`);
  const count = (state: FeatureState) => rows.filter((row) => row.state === state).length;
  for (const complaint of complaints) console.log(`! ${complaint}`);
  console.log(`${count('pass')} pass, ${count('fail')} fail, ${count('pending')} pending, ${count('missing')} missing`);
  process.exitCode = complaints.length === 0 ? 0 : 1;
}

if (import.meta.main) await main();
