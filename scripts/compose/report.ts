// The lines of a verification: one for each check, and the counts at its end.

export interface Report {
  /** Passed when there are no problems. */
  check(name: string, problems: readonly string[], note?: string): void;
  notRun(name: string, why: string): void;
  /** A figure that no check hangs on. */
  fact(name: string, value: string): void;
  summary(): string;
  isGood(mustRunAll: boolean): boolean;
}

export function createReport(print: (line: string) => void = console.log): Report {
  const counts = { passed: 0, failed: 0, notRun: 0 };
  return {
    check(name, problems, note = '') {
      const isFine = problems.length === 0;
      counts[isFine ? 'passed' : 'failed']++;
      print(`${isFine ? 'passed' : 'FAILED'}: ${name}${note === '' ? '' : ` (${note})`}`);
      for (const problem of problems) print(`  ${problem.trim().replaceAll('\n', '\n  ')}`);
    },
    notRun(name, why) {
      counts.notRun++;
      print(`NOT RUN: ${name}: ${why}`);
    },
    fact: (name, value) => print(`fact: ${name}: ${value}`),
    summary: () => `${counts.passed} passed, ${counts.failed} failed, ${counts.notRun} not run`,
    isGood: (mustRunAll) => counts.failed === 0 && !(mustRunAll && counts.notRun > 0),
  };
}
