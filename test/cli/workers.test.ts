// `server.workers`: several processes behind one address that look like one to clients, operators and Prometheus.
import { readdirSync, readFileSync } from 'node:fs';
import { expect } from 'chai';
import { createSimulator, type Simulator } from '#services/simulator/service.ts';
import { until } from '../support/gateway.ts';
import { messagesRequest, send } from '../support/raw-client.ts';
import { startRedis, type TestRedis } from '../support/redis.ts';
import { type ServiceProcess, startService } from '../support/service-process.ts';

const WORKERS = 2;

describe('workers of one gateway', function () {
  this.timeout(60_000);
  let redis: TestRedis;
  let target: Simulator;
  let gateway: ServiceProcess;
  const settings = (): Record<string, string> => ({
    CC_SERVER__WORKERS: String(WORKERS),
    CC_REDIS__URL: redis.url,
    CC_TARGET__URL: target.url,
    CC_TARGET__MODEL: 'glm-5',
  });
  before(async function () {
    redis = await startRedis(this, { onlyPrivate: true });
    target = await createSimulator({ listenAddress: '127.0.0.1:0' });
  });
  after(async () => {
    await Promise.all([target?.stop(), redis?.end()]);
  });
  beforeEach(async () => {
    await redis.clear();
    target.reset();
    target.use({ content: [{ type: 'text', text: 'short' }] });
    gateway = await startService('gateway', settings());
  });
  afterEach(() => gateway.stop());

  async function metrics(): Promise<string[]> {
    return (await (await fetch(`${gateway.opsUrl}/metrics`)).text()).split('\n');
  }

  /** Worker → its requests that ended well. */
  async function served(): Promise<Map<string, number>> {
    const lines = (await metrics()).filter(
      (line) => line.startsWith('ccproxy_gateway_requests_total{') && line.includes('outcome="ok"'),
    );
    const counts = new Map<string, number>();
    for (const line of lines) {
      const worker = /worker="(\d+)"/.exec(line)?.[1] ?? 'none';
      counts.set(worker, (counts.get(worker) ?? 0) + Number(line.slice(line.lastIndexOf(' '))));
    }
    return counts;
  }

  function processIds(): number[] {
    const children = readdirSync(`/proc/${gateway.pid}/task`).flatMap((thread) =>
      readFileSync(`/proc/${gateway.pid}/task/${thread}/children`, 'utf8').trim().split(' '),
    );
    return children.filter((pid) => pid !== '').map(Number);
  }

  it('share its requests, and Prometheus sees each apart on one page', async () => {
    for (let turn = 0; turn < 8; turn += 1) {
      expect((await send(gateway.url, messagesRequest())).status).to.equal(200);
    }
    await until(async () => [...(await served()).values()].reduce((sum, count) => sum + count, 0) === 8);
    const counts = await served();
    expect([...counts.keys()].sort()).to.deep.equal(['1', '2']);
    expect(Math.min(...counts.values())).to.be.above(0);
    const lines = await metrics();
    expect(lines.filter((line) => line.startsWith('# TYPE ccproxy_gateway_requests '))).to.have.length(1);
    expect(lines.filter((line) => line.startsWith('process_resident_memory_bytes{'))).to.have.length(WORKERS);
    expect(lines.filter((line) => line === '# EOF')).to.have.length(1);
  });

  it('say in each line which of them wrote it, as the primary process does of them', async () => {
    const said = (event: string): unknown[] =>
      gateway
        .output()
        .split('\n')
        .filter((line) => line.includes(`"event":"${event}"`))
        .map((line) => (JSON.parse(line) as { worker?: unknown }).worker);
    await until(() => said('gateway.listening').length === WORKERS);
    expect(said('gateway.listening').sort()).to.deep.equal([1, 2]);
  });

  it('leave it to their primary process to say, once, what the configuration warns of', async () => {
    const other = await startService('gateway', { ...settings(), CC_SERVER__DRAIN_SEC: '1' });
    try {
      const said = (event: string): string[] =>
        other
          .output()
          .split('\n')
          .filter((line) => line.includes(`"event":"${event}"`));
      await until(() => said('gateway.listening').length === WORKERS);
      const warnings = said('config.warning');
      expect(warnings).to.have.length(1);
      expect(JSON.parse(warnings[0] ?? '{}'))
        .to.have.property('warning')
        .that.includes('CC_SERVER__DRAIN_SEC');
    } finally {
      await other.stop();
    }
  });

  it('follow one switch', async () => {
    const put = await fetch(`${gateway.url}/api/mode`, {
      method: 'PUT',
      headers: { 'content-type': 'application/json' },
      body: '{"mode":"compare"}',
    });
    expect(put.status).to.equal(200);
    await until(async () => {
      const modes = (await metrics()).filter((line) => /^ccproxy_mode_info\{.*mode="compare"/.test(line));
      return modes.length === WORKERS && modes.every((line) => line.endsWith(' 1'));
    });
  });

  it('are replaced when one dies, while the others serve', async () => {
    const [victim] = processIds();
    process.kill(victim ?? 0, 'SIGKILL');
    await until(() => gateway.output().includes('worker.ended'));
    expect((await send(gateway.url, messagesRequest())).status).to.equal(200);
    await until(async () => (await fetch(`${gateway.opsUrl}/readyz`)).ok, 20_000);
    const now = processIds();
    expect(now).to.have.length(WORKERS).and.not.include(victim);
  });

  it('finish their streams when the gateway is told to stop', async () => {
    target.use({ content: [{ type: 'text', text: 'slow '.repeat(60) }], delays: { betweenMs: 20 } });
    const running = [send(gateway.url, messagesRequest()), send(gateway.url, messagesRequest())];
    await target.until((seen) => seen.length >= 2);
    gateway.signal('SIGTERM');
    for (const answer of await Promise.all(running)) {
      expect(answer.status).to.equal(200);
      expect(answer.body.toString()).to.include('message_stop');
    }
    expect(await gateway.ended).to.equal(0);
  });

  it('finish their streams when their primary process dies', async () => {
    target.use({ content: [{ type: 'text', text: 'slow '.repeat(60) }], delays: { betweenMs: 20 } });
    const running = send(gateway.url, messagesRequest());
    await target.until((seen) => seen.length >= 1);
    gateway.signal('SIGKILL');
    expect((await running).body.toString()).to.include('message_stop');
  });

  it('do not outlive a primary process that a second signal ends, even one that hangs', async () => {
    const before = processIds();
    process.kill(before[0] ?? 0, 'SIGSTOP');
    gateway.signal('SIGTERM');
    await until(async () => !(await fetch(`${gateway.opsUrl}/readyz`)).ok);
    gateway.signal('SIGTERM');
    expect(await gateway.ended).to.equal(130);
    await until(() => before.every((pid) => !isAlive(pid)), 20_000);
  });

  it('end with their primary process, even by force', async () => {
    const before = processIds();
    expect(before).to.have.length(WORKERS);
    gateway.signal('SIGKILL');
    await gateway.ended;
    await until(() => before.every((pid) => !isAlive(pid)), 20_000);
  });

  it('are refused without Redis, by name', async () => {
    const { CC_REDIS__URL: _, ...lonely } = settings();
    const failure = await startService('gateway', lonely).then(
      () => new Error('it started'),
      (error: Error) => error,
    );
    expect(String(failure.message)).to.include('server.workers = 2 needs redis.url');
  });
});

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
