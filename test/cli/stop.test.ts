// The end of `cc-proxy start`: what was answered is in the books before the process is gone, one way or the other.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { type StartedAll, startAll } from '#services/cli/commands/start.ts';
import { createSimulator, type Simulator } from '#services/simulator/service.ts';
import { loadConfig } from '#shared/config/load.ts';
import { createSqliteStore } from '#shared/store/sqlite.ts';
import type { ServiceLogger } from '#shared/telemetry/logger.ts';
import { passOnceWaiting } from '../support/held-timers.ts';
import { messagesRequest, send } from '../support/raw-client.ts';

interface Line {
  event: string;
  fields: Record<string, unknown>;
}

function keepLines(lines: Line[]): ServiceLogger {
  const keep = (event: string, fields: Record<string, unknown> = {}): void => void lines.push({ event, fields });
  const log: ServiceLogger = { debug: keep, info: keep, warn: keep, error: keep, child: () => log };
  return log;
}

describe('the end of cc-proxy start', function () {
  this.timeout(40_000);
  const TURNS = 40;
  /** A comparator that stops goes on for so long. */
  const GRACE_MS = 10_000;
  let folder: string;
  let primary: Simulator;
  let secondary: Simulator;
  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), 'cc-proxy-stop-'));
    primary = await createSimulator({ listenAddress: '127.0.0.1:0', delayScale: 0 });
    secondary = await createSimulator({ listenAddress: '127.0.0.1:0', delayScale: 1 });
  });
  afterEach(async () => {
    await Promise.all([primary.stop(), secondary.stop()]);
    rmSync(folder, { recursive: true, force: true });
  });

  /** Answers 40 turns, stops, and says what was kept and what was booked as lost. */
  async function answerAndStop(stop = (started: StartedAll) => started.stop()) {
    const free = '127.0.0.1:0';
    const lines: Line[] = [];
    const flags = {
      default_mode: 'compare',
      state_dir: folder,
      'passthrough.url': primary.url,
      'target.url': secondary.url,
      'target.model': 'glm-5',
      'server.listen_address': free,
      'comparator.listen_address': free,
      'console.listen_address': free,
      'ops.listen_address': free,
    };
    const config = loadConfig({ env: { HOME: folder }, cwd: folder, flags });
    const started = await startAll(config, { log: keepLines(lines) });
    const tools = [{ name: 'Bash', input_schema: { type: 'object' } }];
    const turn = (index: number) =>
      send(
        started.gatewayUrl,
        messagesRequest({ body: { messages: [{ role: 'user', content: `turn ${index}` }], tools } }),
      );
    const answers = await Promise.all(Array.from({ length: TURNS }, (_, index) => turn(index)));
    expect(answers.filter(({ status, end }) => status === 200 && end === 'complete')).to.have.length(TURNS);
    await stop(started);
    const store = createSqliteStore({ path: join(folder, 'history.db') });
    const rows = (await store.exchanges({ limit: 100 })).data.length;
    const pairs = (await store.pairs({ limit: 100 })).data.length;
    await store.close();
    const lost = (event: string, field: string): number =>
      lines.filter((line) => line.event === event).reduce((sum, { fields }) => sum + Number(fields[field]), 0);
    return {
      rows,
      pairs,
      lostRows: lost('history.abandoned', 'exchanges'),
      lostPairs: lost('pairs.abandoned', 'pairs'),
    };
  }

  it('records and compares every answered turn first, however many are queued', async () => {
    secondary.use({ content: [{ type: 'text', text: 'ok' }], delays: { headersMs: 100 } });
    expect(await answerAndStop()).to.deep.equal({ rows: TURNS, pairs: TURNS, lostRows: 0, lostPairs: 0 });
  });

  it('books every pair that its time does not suffice for', async () => {
    secondary.use({ fault: { kind: 'silence-before-headers' } });
    const { rows, pairs, lostRows, lostPairs } = await answerAndStop((started) =>
      passOnceWaiting(GRACE_MS, () => started.stop()),
    );
    expect([rows + lostRows, pairs + lostPairs]).to.deep.equal([TURNS, TURNS]);
    expect(lostPairs).to.be.greaterThan(0);
  });
});
