// What every store must do, whatever it is made of. Run once for each adapter with a real database behind it.
import { expect } from 'chai';
import fc from 'fast-check';
import { uuidv7 } from '#shared/ids.ts';
import {
  CursorError,
  type ErrorQuery,
  type ExchangeDetail,
  type ExchangeRow,
  type Page,
  type PairQuery,
  type PairRow,
  type Store,
} from '#shared/store/store.ts';
import { exchangeRow, pairRow, START } from '../support/store-rows.ts';

export interface StoreBed {
  /** A store on the bed's one database; a second call gives a second connection to the same rows. */
  open(): Store;
  /** Forgets all rows. */
  clear(): Promise<void>;
  /** A store on a database that nobody has migrated. */
  openEmpty(): Promise<Store>;
}

/** `prepare` runs once, before the tests; it may skip them. */
export function storeContract(name: string, prepare: (context: Mocha.Context) => Promise<StoreBed>): void {
  describe(`the store contract on ${name}`, () => {
    let bed: StoreBed;
    let store: Store;

    before(async function () {
      bed = await prepare(this);
      store = bed.open();
      await store.migrate();
    });
    beforeEach(() => bed.clear());
    after(async () => {
      await store?.close();
    });

    describe('schema', () => {
      it('migrates a second time without a change', async () => {
        await store.insertExchange(exchangeRow());
        await store.migrate();
        expect((await store.exchanges({ limit: 10 })).data).to.have.length(1);
      });

      it('lets several migrators start at once', async () => {
        const first = await bed.openEmpty();
        const others = [bed.open(), bed.open()];
        await Promise.all([first.migrate(), first.migrate(), ...others.map((other) => other.migrate())]);
        expect(await first.insertPair(pairRow())).to.equal(true);
        await Promise.all([first, ...others].map((each) => each.close()));
      });

      it('is not ready before anyone has migrated, and is ready after', async () => {
        const empty = await bed.openEmpty();
        const refused = await empty.ready(50).then(
          () => null,
          (error: unknown) => error,
        );
        expect(refused).to.be.instanceOf(Error);
        const waiting = empty.ready(10_000);
        await empty.migrate();
        await waiting;
        await empty.close();
      });

      it('is healthy while open and not after close', async () => {
        const other = bed.open();
        expect(await other.healthy()).to.equal(true);
        await other.close();
        await other.close();
        expect(await other.healthy()).to.equal(false);
      });
    });

    describe('groups of errors', () => {
      const at = (minute: number): Pick<ExchangeDetail, 'id' | 'started_at'> => {
        const ms = START + minute * 60_000;
        return { id: uuidv7(ms), started_at: new Date(ms).toISOString() };
      };
      const fail = async (minute: number, changes: Partial<ExchangeDetail>): Promise<string> => {
        const row = exchangeRow({ status: 'error', provider: 'glm', route: 'default', ...at(minute), ...changes });
        await store.insertExchange(row);
        return row.id;
      };

      it('count what went wrong alike at the same place, with the first, the last and the newest of them', async () => {
        await store.insertExchange(exchangeRow());
        await fail(0, { error_code: 'overloaded_error' });
        await fail(2, { error_code: 'overloaded_error' });
        const newest = await fail(5, { error_code: 'overloaded_error', status: 'partial' });
        await fail(1, { error_code: 'overloaded_error', provider: 'kimi' });
        await fail(3, { error_code: 'overloaded_error', route: 'model:glm-5' });
        await fail(4, { error_code: 'timeout_error' });
        const groups = await store.errorGroups({ limit: 10 });
        expect(
          groups.map(({ error_code, provider, route, count }) => [error_code, provider, route, count]),
        ).to.deep.equal([
          ['overloaded_error', 'glm', 'default', 3],
          ['timeout_error', 'glm', 'default', 1],
          ['overloaded_error', 'glm', 'model:glm-5', 1],
          ['overloaded_error', 'kimi', 'default', 1],
        ]);
        expect(groups[0]).to.include({
          first_at: at(0).started_at,
          last_at: at(5).started_at,
          sample_id: newest,
        });
      });

      it('are those of a time, a provider or a code, and no more than asked for', async () => {
        await fail(0, { error_code: 'overloaded_error' });
        await fail(10, { error_code: 'overloaded_error' });
        await fail(11, { error_code: 'timeout_error', provider: 'kimi' });
        const countsOf = async (query: Partial<ErrorQuery>): Promise<number[]> =>
          (await store.errorGroups({ limit: 10, ...query })).map(({ count }) => count);
        expect(await countsOf({ since: at(5).started_at })).to.deep.equal([1, 1]);
        expect(await countsOf({ provider: 'glm' })).to.deep.equal([2]);
        expect(await countsOf({ error_code: 'timeout_error' })).to.deep.equal([1]);
        expect(await countsOf({ limit: 1 })).to.deep.equal([2]);
        expect(await countsOf({ provider: 'nobody' })).to.deep.equal([]);
      });

      it('add up to the rows that have a code, whatever the rows are', async () => {
        const word = fc.constantFrom('a', 'b', 'c\u0000', '');
        const rows = fc.array(fc.record({ error_code: fc.option(word), provider: word, route: word }), {
          maxLength: 20,
        });
        await fc.assert(
          fc.asyncProperty(rows, async (changes) => {
            await bed.clear();
            for (const [minute, change] of changes.entries()) await fail(minute, change);
            const groups = await store.errorGroups({ limit: 200 });
            const keys = groups.map((group) => JSON.stringify([group.error_code, group.provider, group.route]));
            expect(new Set(keys).size).to.equal(keys.length);
            const wrong = changes.filter(({ error_code }) => error_code !== null).length;
            expect(groups.reduce((sum, { count }) => sum + count, 0)).to.equal(wrong);
          }),
          { numRuns: 10 },
        );
      });
    });

    describe('exchanges', () => {
      it('gives back exactly what was put in', async () => {
        const row = exchangeRow();
        expect(await store.insertExchange(row)).to.equal(true);
        expect(await store.exchange(row.id)).to.deep.equal(row);
        const { request, response, skip_reason, shadow, ...listed } = row;
        expect((await store.exchanges({ limit: 1 })).data).to.deep.equal([listed]);
        expect([request, response, skip_reason, shadow]).to.have.length(4);
      });

      it('keeps unknown values unknown', async () => {
        const unknown = {
          usage: {
            input_tokens: null,
            output_tokens: null,
            cache_read_input_tokens: null,
            cache_creation_input_tokens: null,
          },
          model_answered: null,
          stop_reason: null,
          cost_usd: null,
          ttfb_ms: null,
          ttft_ms: null,
          client: null,
          request: null,
          response: null,
          skip_reason: 'not_sampled',
          shadow: [],
        };
        const row = exchangeRow(unknown);
        await store.insertExchange(row);
        expect(await store.exchange(row.id)).to.deep.equal(row);
      });

      it('answers null for an id it does not have', async () => {
        expect(await store.exchange(uuidv7(START))).to.equal(null);
      });

      it('keeps the first of two rows with one id', async () => {
        const row = exchangeRow();
        expect(await store.insertExchange(row)).to.equal(true);
        expect(await store.insertExchange({ ...row, status: 'error' })).to.equal(false);
        expect((await store.exchange(row.id))?.status).to.equal('completed');
      });

      it('makes one row of many concurrent inserts of one id', async () => {
        const row = exchangeRow();
        const second = bed.open();
        const inserted = await Promise.all(
          Array.from({ length: 20 }, (_, index) => (index % 2 ? store : second).insertExchange(row)),
        );
        expect(inserted.filter(Boolean)).to.have.length(1);
        expect((await store.exchanges({ limit: 10 })).data).to.have.length(1);
        await second.close();
      });

      it('keeps NUL, lone surrogates and every alphabet inside the JSON', async () => {
        const text = 'NUL \0 lone \ud800 pair 😀 combining e\u0301 العربية 日本語 \u2028 "\\';
        const row = exchangeRow({ request: { [text]: text }, response: [text, { deep: [[text]] }] });
        await store.insertExchange(row);
        expect(await store.exchange(row.id)).to.deep.equal(row);
      });

      it('takes NUL, lone surrogates and endless names in plain columns, and finds them by the same name', async () => {
        const session = `s\0\ud800${'😀x'.repeat(100_000)}`;
        const row = exchangeRow({ session_id: session, model_asked: session, client: session });
        expect(await store.insertExchange(row)).to.equal(true);
        const { data } = await store.exchanges({ limit: 10, session_id: session, model: session });
        expect(data.map(({ id }) => id)).to.deep.equal([row.id]);
        expect(data[0]?.session_id.startsWith('s\ufffd\ufffd😀x')).to.equal(true);
      });

      it('keeps a text of eight million characters', async () => {
        const text = 'ä0123456'.repeat(1_000_000);
        const row = exchangeRow({ response: { text } });
        await store.insertExchange(row);
        const back = await store.exchange(row.id);
        expect(back?.response).to.deep.equal({ text });
      });

      it('keeps large and broken numbers from spoiling a row', async () => {
        const row = exchangeRow({
          usage: {
            input_tokens: Number.MAX_SAFE_INTEGER,
            output_tokens: 1.5,
            cache_read_input_tokens: Number.NaN,
            cache_creation_input_tokens: Number.POSITIVE_INFINITY,
          },
        });
        await store.insertExchange(row);
        expect((await store.exchange(row.id))?.usage).to.deep.equal({
          input_tokens: Number.MAX_SAFE_INTEGER,
          output_tokens: 1.5,
          cache_read_input_tokens: null,
          cache_creation_input_tokens: null,
        });
      });

      it('keeps any JSON and any finite number as they were', async () => {
        await fc.assert(
          fc.asyncProperty(
            fc.jsonValue({ maxDepth: 4 }),
            fc.double({ noNaN: true, noDefaultInfinity: true }),
            async (json, number) => {
              const row = exchangeRow({ request: json, cost_usd: number === 0 ? 0 : number });
              await store.insertExchange(row);
              const back = await store.exchange(row.id);
              expect(JSON.stringify(back?.request)).to.equal(JSON.stringify(json));
              expect(back?.cost_usd).to.equal(row.cost_usd);
            },
          ),
          { numRuns: 50 },
        );
      });

      it('filters by session, model asked or answered, status and class, together', async () => {
        const wanted = exchangeRow({ session_id: 'a', status: 'error', class: 'subagent', model_answered: 'glm' });
        const rows = [
          wanted,
          exchangeRow({ session_id: 'b', status: 'error', class: 'subagent', model_answered: 'glm' }),
          exchangeRow({ session_id: 'a', status: 'completed', class: 'subagent', model_answered: 'glm' }),
          exchangeRow({ session_id: 'a', status: 'error', class: 'main', model_answered: 'glm' }),
          exchangeRow({ session_id: 'a', status: 'error', class: 'subagent', model_answered: null }),
        ];
        for (const row of rows) await store.insertExchange(row);
        const filter = { session_id: 'a', status: 'error', class: 'subagent', model: 'glm' };
        expect(ids(await store.exchanges({ limit: 10, ...filter }))).to.deep.equal([wanted.id]);
        expect(ids(await store.exchanges({ limit: 10, model: 'claude-opus-4-5' }))).to.have.length(5);
        expect(ids(await store.exchanges({ limit: 10, session_id: "a' or '1'='1" }))).to.deep.equal([]);
      });
    });

    describe('pages', () => {
      it('show every row exactly once, newest first, while others are inserted', async () => {
        await fc.assert(
          fc.asyncProperty(
            fc.array(fc.integer({ min: 0, max: 5 }), { maxLength: 25 }),
            fc.integer({ min: 1, max: 7 }),
            fc.array(fc.integer({ min: -2, max: 7 }), { minLength: 1, maxLength: 6 }),
            async (offsets, limit, laterOffsets) => {
              await bed.clear();
              for (const offset of offsets) await store.insertExchange(startedAt(offset));
              const before = ids(await store.exchanges({ limit: 100 }));
              const seen = await walkWhileInserting(store, limit, laterOffsets);
              const shown = seen.map(({ id }) => id);
              expect(new Set(shown).size).to.equal(shown.length);
              expect(shown.filter((id) => before.includes(id))).to.deep.equal(before);
              expect(seen.map(sortKey)).to.deep.equal(seen.map(sortKey).sort().reverse());
            },
          ),
          { numRuns: 15 },
        );
      });

      it('end with no cursor, also when the last page is full', async () => {
        for (let index = 0; index < 4; index++) await store.insertExchange(startedAt(index));
        const first = await store.exchanges({ limit: 2 });
        const second = await store.exchanges({ limit: 2, cursor: first.next_cursor ?? '' });
        expect(first.next_cursor).to.be.a('string');
        expect([second.data.length, second.next_cursor]).to.deep.equal([2, null]);
        expect(await store.exchanges({ limit: 4 })).to.have.property('next_cursor', null);
      });

      it('refuse a cursor that no list gave out', async () => {
        const forged = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url');
        const nonsense = ['', 'x', '!!', 'AAAA', '🙂', forged({}), forged([]), forged(['exchanges', 1, 'a'])];
        for (const cursor of [...nonsense, forged(['exchanges', 'a', 'b', 'c'])]) {
          expect(await refusal(store.exchanges({ limit: 1, cursor })), cursor).to.be.instanceOf(CursorError);
          expect(await refusal(store.pairs({ limit: 1, cursor })), cursor).to.be.instanceOf(CursorError);
        }
      });

      it('refuse a cursor of another list and of another order', async () => {
        for (const exchange_id of ['a', 'b']) await store.insertPair(pairRow({ exchange_id }));
        for (const offset of [1, 2]) await store.insertExchange(startedAt(offset));
        const sorts = ['started_at', 'latency_ratio', 'ttft_ratio'] as const;
        for (const sort of sorts) {
          const cursor = (await store.pairs({ limit: 1, sort })).next_cursor ?? '';
          expect(await refusal(store.exchanges({ limit: 1, cursor }))).to.be.instanceOf(CursorError);
          for (const other of sorts) {
            const refused = await refusal(store.pairs({ limit: 1, cursor, sort: other }));
            expect(refused instanceof CursorError).to.equal(other !== sort);
          }
        }
      });
    });

    describe('pairs', () => {
      it('gives back exactly what was put in', async () => {
        const row = pairRow({ target: 'vendor/model:4.6' });
        expect(await store.insertPair(row)).to.equal(true);
        expect(await store.pair(row.pair_id)).to.deep.equal(row);
        expect((await store.pairs({ limit: 1 })).data).to.deep.equal([row]);
        expect(await store.pair('another')).to.equal(null);
      });

      it('keeps what is missing missing', async () => {
        const nothing = { primary: null, secondary: null, latency_ratio: null, ttft_ratio: null, level: null };
        const row = pairRow({ ...nothing, status: 'orphan', verdict: 'orphan', scores: [], rewrites: [] });
        await store.insertPair(row);
        expect(await store.pair(row.pair_id)).to.deep.equal(row);
      });

      it('makes one row of many concurrent inserts of one pair', async () => {
        const row = pairRow();
        const second = bed.open();
        const inserted = await Promise.all(
          Array.from({ length: 20 }, (_, index) => (index % 2 ? store : second).insertPair(row)),
        );
        expect(inserted.filter(Boolean)).to.have.length(1);
        expect((await store.pairs({ limit: 10 })).data).to.have.length(1);
        await second.close();
      });

      it('ranks ratios exactly, largest first, rows without a value last, over all pages', async () => {
        const close = [
          1,
          1 + Number.EPSILON,
          1 + 2 * Number.EPSILON,
          1 - Number.EPSILON / 2,
          1e300,
          5e-324,
          0,
          -1,
          10,
          9,
        ];
        await fc.assert(
          fc.asyncProperty(
            fc.array(
              fc.oneof(
                fc.constantFrom(null, ...close),
                fc.double({ noNaN: true, noDefaultInfinity: true }).filter((value) => !Object.is(value, -0)),
              ),
              { maxLength: 25 },
            ),
            fc.integer({ min: 1, max: 6 }),
            fc.constantFrom('latency_ratio' as const, 'ttft_ratio' as const),
            async (ratios, limit, sort) => {
              await bed.clear();
              for (const [index, ratio] of ratios.entries()) {
                await store.insertPair(pairRow({ exchange_id: `x${index}`, [sort]: ratio }));
              }
              const ranked = await walkPairs(store, { limit, sort });
              const expected = ratios.toSorted(
                (a, b) => (b ?? Number.NEGATIVE_INFINITY) - (a ?? Number.NEGATIVE_INFINITY),
              );
              expect(ranked.map((row) => row[sort])).to.deep.equal(expected);
              expect(new Set(ranked.map((row) => row.pair_id)).size).to.equal(ratios.length);
            },
          ),
          { numRuns: 15 },
        );
      });

      it('shows the newest pair first unless told otherwise', async () => {
        for (const day of [2, 3, 1]) {
          await store.insertPair(pairRow({ exchange_id: `day-${day}`, started_at: `2026-01-0${day}T00:00:00.000Z` }));
        }
        const walked = await walkPairs(store, { limit: 2 });
        expect(walked.map((row) => row.exchange_id)).to.deep.equal(['day-3', 'day-2', 'day-1']);
      });

      it('filters by exchange, target, verdict and level, together', async () => {
        const wanted = pairRow({ exchange_id: 'a', target: 'glm', verdict: 'diverged', level: 'divergent' });
        const rows = [
          wanted,
          pairRow({ exchange_id: 'b', target: 'glm', verdict: 'diverged', level: 'divergent' }),
          pairRow({ exchange_id: 'a', target: 'kimi', verdict: 'diverged', level: 'divergent' }),
          pairRow({ exchange_id: 'c', target: 'glm', verdict: 'equivalent', level: 'identical' }),
        ];
        for (const row of rows) await store.insertPair(row);
        const found = async (query: Omit<PairQuery, 'limit'>): Promise<string[]> =>
          (await store.pairs({ limit: 10, ...query })).data.map((row) => row.pair_id);
        const filter = { exchange_id: 'a', target: 'glm', verdict: 'diverged', level: 'divergent' };
        expect(await found(filter)).to.deep.equal([wanted.pair_id]);
        expect(await found({ target: 'glm' })).to.have.length(3);
        expect(await found({ level: 'identical' })).to.deep.equal([rows[3]?.pair_id]);
        expect(await found({ verdict: 'equivalent', level: 'divergent' })).to.deep.equal([]);
      });

      it('remembers when the spans of a pair were handed over', async () => {
        const row = pairRow();
        await store.insertPair(row);
        await store.markExported(row.pair_id, '2026-01-02T03:04:05.000Z');
        await store.markExported('another', '2026-01-02T03:04:05.000Z');
        expect((await store.pair(row.pair_id))?.exported_at).to.equal('2026-01-02T03:04:05.000Z');
      });

      it('counts the pairs of one session and target', async () => {
        const mine = { session_id: 's', target: 'glm' };
        for (const id of ['a', 'b']) await store.insertPair(pairRow({ exchange_id: id, ...mine }));
        await store.insertPair(pairRow({ exchange_id: 'c', ...mine, target: 'kimi' }));
        await store.insertPair(pairRow({ exchange_id: 'd', ...mine, session_id: 't' }));
        expect(await store.countSessionPairs('s', 'glm')).to.equal(2);
        expect(await store.countSessionPairs('nobody', 'glm')).to.equal(0);
      });
    });

    it('keeps its rows when it is closed and opened again', async () => {
      const first = bed.open();
      const [exchange, pair] = [exchangeRow(), pairRow()];
      await first.insertExchange(exchange);
      await first.insertPair(pair);
      await first.close();
      const again = bed.open();
      await again.ready(10_000);
      expect(await again.exchange(exchange.id)).to.deep.equal(exchange);
      expect(await again.pair(pair.pair_id)).to.deep.equal(pair);
      await again.close();
    });
  });
}

