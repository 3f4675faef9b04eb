// Compare mode as a whole, in one process on embedded parts: what becomes of each exchange, and that nothing goes missing.
import { request as httpRequest } from 'node:http';
import { expect } from 'chai';
import { createSimulator, type Scene, type Simulator } from '#services/simulator/service.ts';
import type { PairRow } from '#shared/store/store.ts';
import { ANSWER, type CompareBed, SECONDARY, startCompareBed } from '../support/compare-bed.ts';
import { until } from '../support/gateway.ts';
import { messagesRequest } from '../support/raw-client.ts';
import { readMetrics } from '../support/read-metrics.ts';
import { replay, requestsOf, sceneFor } from '../support/recordings.ts';

const RECORDINGS = [
  'cc-tool-bash',
  'cc-tool-read-parallel',
  'cc-subagent',
  'cc-am-glm',
  'cc-err-400-system-role',
  'cc-mid-error-overloaded',
  'sdk-err-529x',
  'sdk-thread-400-code',
  'old-2.1.197-tool',
];

/** Two more models beside the target, both at the given address. */
function alsoModels(url: string, names: string[]): Record<string, unknown> {
  return {
    'providers.more.base_url': url,
    'compare.also': names,
    ...Object.fromEntries(names.map((name) => [`models.${name}.provider`, 'more'])),
  };
}

