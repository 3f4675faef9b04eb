// The console's HTTP surface as a client meets it.
import { connect } from 'node:net';
import { expect } from 'chai';
import request from 'supertest';
import type { RunningConsole } from '#services/console/service.ts';
import { ConfigError } from '#shared/errors.ts';
import { pairId, uuidv7 } from '#shared/ids.ts';
import type { Store } from '#shared/store/store.ts';
import { exchangeRow, pairRow, START } from '../support/store-rows.ts';
import { ConsoleBed, until } from './console-bed.ts';

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;

describe('the console API', () => {
  let bed: ConsoleBed;
  let service: RunningConsole;

  beforeEach(async () => {
    bed = new ConsoleBed();
    service = await bed.start();
    await until('the schema is there', () => service.ready());
  });
  afterEach(() => bed.end());

  const get = (path: string) => request(service.url).get(path);

  it('answers the health check without a token, under any name', async () => {
    const answer = await get('/health').set('Host', '10.1.2.3').expect(200);
    expect(answer.body).to.deep.equal({ status: 'ok' });
  });

  it('names each request and says nothing about itself', async () => {
    const { headers } = await get('/api/history').expect(200);
    expect(headers['x-ccproxy-request-id']).to.match(UUID);
    expect(headers['cache-control']).to.equal('no-store');
    expect(headers).to.not.have.property('x-powered-by');
    expect(headers).to.not.have.property('access-control-allow-origin');
  });

  describe('GET /api/history', () => {
    it('is empty at first', async () => {
      const { body } = await get('/api/history').expect(200);
      expect(body).to.deep.equal({ data: [], next_cursor: null });
    });

    it('pages through all exchanges, newest first', async () => {
      const rows = [3, 1, 2].map((day) => exchangeRow({ started_at: `2026-01-0${day}T00:00:00.000Z` }));
      for (const row of rows) await bed.store.insertExchange(row);
      const seen: string[] = [];
      let cursor: string | null = null;
      do {
        const query: Record<string, string> = cursor === null ? { limit: '2' } : { limit: '2', cursor };
        const { body } = await get('/api/history').query(query).expect(200);
        for (const row of body.data) seen.push(row.started_at.slice(0, 10));
        cursor = body.next_cursor;
      } while (cursor !== null);
      expect(seen).to.deep.equal(['2026-01-03', '2026-01-02', '2026-01-01']);
    });

    it('filters by session, model, status and class', async () => {
      const wanted = exchangeRow({ session_id: 'a b&c', status: 'error', class: 'subagent', model_asked: 'ä' });
      for (const row of [wanted, exchangeRow()]) await bed.store.insertExchange(row);
      for (const filter of [{ session_id: 'a b&c' }, { status: 'error' }, { class: 'subagent' }, { model: 'ä' }]) {
        const { body } = await get('/api/history').query(filter).expect(200);
        expect(body.data.map((row: { id: string }) => row.id)).to.deep.equal([wanted.id]);
        expect(body.data[0]).to.not.have.any.keys('request', 'response');
      }
      const { body } = await get('/api/history?status=&model=').expect(200);
      expect(body.data).to.have.length(2);
    });

    for (const [path, field] of [
      ['/api/history?limit=0', 'limit'],
      ['/api/history?limit=201', 'limit'],
      ['/api/history?limit=12abc', 'limit'],
      ['/api/history?limit=-1', 'limit'],
      ['/api/history?limit=5&limit=6', 'limit'],
      ['/api/history?cursor=nonsense', 'cursor'],
      ['/api/history?status=done', 'status'],
      ['/api/history?class=big', 'class'],
      ['/api/history?colour=red', 'colour'],
      ['/api/pairs?sort=size', 'sort'],
      ['/api/pairs?verdict=maybe', 'verdict'],
      ['/api/pairs?level=high', 'level'],
      ['/api/pairs?cursor=nonsense', 'cursor'],
      ['/api/history/%E0%A4%A', 'path'],
    ] as const) {
      it(`refuses ${path} and names ${field}`, async () => {
        const { body, headers } = await get(path).expect(400);
        expect(body).to.have.property('type', 'error');
        expect(body.error.type).to.equal('invalid_request_error');
        expect(body.error.message).to.match(new RegExp(`^${field}: `));
        expect(body.request_id).to.equal(headers['x-ccproxy-request-id']);
      });
    }
  });

  it('shows one exchange whole', async () => {
    const row = exchangeRow();
    await bed.store.insertExchange(row);
    const { body } = await get(`/api/history/${row.id}`).expect(200);
    expect(body).to.deep.equal(row);
  });

  it('lists pairs by surprise and shows one by its encoded id', async () => {
    const rows = [1.5, 30, null, 0.5].map((latency_ratio, index) =>
      pairRow({ exchange_id: uuidv7(START + index), target: 'vendor/model:4.6', latency_ratio }),
    );
    for (const row of rows) await bed.store.insertPair(row);
    const { body } = await get('/api/pairs?sort=latency_ratio&target=vendor%2Fmodel%3A4.6').expect(200);
    expect(body.data.map((row: { latency_ratio: number }) => row.latency_ratio)).to.deep.equal([30, 1.5, 0.5, null]);
    const [first] = rows;
    const one = await get(`/api/pairs/${encodeURIComponent(first?.pair_id ?? '')}`).expect(200);
    expect(one.body).to.deep.equal(first);
    const other = await get(`/api/pairs?limit=1&sort=latency_ratio`).expect(200);
    await get(`/api/pairs?limit=1&sort=ttft_ratio&cursor=${other.body.next_cursor}`).expect(400);
  });

  it('answers 404 in the same envelope for what is not there', async () => {
    const paths = ['/api/history/none', `/api/pairs/${encodeURIComponent(pairId('a', 'b/c'))}`, '/api/none', '/none'];
    for (const path of paths) {
      const { body, headers } = await get(path).expect(404);
      expect(body.error.type, path).to.equal('not_found_error');
      expect(body.request_id).to.equal(headers['x-ccproxy-request-id']);
    }
    await request(service.url).post('/api/history').expect(404);
  });

  it('answers 503 while the store is away, and logs why, and 200 after', async () => {
    let isAway = true;
    const flaky: Store = {
      ...bed.store,
      exchanges: async (query) => {
        if (isAway) throw new Error('connect ECONNREFUSED');
        return bed.store.exchanges(query);
      },
    };
    const other = await bed.start({}, { store: flaky });
    const { body, headers } = await request(other.url).get('/api/history').expect(503);
    expect(body.error.type).to.equal('api_error');
    expect(body.error.message).to.not.contain('ECONNREFUSED');
    expect(headers['retry-after']).to.equal('5');
    const logged = bed.lines.find(({ event }) => event === 'console.request_failed');
    expect(logged?.fields.error).to.contain('ECONNREFUSED');
    expect(logged?.fields.request_id).to.equal(body.request_id);
    isAway = false;
    await request(other.url).get('/api/history').expect(200);
  });

  describe('without an admin token', () => {
    for (const host of ['localhost', 'localhost:3082', '127.0.0.1:1', '127.1.2.3', '[::1]:3082']) {
      it(`answers under the name ${host}`, async () => {
        await get('/api/history').set('Host', host).set('Origin', `http://${host}`).expect(200);
      });
    }

    for (const host of [
      'evil.example',
      '127.0.0.1.evil.example',
      'localhost.evil.example',
      '10.0.0.1',
      '169.254.1.1',
    ]) {
      it(`refuses the host ${host}`, async () => {
        const { body } = await get('/api/history').set('Host', host).expect(403);
        expect(body.error.type).to.equal('permission_error');
        expect(body.error.message).to.match(/^host: /);
      });
      it(`refuses a page of ${host}`, async () => {
        const { body } = await get('/api/history').set('Origin', `https://${host}`).expect(403);
        expect(body.error.message).to.match(/^origin: /);
      });
    }

    it('refuses a page without an origin of its own', async () => {
      await get('/api/history').set('Origin', 'null').expect(403);
      await get('/api/history').set('Origin', 'file://localhost').expect(403);
    });

    it('refuses a request without a host', async () => {
      expect(await rawRequest(service.url, 'GET /api/history HTTP/1.0\r\n\r\n')).to.match(/^HTTP\/1\.1 403 /);
    });

    it('does not start on an address of the network', async () => {
      const refused = await bed.start({ listen: { host: '0.0.0.0', port: 0 } }).catch((error: unknown) => error);
      expect(refused).to.be.instanceOf(ConfigError);
    });
  });

  describe('with an admin token', () => {
    const adminToken = 'a-long-admin-token';
    beforeEach(async () => {
      service = await bed.start({ adminToken });
    });

    it('answers whoever bears it, under any name', async () => {
      await get('/api/history').set('Authorization', `Bearer ${adminToken}`).set('Host', 'console.example').expect(200);
      await get('/api/history').set('Authorization', `bearer ${adminToken}`).expect(200);
    });

    for (const [what, header] of [
      ['no header', undefined],
      ['a wrong token', 'Bearer a-long-admin-tokem'],
      ['a part of it', 'Bearer a-long'],
      ['more than it', `Bearer ${adminToken}x`],
      ['another scheme', `Basic ${adminToken}`],
      ['the token alone', adminToken],
      ['an empty header', ''],
    ] as const) {
      it(`answers 401 for ${what}, everywhere under /api`, async () => {
        for (const path of ['/api/history', '/api/history/x', '/api/pairs', '/api/none']) {
          const asked = get(path);
          const { body, headers, text } = await (header === undefined
            ? asked
            : asked.set('Authorization', header)
          ).expect(401);
          expect(body.error.type).to.equal('authentication_error');
          expect(headers['www-authenticate']).to.equal('Bearer');
          expect(text).to.not.contain(adminToken);
        }
      });
    }
  });

  it('cannot listen twice on one port, and says where', async () => {
    const port = Number(new URL(service.url).port);
    const refused = await bed.start({ listen: { host: '127.0.0.1', port } }).catch((error: unknown) => error);
    expect(refused).to.be.instanceOf(ConfigError);
    expect((refused as Error).message).to.contain(`127.0.0.1:${port}`);
  });

  it('stops once, lets go of its port, and leaves bus and store open', async () => {
    await Promise.all([service.stop(), service.stop()]);
    expect(await bed.store.healthy()).to.equal(true);
    expect(await bed.bus.healthy()).to.equal(true);
    const refused = await get('/health').catch((error: unknown) => error);
    expect(String(refused)).to.contain('ECONNREFUSED');
  });
});

function rawRequest(url: string, text: string): Promise<string> {
  const { hostname, port } = new URL(url);
  return new Promise((resolve, reject) => {
    let answer = '';
    const socket = connect(Number(port), hostname, () => socket.write(text));
    socket.setEncoding('utf8');
    socket.on('data', (part: string) => {
      answer += part;
    });
    socket.on('end', () => resolve(answer));
    socket.on('error', reject);
  });
}