function ids(page: Page<ExchangeRow>): string[] {
  return page.data.map(({ id }) => id);
}

function sortKey(row: ExchangeRow): string {
  return `${row.started_at} ${row.id}`;
}

function startedAt(offsetMs: number): ReturnType<typeof exchangeRow> {
  return exchangeRow({ started_at: new Date(START + offsetMs).toISOString() });
}

/** Reads page after page with an insert beside each read, and returns all rows shown. */
async function walkWhileInserting(store: Store, limit: number, offsets: number[]): Promise<ExchangeRow[]> {
  const seen: ExchangeRow[] = [];
  let cursor: string | null = null;
  for (let turn = 0; ; turn++) {
    const query: { limit: number; cursor?: string } = cursor === null ? { limit } : { limit, cursor };
    const offset = offsets[turn];
    const [page] = await Promise.all([
      store.exchanges(query),
      offset === undefined ? null : store.insertExchange(startedAt(offset)),
    ]);
    seen.push(...page.data);
    cursor = page.next_cursor;
    if (cursor === null) return seen;
  }
}

async function walkPairs(store: Store, query: PairQuery): Promise<PairRow[]> {
  const seen: PairRow[] = [];
  let cursor: string | null = null;
  do {
    const page: Page<PairRow> = await store.pairs(cursor === null ? query : { ...query, cursor });
    seen.push(...page.data);
    cursor = page.next_cursor;
  } while (cursor !== null);
  return seen;
}

async function refusal(work: Promise<unknown>): Promise<unknown> {
  try {
    await work;
    return null;
  } catch (error) {
    return error;
  }
}
