// The page of the bench, made of figures that were never measured: what stands where, and what is said of what is missing.
import { expect } from 'chai';
import { GOALS } from '../../scripts/bench/goals.ts';
import type { IdleStreams } from '../../scripts/bench/idle-streams.ts';
import { findLoad, LOADS } from '../../scripts/bench/loads.ts';
import type { Cell } from '../../scripts/bench/measure-cell.ts';
import { PEER_NAMES, SELDOM_PEERS } from '../../scripts/bench/peer-list.ts';
import { formatReport, type Report } from '../../scripts/bench/report.ts';

function cell(round: number, load: string, peer: string, cpuUs: number): Cell {
  const ms = { p50: round, p99: 2 * round };
  const client = { sent: 10, finished: 10, problems: {}, seconds: 1, delayMs: null, generatorCpuShare: 0.2 };
  return {
    ...{ round, load, peer, rssMb: 100, loopDelayP99Ms: 3, published: null, spansLost: null },
    cpuUs: peer === 'direct' ? null : { total: cpuUs, mainThread: cpuUs },
    client: { ...client, firstByteMs: ms, wholeMs: ms },
  };
}

const REPORT: Report = {
  ...{ command: 'npm run bench', date: '2026-01-02', machine: '2 cores', versions: ['Node 24'], placement: 'anywhere' },
  ...{
    rounds: 3,
    seconds: 2,
    processes: 2,
    loadAverage: [0.1, 0.2],
    peers: PEER_NAMES,
    loads: [findLoad('burst-100k')],
  },
  missing: [{ name: 'nginx', problem: 'not installed\n(Debian: a | b)' }],
  findings: { cells: [], cold: [], starts: [], idle: null },
  ...{ isQuick: false, warmUp: { answers: 8000, limitSeconds: 15, eachSeconds: 2 } },
};

function line(page: string, begin: string): string | undefined {
  return page.split('\n').find((one) => one.startsWith(begin));
}

