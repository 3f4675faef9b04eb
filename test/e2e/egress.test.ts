// Where credentials go: the client's to the passthrough alone, the target's to the target alone, and neither to anything
// that is kept. The sentinels look like nothing a redactor knows, so that only not keeping them can help.
import { expect } from 'chai';
import pg from 'pg';
import type { SeenRequest } from '#services/simulator/service.ts';
import { DEFAULT_BUS_LIMITS } from '#shared/bus/limits.ts';
import { createRedisBus } from '#shared/bus/redis.ts';
import { decodeBody } from '#shared/exchange/exchange.ts';
import { until } from '../support/gateway.ts';
import { header, messagesRequest, type RawRequest, send } from '../support/raw-client.ts';
import { type ServiceBed, startServiceBed } from '../support/service-bed.ts';
import type { ServiceProcess } from '../support/service-process.ts';

const CLIENT = {
  key: 'clientkey7c1f9be2sentinel',
  bearer: 'clientbearer41d08a6sentinel',
  cookie: 'clientcookie93e2bb7sentinel',
  proxy: 'clientproxyauth5a1sentinel',
};
const TARGET_KEY = 'targetkey5e0d3c8sentinel';
const UPSTREAM_COOKIE = 'upstreamcookie2b6f1sentinel';
const ADMIN_TOKEN = 'admintoken8d7c6bsentinel';
const SECRETS = [...Object.values(CLIENT), TARGET_KEY, UPSTREAM_COOKIE, ADMIN_TOKEN];
const CREDENTIALS = [
  ...['x-api-key', CLIENT.key, 'authorization', `Bearer ${CLIENT.bearer}`],
  ...['cookie', `session=${CLIENT.cookie}`, 'proxy-authorization', `Basic ${CLIENT.proxy}`],
];
const OTHER_PATHS: Array<[method: string, path: string, body: string]> = [
  ['POST', '/v1/messages/count_tokens', '{"model":"claude-test","messages":[{"role":"user","content":"hi"}]}'],
  ['GET', '/v1/models', ''],
  ['POST', '/v1/files', 'a file'],
  ['GET', '/api/stats', ''],
  ['HEAD', '/', ''],
];

describe('P2 credentials', function () {
  this.timeout(60_000);
  let bed: ServiceBed;
  let gateway: ServiceProcess;
  const readers: ServiceProcess[] = [];
  const ids: string[] = [];

  before(async function () {
    bed = await startServiceBed(this, {
      CC_LOG__LEVEL: 'debug',
      CC_TARGET__API_KEY: TARGET_KEY,
      CC_TARGET__AUTH_HEADER: 'authorization',
      CC_ADMIN__TOKEN: ADMIN_TOKEN,
    });
    for (const simulator of [bed.passthrough, bed.target]) {
      simulator.use({ content: [{ type: 'text', text: 'fine' }], headers: { 'set-cookie': `id=${UPSTREAM_COOKIE}` } });
    }
    gateway = await bed.start('gateway');
    await traffic(gateway);
    await until(async () => Number(await bed.redis.command('XLEN', 'ccproxy:exchanges')) === ids.length, 10_000);
  });
  after(() => bed?.stop());

  /** Streams, whole answers, failures, and every other path, each with all the credentials a client may have. */
  async function traffic({ url }: ServiceProcess): Promise<void> {
    for (const [index, stream] of [true, false, true].entries()) {
      const scene = index === 2 ? ['x-simulator-scene', 'error-401'] : [];
      const message = messagesRequest({ stream, body: { messages: [{ role: 'user', content: `turn ${index}` }] } });
      const answer = await send(url, withCredentials(message, scene));
      ids.push(header(answer, 'x-ccproxy-request-id') ?? '');
    }
    for (const [method, path, body] of OTHER_PATHS) {
      const headers = ['content-type', 'application/json', 'content-length', String(body.length)];
      await send(url, withCredentials({ method, path, headers, body: Buffer.from(body) }));
    }
    await send(url, {
      method: 'GET',
      path: '/v1/models',
      headers: ['authorization', `Bearer ${ADMIN_TOKEN}`],
      body: Buffer.alloc(0),
    });
  }

  function withCredentials(request: RawRequest, more: string[] = []): RawRequest {
    const plain = request.headers.filter(
      (_, index, all) => (index % 2 === 0 ? all[index] : all[index - 1]) !== 'x-api-key',
    );
    return { ...request, headers: [...plain, ...CREDENTIALS, ...more] };
  }

  it('of the client and of the target are not in Redis while exchanges wait there, bodies unpacked', async () => {
    const dump = await dumpRedis(bed);
    expect(dump).to.include('turn 1').and.include(ids[0]);
    expectNone(dump, 'Redis');
  });

  it('of the client reach the passthrough, whose they are, and no other host', async () => {
    readers.push(...(await Promise.all([bed.start('console'), bed.start('comparator')])));
    const asked = await bed.target.until((seen) => seen.length >= 2, 20_000);
    expect(asked.map(({ headers }) => headers['x-ccproxy-shadow'])).to.deep.equal(['1', '1']);
    const own = bed.passthrough.seen().filter(({ path }) => path === '/v1/messages');
    expect(own).to.have.length(3);
    for (const { headers } of own) {
      expect(headers).to.include({ 'x-api-key': CLIENT.key, authorization: `Bearer ${CLIENT.bearer}` });
    }
    const atPassthrough = bytesOf(bed.passthrough.seen());
    expect(atPassthrough).to.not.include(TARGET_KEY).and.not.include(ADMIN_TOKEN).and.not.include(CLIENT.proxy);
    expect(atPassthrough, 'a cookie of this host').to.not.include(CLIENT.cookie);
    const atTarget = bytesOf(bed.target.seen());
    for (const secret of SECRETS) {
      if (secret === TARGET_KEY) expect(atTarget).to.include(`Bearer ${secret}`);
      else expect(atTarget, secret).to.not.include(secret);
    }
  });

  it('of the client stay here in target mode, where the target answers', async () => {
    bed.target.reset();
    bed.target.use({ content: [{ type: 'text', text: 'fine' }], headers: { 'set-cookie': `id=${UPSTREAM_COOKIE}` } });
    const connections = bed.passthrough.connections();
    const targeted = await bed.start('gateway', { CC_DEFAULT_MODE: 'target' });
    await traffic(targeted);
    const seen = bed.target.seen().filter(({ path }) => path === '/v1/messages');
    expect(seen).to.have.length(3);
    for (const { headers } of seen) expect(headers.authorization).to.equal(`Bearer ${TARGET_KEY}`);
    const atTarget = bytesOf(bed.target.seen());
    for (const secret of SECRETS.filter((each) => each !== TARGET_KEY)) expect(atTarget, secret).to.not.include(secret);
    expect(bed.passthrough.connections(), 'connections to the passthrough').to.equal(connections);
  });

  it('are in no span, no row, no log line and no metric when all of it is done', async () => {
    const rows = async (): Promise<string> => dumpPostgres(bed.databaseUrl);
    await until(async () => countOf(await rows(), ids) === ids.length, 20_000);
    await bed.sink.waitFor((spans) => spans.filter(({ name }) => name === 'compare_pair').length >= 2, 20_000);
    expectNone(await rows(), 'PostgreSQL');
    const spans = bed.sink.raw().toString('latin1');
    expect(spans).to.include('proxy_request').and.include('turn 1');
    expectNone(spans, 'the spans');
    expectNone(await dumpRedis(bed), 'Redis at the end');
    for (const service of [gateway, ...readers])
      expectNone(await (await fetch(`${service.opsUrl}/metrics`)).text(), 'the metrics');
    const output = bed.output();
    expect(output).to.include('"event":"request.finished"');
    expectNone(output, 'the logs');
  });
});

