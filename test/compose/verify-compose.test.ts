// The script that needs an engine, where there is none: it says so, and under CI that is no pass.
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { expect } from 'chai';
import { createReport } from '../../scripts/compose/report.ts';
import { ROOT } from '../support/read-imports.ts';

describe('scripts/verify-compose', () => {
  function runWithoutEngine(ci: string): { status: number | null; stdout: string } {
    return spawnSync(process.execPath, ['--conditions=source', join(ROOT, 'scripts/verify-compose.ts')], {
      encoding: 'utf8',
      env: { PATH: process.env.PATH ?? '', HOME: '/nonexistent', DOCKER_HOST: 'unix:///nonexistent.sock', CI: ci },
    });
  }

  it('says what it did not run without an engine, and ends well', () => {
    const { status, stdout } = runWithoutEngine('');
    expect(stdout).to.match(/^NOT RUN: images, compose, pair, drain, hardening: no Docker engine/);
    expect(stdout).to.include('0 passed, 0 failed, 1 not run');
    expect(status).to.equal(0);
  });

  it('fails under CI without an engine', () => {
    expect(runWithoutEngine('true').status).to.equal(1);
  });
});

describe('the report of a verification', () => {
  it('is good when nothing failed, and everything ran that had to', () => {
    const lines: string[] = [];
    const report = createReport((line) => lines.push(line));
    report.check('a', [], 'note');
    report.notRun('b', 'no tool');
    expect([report.isGood(false), report.isGood(true)]).to.deep.equal([true, false]);
    report.check('c', ['first line\nsecond line', 'another']);
    report.fact('d', '3 s');
    expect(report.isGood(false)).to.equal(false);
    expect(lines).to.deep.equal([
      ...[
        'passed: a (note)',
        'NOT RUN: b: no tool',
        'FAILED: c',
        '  first line\n  second line',
        '  another',
        'fact: d: 3 s',
      ],
    ]);
    expect(report.summary()).to.equal('1 passed, 1 failed, 1 not run');
  });
});
