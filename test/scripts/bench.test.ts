// The bench on its smallest scale: every peer starts, every answer is checked, the page has its tables. How long anything
// took is no business of a test.
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { createAnswerReader } from '../../scripts/bench/answer-reader.ts';
import { STAMP_DIGITS, STAMPS, streamAnswer } from '../../scripts/bench/bodies.ts';
import { checkBytes, checkText } from '../../scripts/bench/check-body.ts';
import { createCpuClock } from '../../scripts/bench/cpu-clock.ts';
import { type Goal, judge } from '../../scripts/bench/goals.ts';
import { findLoad } from '../../scripts/bench/loads.ts';
import type { Cell } from '../../scripts/bench/measure-cell.ts';
import type { Peer } from '../../scripts/bench/peer.ts';
import { PEER_NAMES, type PeerName, processesOf } from '../../scripts/bench/peer-list.ts';
import { createProcesses } from '../../scripts/bench/processes.ts';
import { createTurns, inTurn } from '../../scripts/bench/run-rounds.ts';
import type { Stage } from '../../scripts/bench/stage.ts';
import { summarize } from '../../scripts/bench/summarize.ts';
import { warmUp } from '../../scripts/bench/warm-up.ts';
import { ROOT } from '../support/read-imports.ts';

/** The rows of each load's table, cells by column; of two columns of one name the first counts. */
function tables(page: string): Map<string, Array<Record<string, string>>> {
  const cells = (line: string): string[] =>
    line
      .split('|')
      .slice(1, -1)
      .map((cell) => cell.trim());
  return new Map(
    page
      .split(/^## /m)
      .filter((section) => section.includes('| peer | CPU'))
      .map((section) => {
        const [header = '', , ...lines] = section.split('\n').filter((line) => line.startsWith('|'));
        const columns = cells(header).map((name, index, all) => (all.indexOf(name) === index ? name : `${name} again`));
        return [
          section.split('\n')[0] ?? '',
          lines.map((line) => Object.fromEntries(cells(line).map((cell, index) => [columns[index] ?? '', cell]))),
        ];
      }),
  );
}

const PEERS = ['direct', 'bare', 'express', 'target', 'compare', 'converted'];

describe('the bench', () => {
  let folder: string;
  let page: string;

  before(function () {
    this.timeout(120_000);
    folder = mkdtempSync(join(tmpdir(), 'cc-proxy-bench-test-'));
    const out = join(folder, 'bench.md');
    const tiny = ['--quick', '--rounds', '1', '--seconds', '0.1', '--loads', 'burst-100k,paced', '--out', out];
    const done = bench([...tiny, '--peers', PEERS.join(',')], folder);
    expect(done.status, done.stderr).to.equal(0);
    page = readFileSync(out, 'utf8');
    expect(done.stdout).to.equal(page);
  });

  after(() => rmSync(folder, { recursive: true, force: true }));

  it('has one table for each load asked for, with a row for each peer, also for those that could not be started', () => {
    const found = tables(page);
    expect([...found.keys()]).to.deep.equal(['burst-100k', 'paced']);
    for (const [load, rows] of found) {
      expect(rows.map((row) => row.peer).sort(), load).to.deep.equal([...PEERS].sort());
      const absent = rows.filter(({ errors }) => errors === 'not measured').map(({ peer }) => peer);
      expect(absent.filter((peer) => peer !== 'compare')).to.deep.equal([]);
    }
  });

  it('got complete and right answers through every peer', () => {
    for (const [load, rows] of tables(page)) {
      for (const row of rows.filter(({ errors }) => errors !== 'not measured')) {
        expect(Number(row.answers?.replace(',', '')), `${load} ${row.peer}: answers`).to.be.above(0);
        expect(row.errors, `${load} ${row.peer}: errors`).to.equal('0');
      }
    }
  });

  it('gives CPU and ratios for proxies, event delays for paced streams, and a dash where there is nothing to give', () => {
    for (const [load, rows] of tables(page)) {
      for (const row of rows.filter(({ errors }) => errors !== 'not measured')) {
        const where = `${load} ${row.peer}`;
        const [isDirect, isBare] = [row.peer === 'direct', row.peer === 'bare'];
        expect(row['CPU µs/request'], where).to.match(isDirect ? /^–$/ : /^[\d,]+$/);
        expect(row['× bare'], where).to.match(isDirect ? /^–$/ : isBare ? /^1\.00$/ : /^\d+\.\d\d$/);
        expect(row['event delay p50 / p99 ms'], where).to.match(load === 'paced' ? TIMES : /^–$/);
        expect(row['over direct'], where).to.match(isDirect ? /^–$/ : TIMES);
        expect(row.published, where).to.match(row.peer === 'compare' ? /^\d+ %$/ : /^–$/);
      }
    }
  });

  it('begins with the goals, and says how, when, where and with what it was made', () => {
    expect(page.indexOf('## Goals')).to.be.within(0, page.indexOf('## burst-100k'));
    expect(page).to.match(/\| CPU, `converted`, burst-100k, × bare \| [\d.]+ × \|/);
    expect(page).to.match(/Made by `npm run bench -- --quick .+`, \d{4}-\d\d-\d\d\./);
    expect(page).to.match(/\*\*Machine:\*\* \d+ cores, /);
    expect(page).to.include(`Node ${process.versions.node}`);
  });

  it('leaves no process and no file behind when it is told to end', async function () {
    this.timeout(120_000);
    const own = mkdtempSync(join(folder, 'ended-'));
    const args = [
      '--conditions=source',
      SCRIPT,
      '--quick',
      '--seconds',
      '0.1',
      '--peers',
      'target',
      '--loads',
      'paced',
    ];
    const child = spawn(process.execPath, args, {
      env: { ...process.env, TMPDIR: own },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    for await (const text of child.stderr) if (String(text).includes('warming up')) child.kill('SIGTERM');
    if (child.exitCode === null) await once(child, 'exit');
    expect(child.exitCode).to.equal(1);
    expect(readdirSync(own)).to.deep.equal([]);
    const commands = readdirSync('/proc').flatMap((pid) => (/^\d+$/.test(pid) ? commandOf(pid) : []));
    expect(commands.filter((command) => command.includes(own))).to.deep.equal([]);
  });

  for (const { args, told } of [
    { args: ['--peers', 'bare,nginy'], told: /^bench: no peer is called "nginy"; there are direct, bare, .*litellm/ },
    {
      args: ['--loads', 'json-2k'],
      told: /^bench: no load is called "json-2k"; there are json-1k, .*idle-streams, start/,
    },
    { args: ['--rounds', 'many'], told: /^bench: --rounds many must be a number above 0/ },
    { args: ['--fast'], told: /^bench: .*--fast/ },
  ]) {
    it(`refuses ${args.join(' ')} with 2 and says what there is`, () => {
      const done = bench(args, folder);
      expect(done.stderr).to.match(told);
      expect(done).to.include({ status: 2, stdout: '' });
    });
  }
});

const TIMES = /^-?\d+\.\d\d \/ -?\d+\.\d\d$/;

const SCRIPT = join(ROOT, 'scripts/bench.ts');

/** Of a process that may end meanwhile. */
function commandOf(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8');
  } catch {
    return '';
  }
}

function bench(args: string[], cwd: string): { status: number | null; stdout: string; stderr: string } {
  return spawnSync(process.execPath, ['--conditions=source', SCRIPT, ...args], {
    cwd,
    encoding: 'utf8',
    timeout: 110_000,
  });
}

describe("the bench's reader of answers", () => {
  const answer = streamAnswer();

  function read(bytes: Buffer, pieceBytes: number): { problem: string | null; stamps: number[] } {
    const seen = { problem: 'nothing' as string | null, stamps: [] as number[] };
    const expected = { payload: answer.payload, events: { ends: answer.ends, stamps: answer.stamps } };
    const reader = createAnswerReader(
      checkBytes(expected, (madeAtUs) => seen.stamps.push(madeAtUs)),
      {
        onFirstByte: () => {},
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

describe("the bench's check of answers that a peer writes anew", () => {
  const { payload, stamps } = streamAnswer();

  function check(body: Buffer, pieceBytes: number): { problem: string | null; stamps: number } {
    let seen = 0;
    const expected = { stamps: STAMPS, reportsStamps: true, text: 'message_stop' };
    const checked = checkText(expected, () => seen++);
    checked.begin();
    for (let at = 0; at < body.length; at += pieceBytes) checked.push(body.subarray(at, at + pieceBytes));
    return { problem: checked.end(), stamps: seen };
  }

  it('finds the time in every event however the stream is written and cut', () => {
    const anew = Buffer.from(payload.toString().replaceAll('event: ', 'event:').replaceAll('\n', '\r\n'));
    for (const pieceBytes of [1, 7, 65_536]) {
      expect(check(anew, pieceBytes)).to.deep.equal({ problem: null, stamps: STAMPS });
    }
  });

  it('finds an event too few, one too many and a stream without an end', () => {
    const lastStamp = stamps.filter((at) => at >= 0).at(-1) ?? 0;
    expect(check(payload.subarray(0, lastStamp), 1000).problem).to.equal('short answer');
    expect(check(Buffer.concat([payload, payload]), 1000).problem).to.equal('wrong text');
    expect(check(payload.subarray(0, payload.indexOf('message_stop')), 1000).problem).to.equal('wrong text');
  });
});

function peer(name: PeerName): Peer {
  const to = { port: 1, headers: {}, answers: 'bytes' } as const;
  return { name, to, pid: null, version: null, publishes: null, counters: async () => null };
}

describe("the bench's processes", () => {
  it('are no more begun once all have been told to end', async () => {
    const processes = createProcesses(1);
    await processes.script('sink.ts', [], 'anywhere');
    await processes.stopAll();
    const late = await processes.script('sink.ts', [], 'anywhere').catch((error: unknown) => error);
    await processes.stopAll();
    expect(late).to.be.an('error').with.property('message', 'the bench is ending');
  });
});

describe("the bench's order of peers", () => {
  it('has each once, and those that others are compared with once in each half', () => {
    const names: PeerName[] = ['direct', 'bare', 'target', 'spans', 'compare', 'converted'];
    for (let time = 0; time < 20; time++) {
      const turn = inTurn(names.map(peer)).map(({ name }) => name);
      expect([...turn].sort()).to.deep.equal([...names, 'bare', 'target'].sort());
      for (const half of [turn.slice(0, 4), turn.slice(4)]) expect(half).to.include.members(['bare', 'target']);
    }
  });
});

describe("the bench's peers of several processes", () => {
  it('send each load through one after the other', () => {
    const [first, second, only] = [peer('target'), peer('target'), peer('direct')];
    const processFor = createTurns([first, only, second]);
    const turns = (load: string) => [1, 2, 3].map(() => processFor(load, 'target') === first);
    expect([turns('paced'), turns('json-1k')]).to.deep.equal([
      [true, false, true],
      [true, false, true],
    ]);
    expect(processFor('paced', 'direct')).to.equal(only);
  });

  it('are the measure and our own', () => {
    const spoken = PEER_NAMES.filter((name) => processesOf(name, 2) === 2);
    expect(spoken).to.include.members(['bare', 'target', 'spans', 'tracing']).and.not.include('direct');
    expect(PEER_NAMES.every((name) => processesOf(name, 1) === 1)).to.equal(true);
  });
});

describe("the bench's warm-up", () => {
  const plan = { answers: 3500, limitSeconds: 1000, eachSeconds: 2 };
  const view = { problems: {}, seconds: 1, delayMs: null, generatorCpuShare: 0 };
  const times = { firstByteMs: { p50: 0, p99: 0 }, wholeMs: { p50: 0, p99: 0 } };

  async function warm(name: PeerName): Promise<string[]> {
    const sent: string[] = [];
    const stage: Pick<Stage, 'send'> = {
      send: async (_, load, seconds) => {
        sent.push(`${load.name} ${seconds} s`);
        return { ...view, ...times, sent: 1000, finished: 1000 };
      },
    };
    const loads = ['burst-100k', 'paced', 'single-1m'].map(findLoad);
    const cold = await warmUp(peer(name), loads, plan, { stage, cpu: createCpuClock() });
    expect(cold).to.deep.include({ load: 'burst-100k', peer: name, round: 0 });
    return sent;
  }

  it('sends a little of each load, then bursts until enough answers have come', async () => {
    const bursts = Array.from({ length: 3 }, () => 'burst-100k 1 s');
    expect(await warm('target')).to.deep.equal(['burst-100k 1 s', 'paced 8 s', 'single-1m 2 s', ...bursts]);
  });

  it('sends a load only to whom it is meant for', async () => {
    expect(await warm('litellm')).not.to.include('single-1m 2 s');
  });
});

describe("the bench's sums", () => {
  function cell(round: number, peer: string, cpuUs: number, problems: Record<string, number> = {}): Cell {
    const ms = { p50: 1, p99: 2 };
    const times = { firstByteMs: ms, wholeMs: ms, delayMs: null, generatorCpuShare: 0.1 };
    return {
      ...{
        round,
        load: 'json-1k',
        peer,
        published: null,
        spansLost: null,
        rssMb: 50,
        loopDelayP99Ms: null,
        cpuUs: { total: cpuUs, mainThread: cpuUs / 2 },
      },
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

  it('counts who was measured more than once in a round with the mean', () => {
    const cells = [cell(1, 'bare', 100), cell(1, 'target', 400), cell(1, 'bare', 300), cell(1, 'target', 500)];
    const [bare, target] = summarize(cells, 'json-1k', ['bare', 'target'], 'bare');
    expect(bare?.ratio).to.deep.equal({ median: 1, low: 1, high: 1 });
    expect(target?.ratio).to.deep.equal({ median: 2.25, low: 2.25, high: 2.25 });
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

  it('takes what a peer adds to direct from the same round, and has none for direct itself', () => {
    const rows = summarize([cell(1, 'direct', 1), cell(1, 'bare', 1)], 'json-1k', ['direct', 'bare'], 'bare');
    expect(rows.map(({ firstByteOverMs }) => firstByteOverMs)).to.deep.equal([null, { p50: 0, p99: 0 }]);
  });

  const goal: Goal = {
    ...{ what: 'cost', unit: '×', must: 2, reach: 1 },
    measure: ({ cells }) => summarize(cells, 'json-1k', ['target'], 'bare')[0]?.ratio ?? null,
  };

  function verdict(ratio: number, published: number | null): string | undefined {
    const cells = [cell(1, 'bare', 100), { ...cell(1, 'target', 100 * ratio), published }];
    const publisher = { load: 'json-1k', peer: 'target' } as const;
    return judge({ cells, cold: [], starts: [], idle: null }, [{ ...goal, publisher }])[0]?.verdict;
  }

  it('tells a goal that is reached from one that is met, missed and not measured', () => {
    expect([1, 2, 2.01].map((ratio) => verdict(ratio, null))).to.deep.equal(['reached', 'must met', '**missed**']);
    expect(judge({ cells: [], cold: [], starts: [], idle: null }, [goal])).to.deep.equal([
      { goal, measured: null, verdict: 'not measured' },
    ]);
  });

  it('says beside a verdict that not every exchange was published', () => {
    expect(verdict(1, 1)).to.equal('reached');
    expect(verdict(1, 0.4)).to.equal('reached, with 40 % published');
  });
});
