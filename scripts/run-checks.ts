// The whole check, run by scripts/test: lint and types side by side, then all tests. Ends with one line of counts.
// Under CI a skipped Redis or PostgreSQL test is a failure: there a missing server must not turn into a pass.
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import type { TestResult } from '../test/support/results-reporter.ts';
import { runMocha } from './run-mocha.ts';

const root = join(import.meta.dirname, '..');
const isCi = process.env.CI === 'true';

interface Check {
  name: string;
  passed: boolean;
}

async function check(name: string, args: string[]): Promise<Check> {
  const startedMs = Date.now();
  const { code, output } = await capture(args);
  const seconds = ((Date.now() - startedMs) / 1000).toFixed(1);
  if (code === 0) console.log(`${name}: passed (${seconds} s)`);
  else console.log(`${name}: FAILED (${seconds} s)\n${output}`);
  return { name, passed: code === 0 };
}

function capture(args: string[]): Promise<{ code: number; output: string }> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, args, { cwd: root, stdio: ['ignore', 'pipe', 'pipe'] });
    const chunks: Buffer[] = [];
    child.stdout.on('data', (chunk: Buffer) => chunks.push(chunk));
    child.stderr.on('data', (chunk: Buffer) => chunks.push(chunk));
    child.on('error', reject);
    child.on('close', (code) => resolve({ code: code ?? 1, output: Buffer.concat(chunks).toString('utf8') }));
  });
}

function needsServer(test: TestResult): boolean {
  return /redis|postgres/i.test(`${test.file.slice(root.length)} ${test.fullTitle}`);
}

const checks = await Promise.all([
  check('lint', [join(root, 'node_modules/@biomejs/biome/bin/biome'), 'check', '.']),
  check('types', [join(root, 'node_modules/typescript/bin/tsc'), '-p', 'tsconfig.json']),
]);
const { results, exitCode } = await runMocha(root, process.argv.slice(2), 'inherit');

const passed = results.filter((test) => test.state === 'passed').length;
const skipped = results.filter((test) => test.state === 'skipped');
const refusedSkips = isCi ? skipped.filter(needsServer) : [];
const failures = [
  ...checks.filter((each) => !each.passed).map((each) => `${each.name} (output above)`),
  ...results.filter((test) => test.state === 'failed').map((test) => test.fullTitle),
  ...refusedSkips.map((test) => `skipped, which CI does not allow: ${test.fullTitle}`),
];
if (exitCode !== 0 && !results.some((test) => test.state === 'failed')) {
  failures.push(`mocha ended with exit code ${exitCode} without a failed test (output above)`);
}
if (results.length === 0) failures.push('no test ran');
for (const test of skipped.filter((each) => !refusedSkips.includes(each))) console.log(`skipped: ${test.fullTitle}`);
for (const failure of failures) console.log(`failed: ${failure}`);
console.log(`${passed} passed, ${failures.length} failed, ${skipped.length - refusedSkips.length} skipped`);
process.exitCode = failures.length === 0 ? 0 : 1;
