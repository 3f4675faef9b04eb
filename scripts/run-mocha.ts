// Runs the test suite in a process of its own and returns what each test did.
import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestResult } from '../test/support/results-reporter.ts';

export interface MochaRun {
  results: TestResult[];
  /** Mocha's own word; not 0 also when a test file could not be loaded or a test kept the process alive. */
  exitCode: number;
}

/**
 * @param args files or options for mocha; none = every test
 * @param output where mocha's own output goes: 'inherit' shows it, 'stderr' keeps stdout free
 */
export async function runMocha(root: string, args: string[], output: 'inherit' | 'stderr'): Promise<MochaRun> {
  const folder = mkdtempSync(join(tmpdir(), 'cc-proxy-results-'));
  const file = join(folder, 'results.json');
  try {
    const exitCode = await run(
      root,
      [
        join(root, 'node_modules/mocha/bin/mocha.js'),
        '--reporter',
        join(root, 'test/support/results-reporter.ts'),
        '--reporter-option',
        `output=${file}`,
        ...(args.length > 0 ? args : ['test/**/*.test.ts']),
      ],
      output,
    );
    return { results: existsSync(file) ? readResults(file) : [], exitCode };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** @throws when the file is not there or not one that the results reporter wrote. */
export function readResults(file: string): TestResult[] {
  const parsed: unknown = JSON.parse(readFileSync(file, 'utf8'));
  if (!Array.isArray(parsed)) throw new Error(`${file} holds no list of test results`);
  return parsed as TestResult[];
}

function run(root: string, args: string[], output: 'inherit' | 'stderr'): Promise<number> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, args, {
      cwd: root,
      stdio: ['ignore', output === 'inherit' ? 'inherit' : 2, 'inherit'],
    });
    child.on('error', reject);
    child.on('close', (code) => resolve(code ?? 1));
  });
}
