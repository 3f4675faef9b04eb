// The SQLite store: the contract on a real file, and what only an embedded store promises.
import { execFile } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { promisify } from 'node:util';
import { expect } from 'chai';
import { createSqliteStore } from '#shared/store/sqlite.ts';
import { storeContract } from '../../contract/store.contract.ts';
import { exchangeRow } from '../../support/store-rows.ts';

describe('createSqliteStore', () => {
  const folder = mkdtempSync(join(tmpdir(), 'ccproxy-sqlite-'));
  let files = 0;
  const newPath = (): string => join(folder, `state-${++files}`, 'history.db');
  after(() => rmSync(folder, { recursive: true, force: true }));

  storeContract('a SQLite file', async () => {
    let path = newPath();
    return {
      open: () => createSqliteStore({ path }),
      async clear() {
        const db = new DatabaseSync(path, { timeout: 5_000 });
        db.exec('delete from exchanges; delete from pairs');
        db.close();
      },
      async openEmpty() {
        const before = path;
        path = newPath();
        const store = createSqliteStore({ path });
        const close = store.close;
        return {
          ...store,
          async close() {
            path = before;
            await close();
          },
        };
      },
    };
  });

  it('makes the folder and a file that only the owner may read', async () => {
    const path = newPath();
    const store = createSqliteStore({ path });
    await store.migrate();
    const modes = [path, `${path}-wal`].map((file) => statSync(file).mode & 0o777);
    expect(modes).to.deep.equal([0o600, 0o600]);
    await store.close();
    expect(existsSync(`${path}-wal`)).to.equal(false);
  });

  it('brings a database of the first version up to date, and counts the errors that are in it', async () => {
    const path = newPath();
    const store = createSqliteStore({ path });
    await store.migrate();
    for (const status of ['error', 'partial', 'completed', 'aborted'])
      await store.insertExchange(exchangeRow({ id: `id-${status}`, status }));
    const older = new DatabaseSync(path, { timeout: 5_000 });
    older.exec('drop index exchanges_by_error; alter table exchanges drop column error_code');
    older.exec('alter table exchanges drop column captured_headers_json');
    older.exec("delete from schema_migrations where name > '0001-exchanges-and-pairs'");
    older.close();
    await store.migrate();
    const [group, ...others] = await store.errorGroups({ limit: 10 });
    expect(group).to.include({ error_code: 'unknown', count: 2 });
    expect(others).to.deep.equal([]);
    expect((await store.exchange('id-error'))?.captured_headers).to.equal(null);
    await store.close();
  });

  it('leaves the event loop free while a write waits for the file', async () => {
    const path = newPath();
    const store = createSqliteStore({ path });
    await store.migrate();
    const other = new DatabaseSync(path);
    other.exec('begin immediate');
    let isDone = false;
    const writing = store.insertExchange(exchangeRow()).finally(() => {
      isDone = true;
    });
    for (let turn = 0; turn < 100; turn++) await nextTurn();
    expect(isDone).to.equal(false);
    other.exec('rollback');
    other.close();
    expect(await writing).to.equal(true);
    await store.close();
  });

  it('works in memory', async () => {
    const store = createSqliteStore({ path: ':memory:' });
    await store.migrate();
    expect(await store.insertExchange(exchangeRow())).to.equal(true);
    await store.close();
  });

  it('tells callers and its owner when the file cannot be opened, and tries again with the next query', async () => {
    const path = newPath();
    const troubles: Error[] = [];
    const blocked = join(folder, `state-${files}`);
    await promisify(execFile)('touch', [blocked]);
    const store = createSqliteStore({ path, onTrouble: (error) => troubles.push(error) });
    const refused = await store.insertExchange(exchangeRow()).catch((error: unknown) => error);
    expect(refused).to.be.instanceOf(Error);
    expect((refused as Error).message).to.contain(path);
    expect(troubles).to.deep.equal([refused]);
    expect(await store.healthy()).to.equal(false);
    rmSync(blocked);
    await store.migrate();
    expect(await store.insertExchange(exchangeRow())).to.equal(true);
    await store.close();
  });

  it('lets the process end by itself when it was not closed, after the last answer came', async () => {
    const path = newPath();
    const script = `import('#shared/store/sqlite.ts').then(async ({ createSqliteStore }) => {
      const store = createSqliteStore({ path: ${JSON.stringify(path)} });
      await store.migrate();
      console.log(await store.healthy());
    })`;
    const args = ['--conditions=source', '-e', script];
    const { stdout } = await promisify(execFile)(process.execPath, args, { timeout: 10_000, cwd: process.cwd() });
    expect(stdout).to.equal('true\n');
  });
});
