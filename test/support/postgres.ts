// A real PostgreSQL for tests: the server behind DATABASE_URL, else Debian's, started on a private port in a temporary
// folder. Every caller gets databases of its own.
import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { freePort } from './free-port.ts';

export interface TestPostgres {
  /** Makes an empty database and returns its URL. */
  createDatabase(): Promise<string>;
  /** Cuts every connection to a database made here, as a restart of the server would. */
  cutConnections(url: string): Promise<void>;
  /** Stops the server and starts it again on the same port; null when it is not ours to stop. */
  readonly outage: { begin(): Promise<void>; end(): void } | null;
  stop(): Promise<void>;
}

/** The server, or the sentence that says why there is none. */
export async function startPostgres(): Promise<TestPostgres | string> {
  const url = process.env.DATABASE_URL;
  if (url) return onServer(new URL(url), null, async () => {});
  const binaries = findBinaries();
  if (!binaries) return 'no PostgreSQL: set DATABASE_URL or install the Debian package postgresql';
  return startOwn(binaries);
}

function findBinaries(): string | undefined {
  const root = '/usr/lib/postgresql';
  const versions = existsSync(root) ? readdirSync(root).sort((a, b) => Number(b) - Number(a)) : [];
  return versions.map((version) => join(root, version, 'bin')).find((bin) => existsSync(join(bin, 'initdb')));
}

async function startOwn(binaries: string): Promise<TestPostgres> {
  const folder = mkdtempSync(join(tmpdir(), 'ccproxy-pg-'));
  const data = join(folder, 'data');
  const port = await freePort();
  const isRoot = process.getuid?.() === 0;
  // The server refuses to run as root.
  const run = (program: string, args: string[]): void => {
    const command = [join(binaries, program), ...args];
    const [file = '', ...rest] = isRoot ? ['runuser', '-u', 'postgres', '--', ...command] : command;
    execFileSync(file, rest, { stdio: ['ignore', 'ignore', 'pipe'], cwd: '/' });
  };
  if (isRoot) execFileSync('chown', ['postgres:postgres', folder]);
  run('initdb', ['-D', data, '-A', 'trust', '-U', 'postgres', '-E', 'UTF8', '--locale=C.UTF-8', '--no-sync']);
  const settings = `-p ${port} -c listen_addresses=127.0.0.1 -k ${folder} -c fsync=off -c synchronous_commit=off`;
  const start = (): void => run('pg_ctl', ['-D', data, '-w', '-l', join(folder, 'log'), '-o', settings, 'start']);
  const end = (): number | undefined => signal(join(data, 'postmaster.pid'), 'SIGQUIT');
  process.once('exit', end);
  start();

  const outage = {
    // A fast shutdown: connections are cut, committed rows stay.
    begin: async () => gone(signal(join(data, 'postmaster.pid'), 'SIGINT')),
    end: start,
  };
  return onServer(new URL(`postgres://postgres@127.0.0.1:${port}/postgres`), outage, async () => {
    process.off('exit', end);
    await gone(end());
    rmSync(folder, { recursive: true, force: true });
  });
}

function onServer(server: URL, outage: TestPostgres['outage'], stop: () => Promise<void>): TestPostgres {
  const made: string[] = [];
  const ask = async (sql: string, parameters: unknown[] = []): Promise<void> => {
    const client = new pg.Client({ connectionString: server.href });
    await client.connect();
    try {
      await client.query(sql, parameters);
    } finally {
      await client.end();
    }
  };
  return {
    async createDatabase() {
      const name = `ccproxy_test_${process.pid}_${Date.now().toString(36)}_${made.length}`;
      // Before it is there, so that another that is asked for meanwhile has a name of its own.
      made.push(name);
      await ask(`create database ${name}`);
      const url = new URL(server);
      url.pathname = `/${name}`;
      return url.href;
    },
    cutConnections: (url) =>
      ask('select pg_terminate_backend(pid) from pg_stat_activity where datname = $1', [
        new URL(url).pathname.slice(1),
      ]),
    outage,
    async stop() {
      for (const name of made) await ask(`drop database if exists ${name} with (force)`);
      await stop();
    },
  };
}

function signal(pidFile: string, name: NodeJS.Signals): number | undefined {
  if (!existsSync(pidFile)) return undefined;
  const pid = Number.parseInt(readFileSync(pidFile, 'utf8'), 10);
  process.kill(pid, name);
  return pid;
}

async function gone(pid: number | undefined): Promise<void> {
  for (let tries = 0; pid !== undefined && tries < 500; tries++) {
    if (!existsSync(`/proc/${pid}`)) return;
    await sleep(10);
  }
}
