// The bench on its smallest scale: every peer starts, every answer is checked, the page has its tables. How long anything
// took is no business of a test.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { createAnswerReader } from '../../scripts/bench/answer-reader.ts';
import { STAMP_DIGITS, streamAnswer } from '../../scripts/bench/bodies.ts';
import type { Cell } from '../../scripts/bench/run-rounds.ts';
import { summarize } from '../../scripts/bench/summarize.ts';
import { ROOT } from '../support/read-imports.ts';

const HEADER =
  '| peer | CPU µs/request | main thread | × bare | range | answers/s | first byte p50 / p99 ms | event delay p50 / p99 ms | published | answers | errors |';

/** The rows of each load's table, cells apart. */
function tables(page: string): Map<string, string[][]> {
  return new Map(
    page
      .split(/^## /m)
      .filter((section) => section.includes(HEADER))
      .map((section) => {
        const rows = section.slice(section.indexOf(HEADER)).split('\n\n')[0]?.split('\n').slice(2) ?? [];
        return [
          section.split('\n')[0] ?? '',
          rows.map((row) =>
            row
              .split('|')
              .slice(1, -1)
              .map((cell) => cell.trim()),
          ),
        ];
      }),
  );
}

describe('the bench', () => {
  let folder: string;
  let page: string;

  before(function () {
    this.timeout(60_000);
    folder = mkdtempSync(join(tmpdir(), 'cc-proxy-bench-test-'));
    const out = join(folder, 'bench.md');
    const tiny = ['--quick', '--rounds', '1', '--seconds', '0.1', '--loads', 'burst-100k,paced', '--out', out];
    const done = spawnSync(process.execPath, ['--conditions=source', join(ROOT, 'scripts/bench.ts'), ...tiny], {
      cwd: folder,
      encoding: 'utf8',
      timeout: 55_000,
    });
    expect(done.status, done.stderr).to.equal(0);
    page = readFileSync(out, 'utf8');
    expect(done.stdout).to.equal(page);
  });

  after(() => rmSync(folder, { recursive: true, force: true }));

  it('has one table for each load asked for, with a row for each peer that could be started', () => {
    const missing = [...page.matchAll(/^- \*\*Not measured:\*\* (\S+):/gm)].map((match) => match[1]);
    expect(missing.filter((name) => name !== 'compare')).to.deep.equal([]);
    const expected = ['direct', 'bare', 'target', 'compare', 'target+otlp'].filter((name) => !missing.includes(name));
    const found = tables(page);
    expect([...found.keys()]).to.deep.equal(['burst-100k', 'paced']);
    for (const [load, rows] of found)
      expect(
        rows.map((row) => row[0]),
        load,
      ).to.deep.equal(expected);
  });

  it('got complete and right answers through every peer', () => {
    for (const [load, rows] of tables(page)) {
      for (const row of rows) {
        expect(Number(row[9]?.replace(',', '')), `${load} ${row[0]}: answers`).to.be.above(0);
        expect(row[10], `${load} ${row[0]}: errors`).to.equal('0');
      }
    }
  });

  it('gives CPU and ratios for proxies, event delays for paced streams, and a dash where there is nothing to give', () => {
    for (const [load, rows] of tables(page)) {
      for (const row of rows) {
        const where = `${load} ${row[0]}`;
        expect(row[1], where).to.match(row[0] === 'direct' ? /^–$/ : /^[\d,]+$/);
        expect(row[3], where).to.match(row[0] === 'direct' ? /^–$/ : row[0] === 'bare' ? /^1\.00$/ : /^\d+\.\d\d$/);
        expect(row[7], where).to.match(load === 'paced' ? /^-?\d+\.\d\d \/ -?\d+\.\d\d$/ : /^–$/);
        expect(row[8], where).to.match(row[0] === 'direct' || row[0] === 'bare' ? /^–$/ : /^\d+ %$/);
      }
    }
  });

  it('says how, when, where and with what it was made', () => {
    expect(page).to.match(/Made by `npm run bench -- --quick .+`, \d{4}-\d\d-\d\d\./);
    expect(page).to.match(/\*\*Machine:\*\* \d+ cores, /);
    expect(page).to.include(`Node ${process.versions.node}`);
  });
});

describe("the bench's reader of answers", () => {
  const answer = streamAnswer();

  function read(bytes: Buffer, pieceBytes: number): { problem: string | null; stamps: number[] } {
    const seen = { problem: 'nothing' as string | null, stamps: [] as number[] };
    const reader = createAnswerReader(
      { payload: answer.payload, events: { ends: answer.ends, stamps: answer.stamps } },
      {
        onFirstByte: () => {},
        onEvent: (madeAtUs) => seen.stamps.push(madeAtUs),
        onEnd: (problem) => {
          seen.problem = problem;
        },
      },
    );
    for (let at = 0; at < bytes.length; at += pieceBytes) reader.push(bytes.subarray(at, at + pieceBytes));
    return seen;
  }

  function chunked(payload: Buffer, chunkBytes: number): Buffer {
    const parts: Buffer[] = [Buffer.from('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n')];
    for (let at = 0; at < payload.length; at += chunkBytes) {
      const data = payload.subarray(at, at + chunkBytes);
      parts.push(Buffer.from(`${data.length.toString(16)}\r\n`), data, Buffer.from('\r\n'));
    }
    return Buffer.concat([...parts, Buffer.from('0\r\n\r\n')]);
  }

  it('takes the right answer however it is cut, and the time out of each event that has one', () => {
    const stamped: Buffer = Buffer.from(answer.payload);
    const places = answer.stamps.filter((at) => at >= 0);
    for (const [index, at] of places.entries()) stamped.write(String(index).padStart(STAMP_DIGITS, '0'), at, 'latin1');
    for (const pieceBytes of [1, 7, 65_536]) {
      expect(read(chunked(stamped, 100), pieceBytes)).to.deep.equal({ problem: null, stamps: places.map((_, i) => i) });
    }
  });

  it('finds one wrong byte, one byte too few, one too many, and another status', () => {
    const wrong: Buffer = Buffer.from(answer.payload);
    wrong.write('X', wrong.length - 5);
    expect(read(chunked(wrong, 1000), 65_536).problem).to.equal('wrong bytes');
    expect(read(chunked(answer.payload.subarray(0, -1), 1000), 65_536).problem).to.equal('short answer');
    expect(read(chunked(Buffer.concat([answer.payload, Buffer.from('x')]), 1000), 65_536).problem).to.equal(
      'wrong bytes',
    );
    const refused = 'HTTP/1.1 529 Overloaded\r\ncontent-length: 2\r\n\r\n{}';
    expect(read(Buffer.from(refused), 65_536).problem).to.equal('status 529');
  });
});

describe("the bench's sums", () => {
  function cell(round: number, peer: string, cpuUs: number, problems: Record<string, number> = {}): Cell {
    const ms = { p50: 1, p99: 2 };
    const times = { firstByteMs: ms, wholeMs: ms, delayMs: null, generatorCpuShare: 0.1 };
    return {
      ...{ round, load: 'json-1k', peer, published: null, cpuUs: { total: cpuUs, mainThread: cpuUs / 2 } },
      client: { sent: 10, finished: 10, problems, seconds: 2, ...times },
    };
  }

  it('takes ratios within a round, then their median, lowest and highest', () => {
    const rounds = [cell(1, 'bare', 100), cell(1, 'target', 200), cell(2, 'bare', 400), cell(2, 'target', 400)];
    const cells = [...rounds, cell(3, 'target', 300), cell(3, 'bare', 200)];
    const [bare, target] = summarize(cells, 'json-1k', ['bare', 'target'], 'bare');
    expect(bare?.ratio).to.deep.equal({ median: 1, low: 1, high: 1 });
    expect(target?.ratio).to.deep.equal({ median: 1.5, low: 1, high: 2 });
    expect(target).to.include({ cpuUs: 300, mainThreadUs: 150, perSecond: 5, finished: 30 });
  });

  it('adds errors up by kind, and has no row for a peer that did not run', () => {
    const cells = [
      cell(1, 'bare', 1, { 'short answer': 1 }),
      cell(2, 'bare', 1, { 'short answer': 2, 'status 502': 1 }),
    ];
    const rows = summarize(cells, 'json-1k', ['direct', 'bare'], 'bare');
    expect(rows.map(({ peer, problems }) => ({ peer, problems }))).to.deep.equal([
      { peer: 'bare', problems: { 'short answer': 3, 'status 502': 1 } },
    ]);
  });
});