function expectNone(text: string, where: string): void {
  for (const secret of SECRETS) {
    expect(text.includes(secret), `${secret} in ${where}`).to.equal(false);
    expect(
      text.includes(Buffer.from(secret).toString('base64').slice(0, 24)),
      `${secret} in base64 in ${where}`,
    ).to.equal(false);
  }
}

function bytesOf(seen: SeenRequest[]): string {
  return seen
    .map(({ url, rawHeaders, raw }) => [url, ...rawHeaders.map(String), raw.toString('latin1')].join('\n'))
    .join('\n');
}

function countOf(text: string, ids: string[]): number {
  return ids.filter((id) => text.includes(`"id":"${id}"`)).length;
}

/** Every key as text; bodies decoded, since a compressed secret is a secret still. */
async function dumpRedis({ redis }: ServiceBed): Promise<string> {
  const keys = (await redis.command('KEYS', '*')) as string[];
  const bus = createRedisBus({ url: redis.url, limits: DEFAULT_BUS_LIMITS, onTrouble: () => {} });
  try {
    const parts: string[] = [];
    for (const key of keys) {
      parts.push(key, key.startsWith('ccproxy:body:') ? await bodyText(bus, key) : await valueText(redis, key));
    }
    return parts.join('\n');
  } finally {
    await bus.close();
  }
}

async function bodyText(bus: ReturnType<typeof createRedisBus>, key: string): Promise<string> {
  const packed = await bus.body(key.slice('ccproxy:body:'.length));
  if (packed === null) return ''; // released meanwhile
  const { request, answer } = await decodeBody(packed);
  return [
    request.toString('latin1'),
    ...answer.rawHeaders,
    ...answer.chunks.map(({ bytes }) => bytes.toString('latin1')),
  ].join('\n');
}

const READERS: Record<string, (key: string) => string[]> = {
  string: (key) => ['GET', key],
  hash: (key) => ['HGETALL', key],
  set: (key) => ['SMEMBERS', key],
  zset: (key) => ['ZRANGE', key, '0', '-1'],
  list: (key) => ['LRANGE', key, '0', '-1'],
  stream: (key) => ['XRANGE', key, '-', '+'],
};

async function valueText(redis: ServiceBed['redis'], key: string): Promise<string> {
  const type = String(await redis.command('TYPE', key));
  if (type === 'none') return '';
  const command = READERS[type]?.(key);
  if (!command) throw new Error(`no way to read ${key} of type ${type}`);
  return JSON.stringify(await redis.command(...command));
}

async function dumpPostgres(url: string): Promise<string> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    const tables = await client.query<{ name: string }>(
      "select table_name as name from information_schema.tables where table_schema = 'public'",
    );
    const dumps: string[] = [];
    for (const { name } of tables.rows) {
      const { rows } = await client.query(`select * from "${name}"`);
      dumps.push(JSON.stringify(rows));
    }
    return dumps.join('\n');
  } finally {
    await client.end();
  }
}
