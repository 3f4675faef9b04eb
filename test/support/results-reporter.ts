// Mocha reporter: the usual spec output, and every test's outcome as JSON in the file named by the reporter option
// `output`, for scripts that count.
import { writeFileSync } from 'node:fs';
import Mocha from 'mocha';

export interface TestResult {
  title: string;
  fullTitle: string;
  file: string;
  state: 'passed' | 'failed' | 'skipped';
  durationMs: number;
}

/** How long open handles may keep mocha alive after its last test. */
const EXIT_GRACE_MS = 20_000;

export default class ResultsReporter extends Mocha.reporters.Spec {
  constructor(runner: Mocha.Runner, options: Mocha.MochaOptions) {
    super(runner, options);
    const results: TestResult[] = [];
    const keep = (state: TestResult['state']) => (test: Mocha.Test) => {
      results.push({
        title: test.title,
        fullTitle: test.fullTitle(),
        file: test.file ?? test.parent?.file ?? '',
        state,
        durationMs: test.duration ?? 0,
      });
    };
    runner.on('pass', keep('passed'));
    runner.on('fail', keep('failed'));
    runner.on('pending', keep('skipped'));
    runner.once('end', () => {
      const output: unknown = options.reporterOptions?.output;
      if (typeof output === 'string') writeFileSync(output, JSON.stringify(results));
      failWhenKeptAlive();
    });
  }
}

function failWhenKeptAlive(): void {
  const timer = setTimeout(() => {
    const open = [...new Set(process.getActiveResourcesInfo())].join(', ');
    process.stderr.write(`mocha cannot exit: a test left something open (${open})\n`);
    process.exit(1);
  }, EXIT_GRACE_MS);
  timer.unref();
}