describe("the bench's page", () => {
  it('has every goal at its top, measured or not', () => {
    const page = formatReport(REPORT);
    const goals = page.slice(page.indexOf('## Goals'), page.indexOf('## Peers')).split('\n');
    expect(goals.filter((one) => one.endsWith('| not measured |'))).to.have.length(GOALS.length);
    expect(page.indexOf('## Goals')).to.be.below(page.indexOf('## burst-100k'));
  });

  it("gives a goal's median, range, limits and verdict", () => {
    const cells = [1, 2, 3].flatMap((round) => [
      cell(round, 'burst-100k', 'bare', 100),
      cell(round, 'burst-100k', 'converted', 100 + 50 * round),
      cell(round, 'burst-100k', 'target', 10),
      cell(round, 'burst-100k', 'portkey', 100),
    ]);
    const page = formatReport({ ...REPORT, findings: { ...REPORT.findings, cells } });
    expect(line(page, '| CPU, `converted`, burst-100k')).to.equal(
      '| CPU, `converted`, burst-100k, × bare | 2.00 × | 1.50 to 2.50 | ≤ 2 | ≤ 1.6 | must met |',
    );
    expect(line(page, '| CPU, `target`, burst-100k, × Portkey')).to.equal(
      '| CPU, `target`, burst-100k, × Portkey | 0.100 × | 0.100 to 0.100 | ≤ 1/8 | ≤ 1/15 | must met |',
    );
  });

  it('says how many processes each peer had, where it was more than one', () => {
    expect(line(formatReport(REPORT), '- **Rounds:**')).to.match(/Of bare, target, .* 2 processes in turn\. A load/);
    expect(line(formatReport({ ...REPORT, processes: 1 }), '- **Rounds:**')).to.not.include('in turn');
  });

  it('adds lost spans up over the rounds, so that one lost once is not forgiven', () => {
    const cells = [0, 3, 0].map((spansLost, index) => ({ ...cell(index + 1, 'open-500k', 'tracing', 1), spansLost }));
    const page = formatReport({ ...REPORT, findings: { ...REPORT.findings, cells } });
    expect(line(page, '| spans lost, `tracing`, open-500k')).to.equal(
      '| spans lost, `tracing`, open-500k | 3 spans | 3 to 3 | ≤ 0 | ≤ 0 | **missed** |',
    );
  });

  it('shows what a request costs before the code is compiled, and how it was warmed up', () => {
    const cells = [1, 2, 3].map((round) => cell(round, 'burst-100k', 'target', 500));
    const cold = [cell(0, 'burst-100k', 'direct', 0), cell(0, 'burst-100k', 'target', 1250)];
    const page = formatReport({ ...REPORT, findings: { ...REPORT.findings, cells, cold } });
    const section = page.slice(page.indexOf('## cold'), page.indexOf('## How'));
    expect(section.split('\n').filter((one) => one.startsWith('| '))).to.deep.equal([
      '| peer | cold CPU µs/request | warm | cold × warm |',
      '| --- | --- | --- | --- |',
      '| target | 1,250 | 500 | 2.50 |',
    ]);
    expect(page).to.include('burst-100k until 8,000 answers have come or 15 s have passed');
  });

  it('says of a look that its figures are of cold code', () => {
    const [look, whole] = [formatReport({ ...REPORT, isQuick: true }), formatReport(REPORT)];
    expect(look).to.include('these are figures of cold code').and.not.include('Figures are of warm code');
    expect(whole).to.include('Figures are of warm code').and.not.include('these are figures of cold code');
  });

  it('says how many rounds there were of what no goal looks at', () => {
    const rounds = (changed: Partial<Report>): string | undefined =>
      line(formatReport({ ...REPORT, ...changed }), '- **Rounds:**');
    expect(rounds({ rounds: 7, peers: ['bare', 'nginx'] })).to.include('7 for each load and peer, 3 for nginx. In');
    expect(rounds({ rounds: 7, peers: ['bare'], loads: [findLoad('json-1m')] })).to.include(', 3 for json-1m. In');
    expect(rounds({ rounds: 7, peers: ['bare'] })).to.include('7 for each load and peer. In');
    expect(rounds({ rounds: 1, peers: ['nginx'] })).to.include('1 for each load and peer. In');
    const led = '; before each comes some of the same that is not counted, 1 s of burst-100k, 2 s of paced.';
    const loads = ['burst-100k', 'paced', 'open-burst'].map(findLoad);
    expect(rounds({ seconds: 2, loads })).to.include(led);
    expect(rounds({ loads: [findLoad('open-burst')] })).to.not.include('before each');
  });

  it('has no goal that looks at what is measured in few rounds', () => {
    const pairs = LOADS.flatMap((load) => PEER_NAMES.map((peer) => ({ load, peer })));
    const often = pairs.filter(({ load, peer }) => !load.isSeldom && !SELDOM_PEERS.includes(peer));
    const found = (of: typeof pairs): string[] => {
      const cells = of.map(({ load, peer }) => ({ ...cell(1, load.name, peer, 100), spansLost: 0 }));
      return GOALS.filter((goal) => goal.measure({ ...REPORT.findings, cells }) !== null).map(({ what }) => what);
    };
    expect(found(often)).to.deep.equal(found(pairs)).and.to.have.length.above(10);
  });

  it('says who was measured twice in a round, of those who were asked for', () => {
    const order = (peers: Report['peers']): string | undefined =>
      /In random order[^.]*\./.exec(formatReport({ ...REPORT, peers }))?.[0];
    expect(order(PEER_NAMES)).to.equal('In random order, bare and target twice in a round.');
    expect(order(['direct', 'target'])).to.equal('In random order, target twice in a round.');
    expect(order(['nginx'])).to.equal('In random order.');
  });

  it('has a row for who could not be measured, and says why', () => {
    const page = formatReport(REPORT);
    expect(line(page, '| nginx | nginx as')).to.match(/\| no: not installed \(Debian: a \/ b\) \|$/);
    expect(line(page, '| nginx | – |')).to.match(/\| not measured \|$/);
  });

  it('says whether the generator could have asked for more', () => {
    const slow = { ...cell(1, 'burst-100k', 'direct', 0) };
    const fast = { ...slow, client: { ...slow.client, finished: 50 } };
    const withDirect = (direct: Cell): string =>
      formatReport({ ...REPORT, findings: { ...REPORT.findings, cells: [direct, cell(1, 'burst-100k', 'bare', 1)] } });
    expect(withDirect(fast)).to.include('Direct is 5.0 times the fastest peer, bare; the generator used at most 20 %');
    expect(withDirect(slow)).to.include('Direct is 1.0 times the fastest peer, bare (less than 5: ');
  });

  it('shows what idle streams and starts came to', () => {
    const idle: IdleStreams = {
      ...{ streams: 1024, requestBodyBytes: 1024, finished: 2047, problems: { timeout: 1 } },
      warm: { resident: 100, live: 20 },
      held: [
        { resident: 130, live: 40 },
        { resident: 131, live: 41 },
      ],
      after: [
        { resident: 110, live: 21 },
        { resident: 99, live: 22 },
      ],
    };
    const starts = [400, 700, 500].map((readyMs) => ({ variant: 'target', readyMs, idleMb: 90 }) as const);
    const page = formatReport({ ...REPORT, findings: { cells: [], cold: [], idle, starts } });
    expect(line(page, '| memory of an idle stream')).to.match(/\| 30\.0 KB \| .* \| must met \|$/);
    expect(line(page, '| live memory after idle streams')).to.match(/\| 1\.10 × \| .* \| must met \|$/);
    expect(line(page, '| resident memory after as many')).to.match(/\| 0\.90 × \| .* \| reached \|$/);
    expect(line(page, '| first |')).to.equal('| first | 100 / 20 | 130 / 40 | 30 | 110 / 21 |');
    expect(line(page, '| again |')).to.equal('| again | 110 / 21 | 131 / 41 | 21 | 99 / 22 |');
    expect(page).to.include('Of 2,048 streams 2,047 ended whole; errors: 1 timeout.');
    expect(line(page, '| start to ready, `target`')).to.match(/\| 500 ms \| 400 to 700 \| .* \| reached \|$/);
    expect(line(page, '| target | 3 |')).to.equal('| target | 3 | 500 (400–700) | 90 (90–90) |');
  });
});
