// From an exchange on the bus to a row in the store, and what happens when either is away or the exchange is bad.
import { expect } from 'chai';
import type { Bus } from '#shared/bus/bus.ts';
import { summarizeAnswer } from '#shared/exchange/answer-summary.ts';
import { EXCHANGE_VERSION } from '#shared/exchange/exchange.ts';
import { observeFigures } from '#shared/exchange/read-exchange.ts';
import { uuidv7 } from '#shared/ids.ts';
import type { ExchangeDetail, Store } from '#shared/store/store.ts';
import { answerEvents, answerJson, chunksOf, recordedAnswer, sseBytes } from '../support/answer-bytes.ts';
import { START } from '../support/store-rows.ts';
import { ConsoleBed, entry, publication, until } from './console-bed.ts';

describe('recordHistory', () => {
  let bed: ConsoleBed;
  beforeEach(() => {
    bed = new ConsoleBed();
  });
  afterEach(() => bed.end());

  async function recorded(id: string): Promise<ExchangeDetail> {
    await bed.settled();
    const row = await bed.store.exchange(id);
    if (!row) throw new Error(`no row ${id}`);
    return row;
  }

  it('writes down what the gateway and the answer say', async () => {
    await bed.start();
    const one = entry({ shadow: ['glm'], skip: null });
    await bed.bus.publish(await publication(one));
    expect(await recorded(one.id)).to.deep.equal({
      id: one.id,
      started_at: '2026-01-02T03:04:05.678Z',
      session_id: 'session-1',
      class: 'main',
      mode: 'compare',
      route: 'passthrough',
      model_asked: 'claude-opus-4-5',
      model_answered: 'claude-test-1',
      provider: 'anthropic',
      status: 'completed',
      http_status: 200,
      stop_reason: 'end_turn',
      error_code: null,
      usage: { input_tokens: 10, output_tokens: 20, cache_read_input_tokens: 5, cache_creation_input_tokens: null },
      // 10 at $5, 20 at $25 and 5 read at $0.50 a million.
      cost_usd: 0.0005525,
      ttfb_ms: 12.5,
      ttft_ms: (await recorded(one.id)).ttft_ms,
      total_duration_ms: 345.25,
      client: 'claude-cli/2.0.1 (external, cli)',
      trace_id: '0af7651916cd43dd8448eb211c80319c',
      captured_headers: null,
      request: { model: 'claude-opus-4-5', messages: [{ role: 'user', content: 'hello' }] },
      response: {
        id: 'msg_1',
        type: 'message',
        role: 'assistant',
        model: 'claude-test-1',
        content: [{ type: 'text', text: 'hi there' }],
        stop_reason: 'end_turn',
        stop_sequence: null,
        usage: { input_tokens: 10, output_tokens: 20, cache_read_input_tokens: 5 },
      },
      skip_reason: null,
      shadow: ['glm'],
    });
    expect((await recorded(one.id)).ttft_ms).to.be.greaterThan(0);
    expect(await bed.count('stored')).to.equal(1);
    expect(await bed.bus.counters('history')).to.include({ published: 1, finished: 1, dead: 0, pending: 0 });
  });

  it('prices what was sent, by your prices first, and leaves open what it cannot know', async () => {
    const yours = { input: 100, output: null, cache_read: 0, cache_write: null };
    await bed.start({
      prices: { 'glm-5-fp8': { ...yours, output: 1000 }, 'claude-opus-4-5': yours, 'half-known': yours },
    });
    const whole = sseBytes(answerEvents({ text: 'one two three' }));
    const half = recordedAnswer(chunksOf(whole.subarray(0, whole.length - 150), 50), { end: 'reset' });
    const costOf = async (modelSent: string, answered?: typeof half): Promise<number | null> => {
      const one = entry({ modelSent });
      await bed.bus.publish(await publication(one, {}, answered));
      return (await recorded(one.id)).cost_usd;
    };
    expect(await costOf('glm-5-fp8')).to.be.closeTo((10 * 100 + 20 * 1000) / 1e6, 1e-12);
    expect(await costOf('claude-opus-4-5'), 'output as published').to.be.closeTo((10 * 100 + 20 * 25) / 1e6, 1e-12);
    expect(await costOf('nobody-knows-1')).to.equal(null);
    expect(await costOf('half-known')).to.equal(null);
    expect(await costOf('gpt-5', half), 'a broken answer').to.equal(null);
  });

  it('names how each exchange ended', async () => {
    await bed.start();
    const whole = sseBytes(answerEvents({ text: 'one two three' }));
    const half = recordedAnswer(chunksOf(whole.subarray(0, whole.length - 150), 50), { end: 'reset' });
    const refused = { type: 'error', error: { type: 'overloaded_error', message: 'busy' } };
    const overloaded = recordedAnswer(chunksOf(Buffer.from(JSON.stringify(refused)), 50), { status: 529 });
    const strange = { type: 'error', error: { type: 'a name that is a sentence', message: 'busy' } };
    const odd = recordedAnswer(chunksOf(Buffer.from(JSON.stringify(strange)), 50), { status: 500 });
    const none = recordedAnswer([], { status: 0, end: 'connect_error' });
    const cases = [
      {
        outcome: 'ok',
        answered: recordedAnswer(chunksOf(answerJson({ text: 'hi' }), 50)),
        status: 'completed',
        code: null,
      },
      { outcome: 'ok', answered: half, status: 'partial', code: 'connection_error' },
      { outcome: 'stream_error', answered: half, status: 'partial', code: 'connection_error' },
      { outcome: 'timeout', answered: half, status: 'partial', code: 'timeout_error' },
      { outcome: 'timeout', answered: none, status: 'error', code: 'timeout_error' },
      { outcome: 'client_abort', answered: half, status: 'aborted', code: null },
      { outcome: 'upstream_error', answered: overloaded, status: 'error', code: 'overloaded_error' },
      { outcome: 'upstream_error', answered: odd, status: 'error', code: 'api_error' },
      { outcome: 'rejected', answered: none, status: 'error', code: 'connection_error' },
    ] as const;
    for (const { outcome, answered, status, code } of cases) {
      const one = entry({ outcome });
      await bed.bus.publish(await publication(one, {}, answered));
      const row = await recorded(one.id);
      expect(row.status, `${outcome} ${answered.end}`).to.equal(status);
      expect(row.error_code, `${outcome} ${answered.end}`).to.equal(code);
      if (answered === overloaded) expect(row.response).to.deep.equal(refused);
    }
  });

  it('makes the same row of a summary that the gateway sent as of the whole exchange', async () => {
    const whole = sseBytes(answerEvents({ text: 'one two three' }));
    const error = { type: 'error', error: { type: 'odd_error', message: 'no' } };
    const refused = recordedAnswer([{ atMs: 1, bytes: Buffer.from(JSON.stringify(error)) }]);
    const answers = {
      whole: recordedAnswer(chunksOf(whole, 50)),
      half: recordedAnswer(chunksOf(whole.subarray(0, whole.length - 150), 50), { end: 'reset' }),
      refused: { ...refused, status: 400 },
      empty: recordedAnswer([]),
    };
    await bed.start({ captureLevel: 'metadata' });
    for (const [name, answered] of Object.entries(answers)) {
      const read = entry({ id: uuidv7(START), outcome: name === 'whole' ? 'ok' : 'stream_error' });
      const told = { ...read, id: uuidv7(START), summary: summarizeAnswer(await observeFigures(answered)) };
      await bed.bus.publish(await publication(read, {}, answered));
      await bed.bus.publish({ ...(await publication(told)), body: null });
      expect({ ...(await recorded(told.id)), id: read.id }, name).to.deep.equal(await recorded(read.id));
    }
    expect(await bed.count('stored')).to.equal(8);
    expect(await bed.count('expired')).to.equal(0);
  });

  it('keeps texts as the capture level says', async () => {
    const secret = `sk-ant-${'api03-'}AbCdEf0123456789`;
    const request = { model: 'm', messages: [{ role: 'user', content: `my key is ${secret}` }] };
    for (const captureLevel of ['metadata', 'redacted', 'full'] as const) {
      const service = await bed.start({ captureLevel });
      const one = entry({ clientHeaders: { 'user-agent': `tool ${secret}` } });
      const spoken = recordedAnswer(chunksOf(sseBytes(answerEvents({ text: `use ${secret}!` })), 64));
      await bed.bus.publish(await publication(one, request, spoken));
      const row = await recorded(one.id);
      const [asked, answered] = [JSON.stringify(row.request), JSON.stringify(row.response)];
      expect(row.client).to.match(/^tool \[\[secret:/);
      expect(row.usage.output_tokens).to.equal(20);
      if (captureLevel === 'metadata') expect([row.request, row.response]).to.deep.equal([null, null]);
      if (captureLevel === 'full')
        expect([asked.includes(secret), answered.includes(secret)]).to.deep.equal([true, true]);
      if (captureLevel === 'redacted') {
        expect(`${asked}${answered}`).to.not.contain(secret);
        const tags = `${asked}${answered}`.match(/\[\[secret:[0-9a-f]{8}\]\]/g);
        expect(tags).to.have.length(2);
        expect(new Set(tags).size).to.equal(1);
      }
      await service.stop();
    }
  });

  it('settles exchanges and keeps no row when capture is off', async () => {
    await bed.start({ captureLevel: 'off' });
    await bed.bus.publish(await publication(entry()));
    await bed.settled();
    expect((await bed.store.exchanges({ limit: 10 })).data).to.deep.equal([]);
  });

  it('keeps a request that is no JSON as redacted text', async () => {
    await bed.start();
    const one = entry();
    await bed.bus.publish(await publication(one, 'mail jane@example.com'));
    expect((await recorded(one.id)).request).to.match(/^"mail \[\[secret:[0-9a-f]{8}\]\]"$/);
  });

  it('writes a row of numbers when the body expired, and counts it', async () => {
    const one = entry();
    await bed.bus.publish(await publication(one));
    bed.clock.offsetMs += 3_600_000;
    await bed.start();
    const row = await recorded(one.id);
    expect(row).to.include({ status: 'completed', total_duration_ms: 345.25, model_answered: null, request: null });
    expect([await bed.count('expired'), await bed.count('stored')]).to.deep.equal([1, 0]);
  });

  it('buries what a newer version wrote, and goes on', async () => {
    await bed.start();
    const newer = await publication(entry());
    await bed.bus.publish({ ...newer, fields: { ...newer.fields, v: String(EXCHANGE_VERSION + 1) } });
    const garbled = await publication(entry());
    await bed.bus.publish({ ...garbled, body: Buffer.from([9, 9, 9]) });
    const good = entry();
    await bed.bus.publish(await publication(good));
    await recorded(good.id);
    const letters = await bed.bus.deadLetters(10);
    expect(letters.map(({ id, reason }) => ({ id, reason }))).to.have.deep.members([
      { id: newer.id, reason: 'schema' },
      { id: garbled.id, reason: 'schema' },
    ]);
    expect([await bed.count('dead'), await bed.count('stored')]).to.deep.equal([2, 1]);
  });

  it('counts an exchange that is there already and leaves its row alone', async () => {
    await bed.store.migrate();
    const one = entry();
    await bed.bus.publish(await publication(one));
    const first = await bed.start();
    const row = await recorded(one.id);
    await first.stop();
    await bed.start({}, { bus: again(bed.bus, one.id) });
    await until('the second delivery is counted', async () => (await bed.count('duplicate')) === 1);
    expect(await bed.store.exchange(one.id)).to.deep.equal(row);
  });

  it('loses nothing while the store is away, and stores each exchange once', async () => {
    let isDown = false;
    let tries = 0;
    const flaky: Store = {
      ...bed.store,
      async insertExchange(row) {
        if (!isDown) return bed.store.insertExchange(row);
        tries++;
        throw new Error('connection refused');
      },
      healthy: async () => !isDown,
    };
    await bed.start({}, { store: flaky });
    const entries = Array.from({ length: 10 }, () => entry());
    isDown = true;
    for (const one of entries) await bed.bus.publish(await publication(one));
    await until('the store was tried often', () => tries > 12);
    expect(await bed.bus.counters('history')).to.include({ finished: 0, dead: 0, pending: 10 });
    isDown = false;
    for (const one of entries) expect((await recorded(one.id)).response).to.not.equal(null);
    expect([await bed.count('stored'), await bed.count('duplicate'), await bed.count('dead')]).to.deep.equal([
      10, 0, 0,
    ]);
    expect(await bed.count('failed')).to.be.greaterThan(12);
  });

  it('counts a row as stored although the bus was away when it was to be settled', async () => {
    let failures = 3;
    const flaky = withBus(bed.bus, {
      async finish(group, delivery) {
        if (failures-- > 0) throw new Error('bus away');
        return bed.bus.finish(group, delivery);
      },
    });
    await bed.start({}, { bus: flaky });
    const one = entry();
    await bed.bus.publish(await publication(one));
    await recorded(one.id);
    await until('it is counted', async () => (await bed.count('stored')) === 1);
    expect(await bed.count('duplicate')).to.equal(0);
  });

  it('reads on when the bus was away', async () => {
    let failures = 3;
    const flaky = withBus(bed.bus, {
      async read(...asked) {
        if (failures-- > 0) throw new Error('bus away');
        return bed.bus.read(...asked);
      },
    });
    await bed.start({}, { bus: flaky });
    const one = entry();
    await bed.bus.publish(await publication(one));
    await recorded(one.id);
    expect(bed.lines.filter(({ event }) => event === 'history.bus_unreachable')).to.have.length(3);
  });

  it('keeps the numbers of a row whose texts the store will not take', async () => {
    const picky: Store = {
      ...bed.store,
      async insertExchange(row) {
        if (row.request !== null) throw new Error('row too large');
        return bed.store.insertExchange(row);
      },
    };
    await bed.start({}, { store: picky });
    const one = entry();
    await bed.bus.publish(await publication(one));
    expect(await recorded(one.id)).to.include({ total_duration_ms: 345.25, request: null });
    expect([await bed.count('failed'), await bed.count('stored')]).to.deep.equal([2, 1]);
  });

  it('gives up an exchange that can never be stored, and goes on', async () => {
    await bed.start();
    const bad = entry({ startedAtMs: Number.MAX_VALUE });
    const good = entry();
    await bed.bus.publish(await publication(bad));
    await bed.bus.publish(await publication(good));
    await recorded(good.id);
    expect((await bed.bus.deadLetters(10)).map(({ id, reason }) => [id, reason])).to.deep.equal([
      [bad.id, 'deliveries'],
    ]);
    expect(await bed.count('dead')).to.equal(1);
  });

  it('leaves on the bus what it holds when it stops', async () => {
    const away: Store = {
      ...bed.store,
      insertExchange: async () => {
        throw new Error('away');
      },
      healthy: async () => false,
    };
    const service = await bed.start({}, { store: away });
    const one = entry();
    await bed.bus.publish(await publication(one));
    await until('it was tried', async () => (await bed.count('failed')) > 0);
    const tries = await bed.count('failed');
    await service.stop();
    expect(await bed.bus.counters('history')).to.include({ finished: 0, dead: 0, pending: 1 });
    const [left] = bed.lines.filter(({ event }) => event === 'history.abandoned');
    expect(left?.fields, 'booked: nobody else reads this bus').to.deep.equal({ exchanges: 1 });
    expect(await bed.count('failed')).to.be.greaterThan(tries);
    await bed.start({
      history: { batchSize: 4, waitMs: 20, claimIdleMs: 0, maxDeliveries: 3, retryMs: 1, retryMaxMs: 5, graceMs: 50 },
    });
    await recorded(one.id);
  });

  it('records what is queued on a bus in memory before it stops', async () => {
    const service = await bed.start({
      history: {
        batchSize: 1,
        waitMs: 20,
        claimIdleMs: 60_000,
        maxDeliveries: 3,
        retryMs: 1,
        retryMaxMs: 5,
        graceMs: 5_000,
      },
    });
    for (let index = 0; index < 20; index++) await bed.bus.publish(await publication(entry()));
    await service.stop();
    expect((await bed.store.exchanges({ limit: 50 })).data).to.have.length(20);
    expect(bed.lines.filter(({ event }) => event === 'history.abandoned')).to.deep.equal([]);
  });

  it('migrates as soon as the database is there, and records what waited', async () => {
    let refusals = 3;
    const late: Store = {
      ...bed.store,
      async migrate() {
        if (refusals-- > 0) throw new Error('connection refused');
        await bed.store.migrate();
      },
    };
    const one = entry();
    await bed.bus.publish(await publication(one));
    const service = await bed.start({}, { store: late });
    await recorded(one.id);
    expect(await service.ready()).to.equal(true);
    expect(bed.lines.filter(({ event }) => event === 'store.schema_delayed')).to.have.length(3);
  });

  it('shows the age of the oldest exchange that waits', async () => {
    const away: Store = {
      ...bed.store,
      insertExchange: async () => {
        throw new Error('away');
      },
      healthy: async () => false,
    };
    await bed.bus.publish(await publication(entry()));
    bed.clock.offsetMs += 90_000;
    await bed.start({}, { store: away });
    await until('the age is shown', async () => {
      const { values } = await bed.metrics.historyOldestPendingAgeSeconds.get();
      return (values[0]?.value ?? 0) >= 90;
    });
  });

  it('writes no prompt and no secret to the log, whatever goes wrong', async () => {
    const secret = 'tell nobody about the blue elephant';
    const picky: Store = {
      ...bed.store,
      insertExchange: async () => {
        throw new Error('no');
      },
    };
    await bed.start({ captureLevel: 'full' }, { store: picky });
    await bed.bus.publish(await publication(entry({ id: uuidv7(START) }), { text: secret }));
    await bed.settled();
    await until('it is given up', async () => (await bed.count('dead')) === 1);
    expect(JSON.stringify(bed.lines)).to.not.contain('elephant');
  });
});

function withBus(bus: Bus, changes: Partial<Bus>): Bus {
  return new Proxy(bus, {
    get(target, name) {
      const changed: unknown = Reflect.get(changes, name);
      if (changed !== undefined) return changed;
      const value: unknown = Reflect.get(target, name, target);
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
}

/** A bus that first delivers one exchange that was settled already. */
function again(bus: Bus, id: string): Bus {
  const repeated = [id];
  return withBus(bus, {
    async read(...asked) {
      const next = repeated.pop();
      if (next === undefined) return bus.read(...asked);
      const { fields, pairs } = await publication(entry({ id: next, outcome: 'client_abort' }));
      return [{ messageId: '1', id: next, fields, pairs, deliveryCount: 2 }];
    },
  });
}
