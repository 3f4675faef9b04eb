// The console through a real outage of a real PostgreSQL: it starts before the database is there, loses it under load,
// and has every exchange once in the end.
import { expect } from 'chai';
import request from 'supertest';
import { createPostgresStore } from '#shared/store/postgres.ts';
import { startPostgres, type TestPostgres } from '../support/postgres.ts';
import { ConsoleBed, entry, publication, until } from './console-bed.ts';

describe('the console and a database that goes away', () => {
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

  it('records every exchange once', async function () {
    const outage = server?.outage;
    if (!server || !outage) return this.skip();
    const bed = new ConsoleBed();
    const store = createPostgresStore({ url: await server.createDatabase() });
    const ids: string[] = [];
    const publish = async (count: number): Promise<void> => {
      for (let index = 0; index < count; index++) {
        const one = entry();
        ids.push(one.id);
        await bed.bus.publish(await publication(one));
      }
    };
    try {
      await outage.begin();
      const service = await bed.start({}, { store });
      await publish(5);
      expect(await service.ready()).to.equal(false);
      await request(service.url).get('/api/history').expect(503);
      await request(service.url).get('/health').expect(200);
      outage.end();
      await bed.settled();

      await publish(60);
      await until('some are stored', async () => (await bed.count('stored')) > 10);
      await outage.begin();
      await publish(20);
      await until('writing was tried', async () => (await bed.count('failed')) > 1);
      outage.end();
      await bed.settled();

      const { data } = await store.exchanges({ limit: 500 });
      expect(data.map(({ id }) => id)).to.have.members(ids);
      expect(await bed.bus.counters('history')).to.include({ published: 85, finished: 85, dead: 0 });
      expect((await bed.count('stored')) + (await bed.count('duplicate'))).to.equal(85);
      expect(await service.ready()).to.equal(true);
      await request(service.url).get('/api/history').expect(200);
    } finally {
      await bed.end();
      await store.close();
    }
  });
});
