// The acceptance table's own rules, on made-up tables; and the real table and list against each other.
import { expect } from 'chai';
import { judge, readFeatures, readPending } from '../scripts/acceptance.ts';
import { readSource } from './support/read-imports.ts';
import type { TestResult } from './support/results-reporter.ts';

const TABLE = [
  '| id | feature | what you get | release |',
  '|---|---|---|---|',
  '| S0-01 | One | It works | now |',
  '| S0-02, S1-04 | Two | Not yet | planned |',
].join('\n');

function test(title: string, state: TestResult['state']): TestResult {
  return { title, fullTitle: title, file: 'test/x.test.ts', state, durationMs: 1 };
}

function complaintsOf(pending: string[], ...results: TestResult[]): string[] {
  return judge(readFeatures(TABLE), pending, results).complaints;
}

describe('acceptance', () => {
  it('counts a row with several ids by its first', () => {
    expect(readFeatures(TABLE)).to.deep.equal([
      { id: 'S0-01', name: 'One', isReleased: true },
      { id: 'S0-02', name: 'Two', isReleased: false },
    ]);
  });

  it('accepts a released feature that passes beside a pending one without a test', () => {
    const verdict = judge(readFeatures(TABLE), ['S0-02'], [test('S0-01 works', 'passed')]);
    expect(verdict.complaints).to.deep.equal([]);
    expect(verdict.rows.map(({ id, state }) => `${id} ${state}`)).to.deep.equal(['S0-01 pass', 'S0-02 pending']);
  });

  it('refuses a released feature without a test, with only a skipped one, and with one that fails beside one that passes', () => {
    const missing = 'S0-01 has no test that ran, and is not pending';
    expect(complaintsOf(['S0-02'])).to.deep.equal([missing]);
    expect(complaintsOf(['S0-02'], test('S0-01 works', 'skipped'))).to.deep.equal([missing]);
    expect(complaintsOf(['S0-02'], test('S0-01 works', 'passed'), test('S0-01 ends', 'failed'))).to.deep.equal([
      'S0-01 fails',
    ]);
  });

  it('ignores a title that holds an id anywhere but at its start', () => {
    expect(complaintsOf(['S0-02'], test('shows S0-01', 'passed'))).to.have.length(1);
    expect(complaintsOf(['S0-02'], test('S0-012 is another id', 'passed'))).to.have.length(1);
  });

  it('refuses a pending feature that passes, and one that fails', () => {
    const one = test('S0-01 works', 'passed');
    expect(complaintsOf(['S0-02'], one, test('S0-02 works', 'passed'))).to.deep.equal([
      'S0-02 passes: take it out of the pending list',
    ]);
    expect(complaintsOf(['S0-02'], one, test('S0-02 works', 'failed'))).to.deep.equal(['S0-02 fails']);
  });

  it('refuses ids that no row has, in the list and in titles', () => {
    const one = test('S0-01 works', 'passed');
    expect(complaintsOf(['S0-02', 'S9-99'], one, test('C-01 works', 'passed'))).to.deep.equal([
      'S9-99 is pending, but no row of docs/features.md',
      "a test is named for C-01, which is no row's id",
    ]);
  });

  it('finds every row of the project table once, and its list of pending ids in agreement with it', () => {
    const features = readFeatures(readSource('docs/features.md'));
    const pending = readPending(readSource('test/acceptance-pending.txt'));
    expect(features).to.have.length(213);
    expect(new Set(features.map(({ id }) => id)).size).to.equal(features.length);
    expect(new Set(pending).size).to.equal(pending.length);
    const released = features.filter(({ isReleased }) => isReleased).map(({ id }) => test(`${id} works`, 'passed'));
    expect(judge(features, pending, released).complaints).to.deep.equal([]);
  });
});
