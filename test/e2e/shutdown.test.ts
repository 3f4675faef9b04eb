// The end of a gateway process, in order and by force: what its clients see, and that the bus stays consistent.
import { Agent, request as httpRequest, type IncomingMessage } from 'node:http';
import { expect } from 'chai';
import type { BusCounters, Group } from '#shared/bus/bus.ts';
import { GROUPS } from '#shared/bus/bus.ts';
import { DEFAULT_BUS_LIMITS } from '#shared/bus/limits.ts';
import { createRedisBus } from '#shared/bus/redis.ts';
import type { PairRow } from '#shared/store/store.ts';
import { createConsoleClient } from '../support/console-client.ts';
import { until } from '../support/gateway.ts';
import { messagesRequest } from '../support/raw-client.ts';
import { type ServiceBed, startServiceBed } from '../support/service-bed.ts';

/** About a second and a half. */
const SLOW = { content: [{ type: 'text', text: 'slow '.repeat(100) }], delays: { betweenMs: 40 } };
const SHORT = { content: [{ type: 'text', text: 'short' }], delays: { betweenMs: 40 } };

interface Answer {
  status: number;
  headers: IncomingMessage['headers'];
  body: string;
  isWhole: boolean;
}

/** A request whose beginning can be waited for before its end. */
function open(
  url: string,
  agent: Agent,
  content: string,
  headers: string[] = [],
): { begun: Promise<void>; done: Promise<Answer> } {
  const { hostname, port } = new URL(url);
  const message = messagesRequest({
    headers,
    body: { messages: [{ role: 'user', content }], tools: [{ name: 'Bash', input_schema: {} }] },
  });
  let begin = (): void => {};
  const begun = new Promise<void>((resolve) => {
    begin = resolve;
  });
  const done = new Promise<Answer>((resolve, reject) => {
    const all = ['host', `${hostname}:${port}`, 'connection', 'keep-alive', ...message.headers];
    const request = httpRequest(
      { hostname, port, path: message.path, method: 'POST', headers: all, agent },
      (response) => {
        const chunks: Buffer[] = [];
        response.once('data', begin);
        response.on('data', (chunk: Buffer) => chunks.push(chunk));
        response.on('error', () => {}); // 'close' tells whether it was whole
        response.on('close', () =>
          resolve({
            status: response.statusCode ?? 0,
            headers: response.headers,
            body: Buffer.concat(chunks).toString('utf8'),
            isWhole: response.complete,
          }),
        );
      },
    );
    request.on('error', reject);
    request.end(message.body);
  });
  return { begun, done };
}

describe('the end of a gateway', function () {
  this.timeout(60_000);
  let bed: ServiceBed;
  let consoleUrl: string;
  const agents: Agent[] = [];
  before(async function () {
    bed = await startServiceBed(this, {
      CC_COMPARE__CLAIM__MIN_IDLE_MS: '1000',
      CC_COMPARE__CLAIM__HEARTBEAT_MS: '200',
    });
    const [page] = await Promise.all([bed.start('console'), bed.start('comparator')]);
    consoleUrl = page.url;
    bed.target.use({ content: [{ type: 'text', text: 'short' }] });
  });
  after(async () => {
    for (const agent of agents) agent.destroy();
    await bed?.stop();
  });

  function connection(): Agent {
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    agents.push(agent);
    return agent;
  }

  async function counters(): Promise<Record<Group, BusCounters>> {
    const bus = createRedisBus({ url: bed.redis.url, limits: DEFAULT_BUS_LIMITS, onTrouble: () => {} });
    try {
      const [history, compare] = await Promise.all(GROUPS.map((group) => bus.counters(group)));
      if (!history || !compare) throw new Error('two groups were asked for');
      return { history, compare };
    } finally {
      await bus.close();
    }
  }

  /** Everything published is finished, and stands in the console. */
  async function expectConsistent(atLeast: number): Promise<void> {
    await until(async () => {
      const { history, compare } = await counters();
      return history.published >= atLeast && history.pending === 0 && compare.pending === 0;
    }, 20_000);
    const { history, compare } = await counters();
    for (const { published, finished, dead } of [history, compare]) {
      expect(published, 'published').to.equal(finished + dead);
      expect(dead, 'dead letters').to.equal(0);
    }
    const console = createConsoleClient(consoleUrl);
    expect(await console.all('/api/history')).to.have.length(history.published);
    const pairs = await console.all<PairRow>('/api/pairs');
    expect(pairs).to.have.length(compare.published);
    expect(new Set(pairs.map(({ pair_id }) => pair_id)).size).to.equal(pairs.length);
  }

  it('lets running streams end, answers what comes on their connections with 529, and exits with 0', async () => {
    const gateway = await bed.start('gateway');
    bed.passthrough.use((request) => (String(request.raw).includes('short one') ? SHORT : SLOW));
    const [kept, other] = [connection(), connection()];
    const short = open(gateway.url, kept, 'the short one');
    const long = open(gateway.url, other, 'the long one');
    await Promise.all([short.begun, long.begun]);
    gateway.signal('SIGTERM');
    await until(async () => !(await fetch(`${gateway.opsUrl}/readyz`)).ok);
    const late = open(gateway.url, kept, 'one more').done;
    expect(await short.done).to.include({ status: 200, isWhole: true });
    const refused = await late;
    expect(refused).to.include({ status: 529, isWhole: true });
    expect(refused.headers).to.include({ 'retry-after': '1', connection: 'close' });
    expect(JSON.parse(refused.body)).to.have.nested.property('error.type', 'overloaded_error');
    const whole = await long.done;
    expect(whole).to.include({ status: 200, isWhole: true });
    expect(whole.body).to.match(/event: message_stop\ndata: [^\n]*\n\n$/);
    expect(await gateway.ended).to.equal(0);
    await fetch(gateway.url).then(
      () => expect.fail('it still listens'),
      () => {}, // nobody listens any more
    );
    await expectConsistent(2);
    expect((await counters()).compare.published, 'both were handed over for comparison').to.equal(2);
  });

  it('by kill -9 in the middle of traffic leaves nothing unaccounted, and the next one goes on', async () => {
    const before = (await counters()).history.published;
    const gateway = await bed.start('gateway');
    bed.passthrough.use({ ...SHORT, delays: { betweenMs: 1 } });
    let answered = 0;
    let isDead = false;
    const clients = Array.from({ length: 8 }, async (_, client) => {
      const agent = connection();
      for (let turn = 0; !isDead; turn += 1) {
        const { status, isWhole } = await open(gateway.url, agent, `turn ${turn} of ${client}`).done.catch(() => ({
          status: 0,
          isWhole: false,
        }));
        if (status === 200 && isWhole) answered += 1;
        else isDead = true;
      }
    });
    await until(() => answered >= 60, 20_000);
    gateway.signal('SIGKILL');
    await Promise.all(clients);
    expect(await gateway.ended).to.equal('SIGKILL');
    await expectConsistent(before + 1);
    const published = (await counters()).history.published - before;
    // What was answered and not handed over yet died with the process; what was handed over is whole.
    expect(published).to.be.within(1, answered + clients.length);

    const next = await bed.start('gateway');
    const { status } = await open(next.url, connection(), 'after the crash').done;
    expect(status).to.equal(200);
    await expectConsistent(before + published + 1);
  });
});