describe('compare mode, in one process', () => {
  let bed: CompareBed;
  const others: Simulator[] = [];
  const startOther = async (scene: Scene): Promise<Simulator> => {
    const other = await createSimulator({ listenAddress: '127.0.0.1:0' });
    other.use(scene);
    others.push(other);
    return other;
  };
  const start = async (settings: Record<string, unknown> = {}): Promise<CompareBed> => {
    bed = await startCompareBed(settings);
    bed.primary.use(ANSWER);
    bed.secondary.use(ANSWER);
    return bed;
  };
  const stop = async (): Promise<void> => {
    await bed.stop();
    await Promise.all(others.splice(0).map((other) => other.stop()));
  };
  const metricOf = async (reason: string): Promise<number> =>
    (await readMetrics(bed.started.opsUrl))('ccproxy_compare_skipped_total', { reason });

  describe('as it is set up', () => {
    /** Pairs planned by all requests so far. */
    let planned = 0;
    before(() => start());
    after(stop);

    it('S0-02 pairs each recorded exchange or skips it for one counted reason', async () => {
      bed.primary.use('agent');
      bed.secondary.use('agent');
      const sent: Array<{ name: string; id: string }> = [];
      for (const recorded of RECORDINGS.flatMap(requestsOf)) {
        if (recorded.method !== 'POST' || !/^\/v1\/messages(\?|$)/.test(recorded.url)) continue;
        const scene = ['x-simulator-scene', sceneFor(recorded.file, recorded.seq)];
        const { rawHeaders } = await replay(bed.started.gatewayUrl, recorded, scene);
        const at = rawHeaders.findIndex((name) => name.toLowerCase() === 'x-ccproxy-request-id');
        sent.push({ name: `${recorded.file} ${recorded.seq}`, id: rawHeaders[at + 1] ?? '' });
      }
      planned += sent.length;
      const outcomes: Record<string, number> = {};
      for (const { name, id } of sent) {
        const { exchange, pairs, reason } = await bed.settled(id);
        expect(pairs.length, name).to.equal(exchange.skip_reason === null ? 1 : 0);
        expect(exchange.shadow, name).to.deep.equal(exchange.skip_reason === null ? [SECONDARY] : []);
        outcomes[reason ?? 'paired'] = (outcomes[reason ?? 'paired'] ?? 0) + 1;
      }
      expect(sent.length).to.be.greaterThan(20);
      expect(outcomes).to.have.all.keys('paired', 'primary_error', 'class_excluded');
      const bash = await bed.pairs(sent.find(({ name }) => name.startsWith('cc-tool-bash'))?.id ?? '');
      expect(bash[0]?.primary?.tools).to.deep.equal(['Bash']);
      await bed.expectAccounted(planned);
      expect(bed.secondary.seen()).to.have.length(outcomes.paired ?? 0);
    }).timeout(30_000);

    it('S0-02 answers with the passthrough’s bytes and asks the secondary only afterwards', async () => {
      bed.primary.reset();
      bed.secondary.reset();
      bed.primary.use(ANSWER);
      bed.secondary.use(ANSWER);
      const { id, answer } = await bed.ask();
      planned += 1;
      expect(answer.status).to.equal(200);
      const { exchange, pairs } = await bed.settled(id);
      expect(exchange).to.include({ mode: 'compare', provider: 'passthrough', status: 'completed', skip_reason: null });
      expect(pairs).to.have.length(1);
      expect(pairs[0]).to.include({ exchange_id: id, target: SECONDARY, status: 'paired', verdict: 'equivalent' });
      const [primarySaw] = bed.primary.seen();
      const [secondarySaw] = bed.secondary.seen();
      if (!primarySaw || !secondarySaw) throw new Error('both models were to be asked');
      expect(secondarySaw.atMs).to.be.at.least(primarySaw.endedAtMs ?? Number.POSITIVE_INFINITY);
      expect(secondarySaw.headers['x-ccproxy-shadow']).to.equal('1');
      expect((secondarySaw.body as { model: string }).model).to.equal(SECONDARY);
      expect((await bed.all<PairRow>('/api/pairs')).map((pair) => pair.pair_id)).to.include(`${id}:${SECONDARY}`);
      // A row is there before its spans have left, which is written into it later: its delivery ends after both.
      await bed.expectAccounted(planned);
      const [exported] = await bed.pairs(id);
      expect(exported).to.deep.equal({ ...pairs[0], exported_at: exported?.exported_at });
      expect(exported?.exported_at).to.be.a('string');
      const one = await fetch(`${bed.started.consoleUrl}/api/pairs/${encodeURIComponent(`${id}:${SECONDARY}`)}`);
      expect(await one.json()).to.deep.equal(exported);
    });

    /** The request whose fate is looked at is the last one of `act`; all of them count. */
    const SKIPS: Array<[reason: string, turns: number, act: () => Promise<{ id: string }>]> = [
      [
        'class_excluded',
        1,
        () => bed.ask({ body: { tools: [], max_tokens: 1, messages: [{ role: 'user', content: 'quota' }] } }),
      ],
      ['recursion', 1, () => bed.ask({ headers: ['x-ccproxy-shadow', '1'] })],
      ['thread_continue', 1, () => bed.ask({ body: { thread: { type: 'continue', thread_id: 'thread_1' } } })],
      [
        'primary_error',
        1,
        () => {
          bed.primary.use('error-529');
          return bed.ask();
        },
      ],
      [
        'retry',
        2,
        async () => {
          const body = { messages: [{ role: 'user', content: 'the same again' }] };
          await bed.settled((await bed.ask({ session: 's', body })).id);
          return bed.ask({ session: 's', stream: false, body: { ...body, max_tokens: 99 } });
        },
      ],
      [
        'aborted',
        1,
        () => {
          bed.primary.use({ ...ANSWER, fault: { kind: 'silence', after: 3 } });
          return leaveEarly(bed.started.gatewayUrl);
        },
      ],
    ];
    for (const [reason, turns, act] of SKIPS) {
      it(`S0-02 skips for ${reason}, once and in the books`, async () => {
        bed.primary.use(ANSWER);
        const [asked, counted] = [bed.secondary.seen().length, await metricOf(reason)];
        planned += turns;
        const { id } = await act();
        const { exchange, pairs } = await bed.settled(id);
        expect(exchange).to.include({ skip_reason: reason });
        expect(pairs).to.deep.equal([]);
        await bed.expectAccounted(planned);
        expect(await metricOf(reason)).to.equal(counted + 1);
        expect(bed.secondary.seen()).to.have.length(asked + turns - 1);
      });
    }
  });

  describe('set up in another way', () => {
    afterEach(stop);

    it('S0-02 with two models more makes three pairs of each exchange, and counts in pairs', async () => {
      await start(alsoModels((await startOther(ANSWER)).url, ['second', 'third']));
      const kept = await bed.ask();
      const { exchange, pairs } = await bed.settled(kept.id);
      expect(exchange.shadow).to.deep.equal([SECONDARY, 'second', 'third']);
      expect(pairs.map(({ target }) => target)).to.have.members(exchange.shadow);
      bed.primary.use('error-529');
      const failed = await bed.ask();
      expect((await bed.settled(failed.id)).reason).to.equal('primary_error');
      await bed.expectAccounted(6);
    });

    const countedAs = async (result: string): Promise<number> =>
      (await readMetrics(bed.started.opsUrl))('ccproxy_compare_enqueue_total', { result });

    it('S0-02 skips what its session’s draw leaves out, and only that', async () => {
      await start({ 'compare.sample.main': 0.5, 'compare.sample.salt': 'exp-1' });
      const left = await bed.ask({ session: 'a0b1c2d3-0000-4000-8000-000000000001' });
      const taken = await bed.ask({ session: '3f1c9a52-7d0e-4b8a-9e61-2a4c8f7b1d03' });
      const again = await bed.ask({ session: '3f1c9a52-7d0e-4b8a-9e61-2a4c8f7b1d03' });
      expect((await bed.settled(left.id)).reason).to.equal('not_sampled');
      expect((await bed.settled(taken.id)).reason).to.equal(null);
      expect((await bed.settled(again.id)).reason).to.equal(null);
      await bed.expectAccounted(3);
    });

    it('S0-02 stops at a session’s cap of turns, also for turns that come at once, and says so on the row', async () => {
      await start({ 'compare.budget.turns_per_session': 2 });
      const ids = (await Promise.all([1, 2, 3, 4].map(() => bed.ask({ session: 'busy' })))).map(({ id }) => id);
      const reasons = (await Promise.all(ids.map((id) => bed.settled(id)))).map(({ reason }) => reason);
      expect(reasons.filter((reason) => reason === null)).to.have.length(2);
      expect(reasons.filter((reason) => reason === 'session_cap')).to.have.length(2);
      expect((await bed.settled((await bed.ask({ session: 'other' })).id)).reason).to.equal(null);
      await bed.expectAccounted(5);
      expect(bed.secondary.seen()).to.have.length(3);
    });

    it('S0-02 stops at the tokens of an hour, and says so on the row', async () => {
      await start({ 'compare.budget.tokens_per_hour': 1_200 });
      bed.primary.use({ ...ANSWER, usage: { input_tokens: 100, output_tokens: 10 } });
      bed.secondary.use({ ...ANSWER, usage: { input_tokens: 300, output_tokens: 100 } });
      expect((await bed.settled((await bed.ask()).id)).reason).to.equal(null);
      const { pairs, reason } = await bed.settled((await bed.ask()).id);
      expect(reason).to.equal('budget');
      expect(pairs[0]).to.include({ status: 'orphan', verdict: 'orphan', secondary: null });
      await bed.expectAccounted(2);
      expect(bed.secondary.seen()).to.have.length(1);
    });

    it('S0-02 counts what is asked in another mode outside the sums', async () => {
      await start();
      const switched = await fetch(`${bed.started.gatewayUrl}/api/mode`, {
        method: 'PUT',
        headers: { 'content-type': 'application/json' },
        body: '{"mode":"target"}',
      });
      expect(switched.status).to.equal(200);
      const { id } = await bed.ask();
      expect((await bed.settled(id)).exchange).to.include({ mode: 'target', skip_reason: 'mode_off' });
      expect(await metricOf('mode_off')).to.equal(1);
      await bed.expectAccounted(0);
      expect(bed.primary.connections()).to.equal(0);
    });

    it('S0-02 adds nothing to a queue that is full', async () => {
      // Slow enough for the gateway's look at the queue, which comes once a second.
      const slow: Scene = { ...ANSWER, fault: { kind: 'silence-before-headers', forMs: 2_500 } };
      await start({
        ...alsoModels((await startOther(slow)).url, ['second', 'third']),
        'exchange.max_len': 10,
        'compare.call.concurrency': 100,
      });
      bed.secondary.use(slow);
      let asked = 0;
      const isRefused = async (): Promise<boolean> => {
        asked += 1;
        const { id } = await bed.ask();
        await until(async () => (await bed.exchange(id)) !== null);
        return (await bed.exchange(id))?.skip_reason === 'backlog';
      };
      for (let wanted = 4; wanted > 0; wanted -= 1) expect(await isRefused()).to.equal(false);
      await until(isRefused, 5_000);
      expect(await metricOf('backlog')).to.equal(3);
      await bed.expectAccounted(asked * 3);
    }).timeout(30_000);

    it('S0-02 does not hand over what is larger than the bus takes, and counts it', async () => {
      await start({ 'exchange.body_max_bytes': 4096 });
      bed.primary.use('long-output');
      const { answer } = await bed.ask();
      expect(answer.end).to.equal('complete');
      await until(async () => (await countedAs('dropped_size')) === 1);
      expect((await bed.counters()).published).to.equal(0);
      bed.primary.use('error-529');
      const failed = await bed.ask();
      await until(async () => (await metricOf('primary_error')) === 1);
      expect((await bed.settled(failed.id)).reason).to.equal('primary_error');
      expect(await countedAs('dropped_size')).to.equal(1);
    });
  });
});

/** Reads the beginning of a stream and hangs up. */
function leaveEarly(gatewayUrl: string): Promise<{ id: string }> {
  const { path, headers, body } = messagesRequest({ body: { tools: [{ name: 'Bash', input_schema: {} }] } });
  const { hostname, port } = new URL(gatewayUrl);
  return new Promise((resolve, reject) => {
    const all = ['host', `${hostname}:${port}`, ...headers];
    const request = httpRequest({ hostname, port, path, method: 'POST', headers: all, agent: false }, (response) => {
      response.once('data', () => {
        request.destroy();
        resolve({ id: String(response.headers['x-ccproxy-request-id']) });
      });
      response.on('error', () => {}); // we cut it ourselves
    });
    request.on('error', reject);
    request.end(body);
  });
}
