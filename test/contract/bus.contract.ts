// What every bus promises, as one suite that both adapters run.
import { expect } from 'chai';
import fc from 'fast-check';
import type { Bus, BusCounters, Delivery, Group, ReadOptions } from '#shared/bus/bus.ts';
import { GROUPS } from '#shared/bus/bus.ts';
import type { BusLimits } from '#shared/bus/limits.ts';
import { DEFAULT_BUS_LIMITS } from '#shared/bus/limits.ts';
import { attemptInTime } from '../support/patience.ts';

export interface BusHarness {
  /** A bus with nothing in it. */
  open(limits: BusLimits): Promise<Bus>;
  /** Lets this much time pass for the bus. */
  elapse(ms: number): Promise<void>;
  end(): Promise<void>;
}

/** Idle time after which the suite's consumers count as silent: short, because real adapters wait for real. */
const IDLE_MS = 40;
const TAKE: ReadOptions = { count: 10, waitMs: 0, claimIdleMs: IDLE_MS, maxDeliveries: 3 };
const WAIT: ReadOptions = { ...TAKE, waitMs: 5000 };
/** Never claims. */
const FRESH: ReadOptions = { ...TAKE, claimIdleMs: 3_600_000 };

export function describeBus(name: string, start: (context: Mocha.Context) => Promise<BusHarness>): void {
  describe(`bus over ${name}`, () => {
    let harness: BusHarness | undefined;
    let bus: Bus;

    const open = async (limits: Partial<BusLimits> = {}): Promise<Bus> => {
      if (!harness) throw new Error('the harness was not started');
      bus = await harness.open({ ...DEFAULT_BUS_LIMITS, ...limits });
      return bus;
    };
    const elapse = async (ms: number): Promise<void> => harness?.elapse(ms);

    before(async function () {
      harness = await start(this);
    });
    beforeEach(() => open());
    after(() => harness?.end());

    const publish = (id: string, pairs = 1, body = `body of ${id}`) =>
      bus.publish({ id, fields: { v: '1', id, shadow: '["a"]' }, body: Buffer.from(body), pairs });
    const takeOne = async (group: Group, consumer: string, options = FRESH): Promise<Delivery> => {
      const [delivery, ...others] = await bus.read(group, consumer, options);
      if (!delivery) throw new Error(`nothing for ${consumer} of ${group}`);
      expect(others).to.deep.equal([]);
      return delivery;
    };
    const ids = (deliveries: Delivery[]): string[] => deliveries.map(({ id }) => id);

    it('hands a published exchange to both groups with its fields, pairs and body', async () => {
      expect(await publish('x1', 2)).to.equal('ok');
      for (const group of GROUPS) {
        const delivery = await takeOne(group, 'c');
        expect(delivery).to.deep.include({ id: 'x1', pairs: 2, deliveryCount: 1 });
        expect(delivery.fields).to.deep.equal({ v: '1', id: 'x1', shadow: '["a"]' });
        expect((await bus.body('x1'))?.toString()).to.equal('body of x1');
      }
    });

    it('hands over an exchange without a body like any other, and holds nothing for it', async () => {
      await open({ redisBytesMax: 0 });
      const publication = { id: 'bare', fields: { v: '1', id: 'bare' }, body: null, pairs: 0 };
      expect(await bus.publish(publication)).to.equal('ok');
      expect(await bus.publish(publication), 'a second time').to.equal('ok');
      const delivery = await takeOne('history', 'c');
      expect(delivery.fields).to.deep.equal({ v: '1', id: 'bare' });
      expect(await bus.body('bare')).to.equal(null);
      await bus.finish('history', delivery);
      expect(await bus.counters('history')).to.deep.equal({ published: 1, finished: 1, dead: 0, pending: 0 });
    });

    it('keeps any bytes and any text as they are', async () => {
      const body = Buffer.from(Array.from({ length: 256 }, (_, byte) => byte));
      const fields = { empty: '', text: 'line\r\n"ü€😀" \u0000 end' };
      await bus.publish({ id: 'bytes', fields, body, pairs: 1 });
      const delivery = await takeOne('history', 'c');
      expect(delivery.fields).to.deep.equal(fields);
      expect((await bus.body('bytes'))?.equals(body)).to.equal(true);
    });

    it('delivers what was published before a group was first read, in order', async () => {
      for (const id of ['a', 'b', 'c']) await publish(id);
      expect(ids(await bus.read('history', 'late', FRESH))).to.deep.equal(['a', 'b', 'c']);
    });

    it('gives each entry to one consumer of a group and no more than asked for', async () => {
      for (const id of ['a', 'b', 'c']) await publish(id);
      const first = await bus.read('compare', 'one', { ...FRESH, count: 2 });
      const second = await bus.read('compare', 'two', { ...FRESH, count: 2 });
      expect([ids(first), ids(second)]).to.deep.equal([['a', 'b'], ['c']]);
    });

    it('wakes a waiting reader when something is published', async () => {
      const reading = bus.read('compare', 'c', WAIT);
      await publish('awaited');
      expect(ids(await reading)).to.deep.equal(['awaited']);
    });

    it('returns nothing when the wait is over', async () => {
      expect(await bus.read('compare', 'c', { ...TAKE, waitMs: 20 })).to.deep.equal([]);
    });

    it('ends a waiting read when it is closed', async () => {
      const reading = bus.read('history', 'c', { ...WAIT, waitMs: 60_000 });
      await bus.close();
      expect(await reading).to.deep.equal([]);
    });

    it('keeps one entry when the same id is published twice, also after it was settled', async () => {
      await publish('same');
      expect(await publish('same')).to.equal('ok');
      for (const group of GROUPS) await bus.finish(group, await takeOne(group, 'c'));
      expect(await publish('same')).to.equal('ok');
      expect(await bus.read('history', 'c', FRESH)).to.deep.equal([]);
      await expectAtRest({ history: counts(1, 1, 0), compare: counts(1, 1, 0) });
    });

    it('counts planned pairs in compare and exchanges in history', async () => {
      await publish('two', 2);
      await publish('none', 0);
      expect(await bus.counters('history')).to.deep.equal({ published: 2, finished: 0, dead: 0, pending: 2 });
      expect(await bus.counters('compare')).to.deep.equal({ published: 2, finished: 0, dead: 0, pending: 2 });
      expect(await bus.backlog('compare')).to.deep.include({ length: 2, pending: 2 });
      await bus.finish('compare', await takeOne('compare', 'c'));
      expect(await bus.counters('compare')).to.deep.equal({ published: 2, finished: 2, dead: 0, pending: 0 });
    });

    it('never shows compare an exchange without planned pairs', async () => {
      await publish('none', 0);
      await publish('some', 1);
      await publish('none again', 0);
      expect(ids(await bus.read('compare', 'c', FRESH))).to.deep.equal(['some']);
      expect(ids(await bus.read('history', 'c', FRESH))).to.deep.equal(['none', 'some', 'none again']);
      await elapse(IDLE_MS + 5);
      expect(ids(await bus.read('compare', 'other', TAKE))).to.deep.equal(['some']);
    });

    it('keeps waiting past exchanges that do not count for the group', async () => {
      const reading = bus.read('compare', 'c', WAIT);
      await publish('none', 0);
      await publish('some', 1);
      expect(ids(await reading)).to.deep.equal(['some']);
    });

    it('tells the age of the oldest unsettled exchange', async () => {
      await publish('old');
      await elapse(30);
      await publish('new');
      const { oldestAgeMs } = await bus.backlog('history');
      expect(oldestAgeMs).to.be.at.least(25);
      for (const delivery of await bus.read('history', 'c', FRESH)) await bus.finish('history', delivery);
      expect((await bus.backlog('history')).oldestAgeMs).to.equal(0);
    });

    it('hands the entry of a silent consumer to another one and counts the deliveries', async () => {
      await publish('x');
      expect((await takeOne('compare', 'silent')).deliveryCount).to.equal(1);
      expect(await bus.read('compare', 'other', { ...TAKE, claimIdleMs: 60_000 })).to.deep.equal([]);
      await elapse(IDLE_MS + 5);
      const again = await takeOne('compare', 'other', TAKE);
      expect(again).to.deep.include({ id: 'x', deliveryCount: 2, pairs: 1 });
      expect(again.fields).to.deep.equal({ v: '1', id: 'x', shadow: '["a"]' });
    });

    it('leaves an entry to the one that claimed it for as long again', async () => {
      const patient = { ...TAKE, claimIdleMs: 400 };
      await attemptInTime(100, async () => {
        await open();
        await publish('x');
        await takeOne('compare', 'silent');
        await elapse(405);
        await takeOne('compare', 'second', patient);
        expect(await bus.read('compare', 'third', patient)).to.deep.equal([]);
      });
    });

    it('hands out silent entries even while fresh ones never end', async () => {
      await publish('forgotten');
      await takeOne('compare', 'silent');
      await elapse(IDLE_MS + 5);
      await publish('fresh');
      expect(ids(await bus.read('compare', 'busy', { ...TAKE, count: 1 }))).to.deep.equal(['forgotten']);
      expect(ids(await bus.read('compare', 'busy', { ...FRESH, count: 1 }))).to.deep.equal(['fresh']);
    });

    it('leaves an entry to its consumer as long as that one sends heartbeats', async () => {
      // The idle time allowed is far above the beat, so that a busy machine does not decide.
      const patient = { ...TAKE, claimIdleMs: 400 };
      await attemptInTime(100, async () => {
        await open();
        await publish('long call');
        const delivery = await takeOne('compare', 'slow');
        for (let beat = 0; beat < 6; beat += 1) {
          await elapse(100);
          await bus.heartbeat('compare', 'slow', delivery.messageId);
          expect(await bus.read('compare', 'other', patient)).to.deep.equal([]);
        }
      });
      await elapse(405);
      expect((await takeOne('compare', 'other', patient)).deliveryCount).to.equal(2);
    });

    it('ignores the heartbeat of a consumer that lost the entry', async () => {
      await publish('x');
      const { messageId } = await takeOne('compare', 'first');
      await elapse(IDLE_MS + 5);
      await takeOne('compare', 'second', TAKE);
      await elapse(IDLE_MS + 5);
      await bus.heartbeat('compare', 'first', messageId);
      expect((await takeOne('compare', 'third', TAKE)).deliveryCount).to.equal(3);
    });

    it('finishes once, whoever and however often', async () => {
      await publish('x', 2);
      const first = await takeOne('compare', 'one');
      await elapse(IDLE_MS + 5);
      const second = await takeOne('compare', 'two', TAKE);
      for (const delivery of [first, second, first]) await bus.finish('compare', delivery);
      await bus.bury('compare', second, 'schema', 'too late');
      expect(await bus.counters('compare')).to.deep.equal({ published: 2, finished: 2, dead: 0, pending: 0 });
      expect(await bus.deadLetters(10)).to.deep.equal([]);
    });

    it('buries once, with its reason, newest first', async () => {
      await publish('old');
      await publish('new', 3);
      const [old, fresh] = await bus.read('compare', 'c', FRESH);
      if (!old || !fresh) throw new Error('two entries were published');
      await bus.bury('compare', old, 'schema', 'version 9');
      await bus.bury('compare', fresh, 'schema', 'version 10');
      await bus.bury('compare', fresh, 'schema', 'version 10');
      await bus.finish('compare', fresh);
      expect(await bus.counters('compare')).to.deep.equal({ published: 4, finished: 0, dead: 4, pending: 0 });
      expect(await bus.deadLetters(10)).to.deep.equal([
        { id: 'new', group: 'compare', reason: 'schema', error: 'version 10' },
        { id: 'old', group: 'compare', reason: 'schema', error: 'version 9' },
      ]);
      expect(ids(await bus.read('history', 'c', FRESH))).to.deep.equal(['old', 'new']);
      expect(await bus.deadLetters(1)).to.have.length(1);
      for (const group of GROUPS) expect((await bus.backlog(group)).deadLetters).to.equal(2);
    });

    it('gives up an entry that was delivered too often', async () => {
      await publish('poison', 2);
      await takeOne('compare', 'c');
      for (const deliveryCount of [2, 3]) {
        await elapse(IDLE_MS + 5);
        expect((await takeOne('compare', 'c', TAKE)).deliveryCount).to.equal(deliveryCount);
      }
      await elapse(IDLE_MS + 5);
      expect(await bus.read('compare', 'c', TAKE)).to.deep.equal([]);
      expect(await bus.counters('compare')).to.deep.equal({ published: 2, finished: 0, dead: 2, pending: 0 });
      const [letter] = await bus.deadLetters(10);
      expect(letter).to.deep.include({ id: 'poison', group: 'compare', reason: 'deliveries' });
    });

    it('tells each death once to whoever asks first, by reason and in planned pairs', async () => {
      const none = { schema: 0, deliveries: 0, trimmed: 0, bus_reset: 0 };
      await open({ maxLen: 3 });
      expect(await bus.takeDeaths('compare')).to.deep.equal(none);
      for (const [id, pairs] of [
        ['bad', 2],
        ['often', 3],
        ['alone', 0],
      ] as const)
        await publish(id, pairs);
      const [bad] = await bus.read('compare', 'c', FRESH);
      if (!bad) throw new Error('an entry was published');
      await bus.bury('compare', bad, 'schema', 'version 9');
      await bus.bury('compare', bad, 'schema', 'version 9');
      await elapse(IDLE_MS + 5);
      await bus.read('compare', 'c', { ...TAKE, maxDeliveries: 1 });
      for (const id of ['a', 'b', 'c', 'd']) await publish(id, 4);
      const told = await Promise.all([bus.takeDeaths('compare'), bus.takeDeaths('compare')]);
      const sum = (reason: 'schema' | 'deliveries' | 'trimmed'): number => told[0][reason] + told[1][reason];
      expect([sum('schema'), sum('deliveries'), sum('trimmed')]).to.deep.equal([2, 3, 4]);
      expect((await bus.counters('compare')).dead).to.equal(9);
      expect(await bus.takeDeaths('compare')).to.deep.equal(none);
      expect((await bus.takeDeaths('history')).trimmed).to.equal((await bus.counters('history')).dead);
    });

    for (const [slow, quick] of [['history', 'compare'] as const, ['compare', 'history'] as const]) {
      it(`loses nothing of ${quick} while ${slow} is dead, slow or redelivers`, async () => {
        await publish('a');
        await publish('b');
        await bus.read(slow, 'dies', FRESH);
        for (const delivery of await bus.read(quick, 'c', FRESH)) await bus.finish(quick, delivery);
        await elapse(IDLE_MS + 5);
        const again = await bus.read(slow, 'takes over', TAKE);
        expect(ids(again)).to.deep.equal(['a', 'b']);
        for (const { id } of again) expect((await bus.body(id))?.toString()).to.equal(`body of ${id}`);
        for (const delivery of [...again, ...again]) await bus.finish(slow, delivery);
        await expectAtRest({ history: counts(2, 2, 0), compare: counts(2, 2, 0) });
        expect(await bus.body('a')).to.equal(null);
      });

      it(`keeps the body for ${slow} when ${quick} settles again and again`, async () => {
        await publish('x');
        const delivery = await takeOne(quick, 'c');
        for (let time = 0; time < 3; time += 1) await bus.finish(quick, delivery);
        await bus.bury(quick, delivery, 'schema', 'late');
        expect((await bus.body('x'))?.toString()).to.equal('body of x');
      });
    }

    it('frees the body with history alone when nothing is to be compared', async () => {
      await publish('x', 0);
      await bus.finish('history', await takeOne('history', 'c'));
      expect(await bus.body('x')).to.equal(null);
    });

    it('knows no body of an unknown id', async () => {
      expect(await bus.body('nobody')).to.equal(null);
    });

    it('lets a body expire and still delivers and settles the entry', async () => {
      await open({ bodyTtlSecs: 1 });
      await publish('x');
      await elapse(1100);
      expect(await bus.body('x')).to.equal(null);
      for (const group of GROUPS) await bus.finish(group, await takeOne(group, 'c'));
      await expectAtRest({ history: counts(1, 1, 0), compare: counts(1, 1, 0) });
    });

    it('refuses a body that is too large, and publishes nothing of it', async () => {
      await open({ bodyMaxBytes: 10 });
      expect(await publish('large', 1, 'x'.repeat(11))).to.equal('dropped_size');
      expect(await publish('fits', 1, 'x'.repeat(10))).to.equal('ok');
      expect(ids(await bus.read('history', 'c', FRESH))).to.deep.equal(['fits']);
    });

    it('refuses bodies beyond the sum allowed, until some are settled', async () => {
      await open({ redisBytesMax: 100 });
      expect(await publish('a', 1, 'x'.repeat(60))).to.equal('ok');
      expect(await publish('b', 1, 'x'.repeat(60))).to.equal('dropped_size');
      await bus.finish('history', await takeOne('history', 'c'));
      expect(await publish('b', 1, 'x'.repeat(60))).to.equal('dropped_size');
      await bus.finish('compare', await takeOne('compare', 'c'));
      expect(await publish('b', 1, 'x'.repeat(60))).to.equal('ok');
    });

    it('has room for bodies as they are while it holds little, and for none that it would refuse', async () => {
      await open({ redisBytesMax: 400, bodyMaxBytes: 50 });
      expect([50, 51].map((bytes) => bus.hasRoomFor(bytes))).to.deep.equal([true, false]);
      await publish('a', 1, 'x'.repeat(40));
      await publish('b', 1, 'x'.repeat(40));
      expect([20, 21].map((bytes) => bus.hasRoomFor(bytes))).to.deep.equal([true, false]);
      for (const group of GROUPS) {
        for (const delivery of await bus.read(group, 'c', FRESH)) await bus.finish(group, delivery);
      }
      await publish('c', 1, '');
      expect([50, 51].map((bytes) => bus.hasRoomFor(bytes))).to.deep.equal([true, false]);
    });

    it('has room for no body as it is where each is to be compressed', async () => {
      await open({ plainShare: 0 });
      expect(bus.hasRoomFor(1)).to.equal(false);
    });

    it('takes the bytes of expired bodies back', async () => {
      await attemptInTime(300, async () => {
        await open({ redisBytesMax: 100, bodyTtlSecs: 1 });
        expect(await publish('a', 1, 'x'.repeat(60))).to.equal('ok');
        await elapse(1100);
        expect(await publish('b', 1, 'x'.repeat(60))).to.equal('ok');
        await publish('c', 1, 'x'.repeat(20));
        expect(await publish('d', 1, 'x'.repeat(30))).to.equal('dropped_size');
      });
    });

    it('books what leaves a full stream, delivered or not, and frees its body', async () => {
      await open({ maxLen: 3 });
      await publish('delivered', 2);
      const lost = await takeOne('compare', 'c');
      await bus.finish('history', await takeOne('history', 'c'));
      for (const id of ['undelivered', 'a', 'b', 'c']) await publish(id);
      expect(await bus.body('delivered')).to.equal(null);
      expect(await bus.body('undelivered')).to.equal(null);
      await bus.finish('compare', lost);
      expect(await bus.counters('compare')).to.deep.equal({ published: 6, finished: 0, dead: 3, pending: 3 });
      expect(await bus.counters('history')).to.deep.equal({ published: 5, finished: 1, dead: 1, pending: 3 });
      const letters = await bus.deadLetters(10);
      expect(letters.map(({ id, group, reason }) => `${id} ${group} ${reason}`).sort()).to.deep.equal([
        'delivered compare trimmed',
        'undelivered compare trimmed',
        'undelivered history trimmed',
      ]);
      expect((await bus.backlog('history')).length).to.equal(3);
    });

    it('trims in the janitor what all groups have settled, and nothing else', async () => {
      for (const id of ['a', 'b', 'c', 'd']) await publish(id);
      for (const delivery of await bus.read('history', 'c', FRESH)) await bus.finish('history', delivery);
      await bus.janitor();
      expect((await bus.backlog('compare')).length).to.equal(4);
      const [a, b, c] = await bus.read('compare', 'c', { ...FRESH, count: 3 });
      if (!a || !b || !c) throw new Error('three entries were expected');
      await bus.finish('compare', a);
      await bus.finish('compare', c);
      await bus.janitor();
      expect((await bus.backlog('compare')).length).to.equal(3);
      await bus.finish('compare', b);
      await bus.janitor();
      expect((await bus.backlog('compare')).length).to.equal(1);
      await bus.finish('compare', await takeOne('compare', 'c'));
      await bus.janitor();
      expect((await bus.backlog('compare')).length).to.equal(0);
      await publish('e');
      expect((await takeOne('history', 'c')).id).to.equal('e');
      expect(await bus.counters('compare')).to.deep.equal({ published: 5, finished: 4, dead: 0, pending: 1 });
    });

    it('leases to one owner at a time, who may renew, until it ends or is given back', async () => {
      expect(await bus.lease('pair', 'one', 10_000)).to.equal(true);
      expect(await bus.lease('pair', 'two', 10_000)).to.equal(false);
      expect(await bus.lease('other pair', 'two', 10_000)).to.equal(true);
      expect(await bus.lease('pair', 'one', 30)).to.equal(true);
      await elapse(50);
      expect(await bus.lease('pair', 'two', 10_000)).to.equal(true);
      await bus.unlease('pair', 'one');
      expect(await bus.lease('pair', 'one', 10_000)).to.equal(false);
      await bus.unlease('pair', 'two');
      expect(await bus.lease('pair', 'one', 10_000)).to.equal(true);
    });

    const publishTurn = (id: string, key: string, ifRepeated: Record<string, string> | null = { shadow: '[]' }) =>
      bus.publish({
        id,
        fields: { v: '1', id, shadow: '["a"]' },
        body: Buffer.from(`body of ${id}`),
        pairs: 1,
        turn: { key, ifRepeated },
      });

    it('plans pairs for a turn once, until its mark expires', async () => {
      await attemptInTime(300, async () => {
        await open({ turnTtlSecs: 1 });
        expect(await publishTurn('first', 'turn')).to.equal('ok');
        expect(await publishTurn('again', 'turn')).to.equal('repeated');
      });
      expect(await publishTurn('other', 'another')).to.equal('ok');
      await elapse(1100);
      expect(await publishTurn('later', 'turn')).to.equal('ok');
      expect(ids(await bus.read('compare', 'c', FRESH))).to.deep.equal(['first', 'other', 'later']);
      expect(await bus.counters('compare')).to.include({ published: 3, pending: 3 });
    });

    it('shows history a repeated turn with the fields of a repetition', async () => {
      await publishTurn('first', 'turn');
      expect(await publishTurn('again', 'turn', { shadow: '[]', skip: '"not a field of it"' })).to.equal('repeated');
      const [, again] = await bus.read('history', 'c', FRESH);
      expect(again).to.deep.include({ id: 'again', pairs: 0, fields: { v: '1', id: 'again', shadow: '[]' } });
      expect((await bus.body('again'))?.toString()).to.equal('body of again');
    });

    it('publishes nothing of a repeated turn where nothing is asked for', async () => {
      await publishTurn('first', 'turn', null);
      expect(await publishTurn('again', 'turn', null)).to.equal('repeated');
      expect(ids(await bus.read('history', 'c', FRESH))).to.deep.equal(['first']);
      expect(await bus.body('again')).to.equal(null);
    });

    it('does not mark a turn that could not be taken', async () => {
      await open({ bodyMaxBytes: 20 });
      const tooLarge = { id: 'large', fields: {}, body: Buffer.alloc(21), pairs: 1 };
      expect(await bus.publish({ ...tooLarge, turn: { key: 'turn', ifRepeated: null } })).to.equal('dropped_size');
      expect(await publishTurn('small', 'turn')).to.equal('ok');
    });

    it('takes the same exchange twice for one, marked or not', async () => {
      for (let attempt = 0; attempt < 2; attempt++) expect(await publishTurn('same', 'turn')).to.equal('ok');
      expect(await bus.counters('compare')).to.include({ published: 1, pending: 1 });
    });

    it('takes several at once in their order, and says of each what became of it', async () => {
      await open({ bodyMaxBytes: 20, redisBytesMax: 40 });
      const results = await Promise.all([
        publish('a', 2),
        publishTurn('b', 'turn'),
        publishTurn('c', 'turn', { shadow: '[]' }),
        publishTurn('d', 'turn', null),
        publish('a', 2),
        publish('too large', 1, 'x'.repeat(21)),
        publish('one too many', 1, 'x'.repeat(20)),
        bus.publish({ id: 'e', fields: { v: '1' }, body: null, pairs: 0 }),
      ]);
      expect(results).to.deep.equal(['ok', 'ok', 'repeated', 'repeated', 'ok', 'dropped_size', 'dropped_size', 'ok']);
      expect(ids(await bus.read('compare', 'c', FRESH))).to.deep.equal(['a', 'b']);
      const kept = await bus.read('history', 'c', FRESH);
      expect(kept.map(({ id, pairs, fields }) => [id, pairs, fields.shadow])).to.deep.equal([
        ['a', 2, '["a"]'],
        ['b', 1, '["a"]'],
        ['c', 0, '[]'],
        ['e', 0, undefined],
      ]);
      expect(await bus.counters('compare')).to.include({ published: 3, pending: 3 });
    });

    it('is healthy', async () => {
      expect(await bus.healthy()).to.equal(true);
    });

    it('may be closed twice', async () => {
      await bus.close();
      await bus.close();
      expect(await publish('late')).to.equal('redis_error');
    });

    it('accounts for every pair and exchange whatever happens in whatever order', async function () {
      this.timeout(60_000);
      await fc.assert(
        fc.asyncProperty(fc.array(operation, { maxLength: 40 }), async (operations) => {
          await open({ maxLen: 6, redisBytesMax: 200 });
          const held: Array<{ group: Group; delivery: Delivery }> = [];
          for (const step of operations) {
            const chosen = held[step.index % Math.max(1, held.length)];
            if (step.kind === 'publish') {
              const id = `x${step.index % 12}`;
              const result = await publish(id, step.index % 4, 'x'.repeat(step.index % 60));
              expect(result).to.be.oneOf(['ok', 'dropped_size']);
            } else if (step.kind === 'read') {
              const options = { count: 1 + (step.index % 3), waitMs: 0, claimIdleMs: 0, maxDeliveries: 2 };
              const found = await bus.read(step.group, `c${step.index % 2}`, options);
              held.push(...found.map((delivery) => ({ group: step.group, delivery })));
            } else if (step.kind === 'janitor') {
              await bus.janitor();
            } else if (chosen && step.kind === 'finish') {
              await bus.finish(chosen.group, chosen.delivery);
            } else if (chosen && step.kind === 'bury') {
              await bus.bury(chosen.group, chosen.delivery, 'schema', 'bad');
            }
            await expectIdentity();
          }
          for (const group of GROUPS) {
            for (let left = 1; left > 0; ) {
              const rest = await bus.read(group, 'last', { count: 50, waitMs: 0, claimIdleMs: 0, maxDeliveries: 99 });
              for (const delivery of rest) await bus.finish(group, delivery);
              left = rest.length;
            }
            expect((await bus.counters(group)).pending).to.equal(0);
          }
          await expectIdentity();
          await bus.close();
        }),
        { numRuns: 25 },
      );
    });

    async function expectIdentity(): Promise<void> {
      for (const group of GROUPS) {
        const { published, finished, dead, pending } = await bus.counters(group);
        expect(published, `published of ${group}`).to.equal(finished + dead + pending);
        expect((await bus.backlog(group)).pending, `backlog of ${group}`).to.equal(pending);
      }
    }

    async function expectAtRest(expected: Record<Group, Omit<BusCounters, 'pending'>>): Promise<void> {
      for (const group of GROUPS) {
        expect(await bus.counters(group), group).to.deep.equal({ ...expected[group], pending: 0 });
      }
    }
  });
}

function counts(published: number, finished: number, dead: number): Omit<BusCounters, 'pending'> {
  return { published, finished, dead };
}

const operation = fc.record({
  kind: fc.constantFrom('publish', 'publish', 'publish', 'read', 'read', 'finish', 'finish', 'bury', 'janitor'),
  group: fc.constantFrom<Group>('history', 'compare'),
  index: fc.nat({ max: 1000 }),
});
