// The PostgreSQL store: the contract on a real server, and what happens when that server goes away.
import { expect } from 'chai';
import pg from 'pg';
import { createPostgresStore } from '#shared/store/postgres.ts';
import { storeContract } from '../../contract/store.contract.ts';
import { startPostgres, type TestPostgres } from '../../support/postgres.ts';
import { exchangeRow } from '../../support/store-rows.ts';

describe('createPostgresStore', () => {
  let server: TestPostgres | undefined;

  before(async function () {
    const started = await startPostgres();
    if (typeof started === 'string') {
      console.log(`      ${started}`);
      this.skip();
    }
    server = started;
  });
  after(async () => {
    await server?.stop();
  });

  function running(): TestPostgres {
    if (!server) throw new Error('PostgreSQL is not running');
    return server;
  }

  storeContract('PostgreSQL', async (context) => {
    if (!server) context.skip();
    let url = await running().createDatabase();
    return {
      open: () => createPostgresStore({ url }),
      async clear() {
        const client = new pg.Client({ connectionString: url });
        await client.connect();
        await client.query('truncate exchanges, pairs');
        await client.end();
      },
      async openEmpty() {
        const before = url;
        url = await running().createDatabase();
        const store = createPostgresStore({ url });
        const close = store.close;
        return {
          ...store,
          async close() {
            url = before;
            await close();
          },
        };
      },
    };
  });

  it('keeps two schemas of one database apart', async () => {
    const url = await running().createDatabase();
    const client = new pg.Client({ connectionString: url });
    await client.connect();
    await client.query('create schema one; create schema two');
    await client.end();
    const stores = ['one', 'two'].map((schema) =>
      createPostgresStore({ url: `${url}?options=${encodeURIComponent(`-c search_path=${schema}`)}` }),
    );
    for (const store of stores) await store.migrate();
    const [first, second] = stores;
    await first?.insertExchange(exchangeRow());
    expect((await second?.exchanges({ limit: 10 }))?.data).to.deep.equal([]);
    await Promise.all(stores.map((store) => store.close()));
  });

  it('fails the queries of cut connections, tells its owner, and works again', async () => {
    const url = await running().createDatabase();
    const troubles: Error[] = [];
    const store = createPostgresStore({ url, onTrouble: (error) => troubles.push(error) });
    await store.migrate();
    const rows = Array.from({ length: 200 }, () => exchangeRow({ response: 'x'.repeat(100_000) }));
    const settled = Promise.allSettled(rows.map((row) => store.insertExchange(row)));
    await running().cutConnections(url);
    const failed = (await settled).flatMap((result, index) => (result.status === 'rejected' ? [rows[index]] : []));
    expect(failed).to.not.have.length(0);
    expect(troubles).to.not.have.length(0);
    for (const row of failed) if (row) await store.insertExchange(row);
    const stored = await store.exchanges({ limit: 500 });
    expect(stored.data).to.have.length(rows.length);
    await store.close();
  });

  it('says so while the server is down, and recovers when it is back', async function () {
    const { outage } = running();
    if (!outage) return this.skip();
    const url = await running().createDatabase();
    const store = createPostgresStore({ url });
    await store.migrate();
    await outage.begin();
    expect(await store.healthy()).to.equal(false);
    const refused = await store.insertExchange(exchangeRow()).catch((error: unknown) => error);
    expect(refused).to.be.instanceOf(Error);
    outage.end();
    expect(await store.healthy()).to.equal(true);
    expect(await store.insertExchange(exchangeRow())).to.equal(true);
    await store.close();
  });
});
