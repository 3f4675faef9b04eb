// The other paths under bad weather: upstreams that break off, requests that belong to one connection, shutdown.
import { createServer, type IncomingMessage, type RequestListener, type Server, type ServerResponse } from 'node:http';
import { type AddressInfo, connect, createServer as createTcpServer, type Socket } from 'node:net';
import { expect } from 'chai';
import { startTestGateway, type TestGateway, until } from '../support/gateway.ts';
import { header, json, type RawAnswer, type RawRequest, send } from '../support/raw-client.ts';

const EMPTY = Buffer.alloc(0);
const get = (path: string, headers: string[] = []): RawRequest => ({ method: 'GET', path, headers, body: EMPTY });

/** Writes to a connection; resolves with all that came until it ended, and how. */
function talk(url: string, text: string, onData: (seen: string) => void = () => {}) {
  const { hostname, port } = new URL(url);
  return new Promise<{ seen: string; wasReset: boolean }>((resolve) => {
    let seen = '';
    let wasReset = false;
    const socket = connect(Number(port), hostname, () => socket.write(text));
    socket.on('data', (part: Buffer) => {
      seen += part.toString('latin1');
      onData(seen);
    });
    socket.on('error', () => {
      wasReset = true;
    });
    socket.on('close', () => resolve({ seen, wasReset }));
  });
}

describe('passthrough', () => {
  const ends: Array<() => Promise<unknown>> = [];
  afterEach(async () => {
    for (const end of ends.splice(0).reverse()) await end();
  });

  async function listen(server: Server | ReturnType<typeof createTcpServer>): Promise<string> {
    await new Promise<void>((resolve) => {
      server.listen(0, '127.0.0.1', resolve);
    });
    return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  }

  async function upstream(listener: RequestListener): Promise<string> {
    const server = createServer(listener);
    const url = await listen(server);
    ends.push(async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    });
    return url;
  }

  /** Answers every connection with these bytes and closes it then. */
  async function rawUpstream(bytes: string): Promise<string> {
    const open = new Set<Socket>();
    const server = createTcpServer((socket) => {
      open.add(socket);
      socket.on('error', () => {}); // the gateway leaves a connection that makes no sense
      socket.once('data', () => socket.end(bytes));
    });
    const url = await listen(server);
    ends.push(async () => {
      for (const socket of open) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    });
    return url;
  }

  async function gateway(url: string, settings: Record<string, unknown> = {}): Promise<TestGateway> {
    const started = await startTestGateway({
      settings: {
        default_mode: 'compare',
        'passthrough.url': url,
        'target.url': url,
        'target.model': 'm',
        ...settings,
      },
    });
    ends.push(() => started.stop());
    return started;
  }

  const outcome = (of: TestGateway, name: string): Promise<number> =>
    of.metric('ccproxy_gateway_requests_total', { route: 'passthrough', outcome: name });

  describe('at shutdown', () => {
    /** Sends `part1`, and `part2` once it is let. */
    async function twoParts(): Promise<{ url: string; finish(): unknown }> {
      const waiting: ServerResponse[] = [];
      const url = await upstream((_req, res) => {
        res.write('part1');
        waiting.push(res);
      });
      return { url, finish: () => waiting.map((res) => res.end('part2')) };
    }

    async function begun(of: TestGateway, version = '1.1') {
      let begin = (): void => {};
      const hasBegun = new Promise<void>((resolve) => {
        begin = resolve;
      });
      const text = `GET /v1/files/f/content HTTP/${version}\r\nHost: 127.0.0.1\r\n\r\n`;
      const done = talk(of.url, text, (seen) => seen.includes('part1') && begin());
      await hasBegun;
      return { done };
    }

    it('a download that has begun is finished', async () => {
      const parts = await twoParts();
      const running = await gateway(parts.url);
      const { done } = await begun(running);
      let hasStopped = false;
      const stopped = running.stop().then(() => {
        hasStopped = true;
      });
      await new Promise((resolve) => setTimeout(resolve, 100)); // several rounds of the drain's own check
      expect(hasStopped).to.equal(false);
      parts.finish();
      expect((await done).seen).to.match(/part2\r\n0\r\n\r\n$/);
      await stopped;
    });

    it('what has not ended at the deadline ends visibly broken, over HTTP/1.0 too', async () => {
      const parts = await twoParts();
      const running = await gateway(parts.url, { 'server.drain_secs': 0 });
      const [modern, old] = [await begun(running), await begun(running, '1.0')];
      await running.stop();
      expect((await modern.done).seen).to.not.match(/\r\n0\r\n\r\n$/);
      expect((await old.done).wasReset).to.equal(true);
    });

    it('new requests get a 529', async () => {
      const parts = await twoParts();
      const running = await gateway(parts.url);
      const { hostname, port } = new URL(running.url);
      const request = 'GET /v1/files/f/content HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n';
      const kept = connect(Number(port), hostname, () => kept.write(request));
      let seen = '';
      kept.on('data', (part: Buffer) => (seen += part.toString('latin1')));
      const closed = new Promise((resolve) => kept.once('close', resolve));
      await until(() => seen.includes('part1'));
      const stopped = running.stop();
      kept.write(request); // on the same connection, behind the first
      const refused = { route: 'other', code: '529' };
      await until(async () => (await running.metric('ccproxy_gateway_responses_total', refused)) === 1);
      parts.finish();
      await Promise.all([closed, stopped]);
      expect(seen).to.match(/part2[\s\S]*HTTP\/1\.1 529 [\s\S]*"type":"overloaded_error"/);
    });

    it('an admin answer under way is finished', async () => {
      const running = await gateway(await upstream((_req, res) => res.end()));
      const { hostname, port } = new URL(running.url);
      const body = '{"mode":"target"}';
      const socket = connect(Number(port), hostname);
      let seen = '';
      socket.on('data', (part: Buffer) => (seen += part.toString('latin1')));
      const closed = new Promise((resolve) => socket.once('close', resolve));
      const head = `PUT /api/mode HTTP/1.1\r\nHost: 127.0.0.1\r\ncontent-length: ${body.length}\r\nexpect: 100-continue\r\n\r\n`;
      socket.write(head);
      await until(() => seen.includes('100 Continue'));
      const stopped = running.stop();
      socket.write(body);
      await until(() => seen.includes('"mode":"target"'));
      await Promise.all([closed, stopped]);
      expect(seen).to.include('200 OK');
    });
  });

  describe('with an upstream that breaks off', () => {
    it('before the first byte of its body, the 502 has nothing of the upstream’s headers', async () => {
      const own = 'set-cookie: a=b\r\netag: "x"\r\ncontent-encoding: gzip\r\n';
      for (const [framing, body] of [
        ['transfer-encoding: chunked', 'ZZZ\r\n'],
        ['content-length: 999', ''],
      ]) {
        const running = await gateway(await rawUpstream(`HTTP/1.1 200 OK\r\n${framing}\r\n${own}\r\n${body}`));
        const { seen } = await talk(
          running.url,
          'GET /v1/files HTTP/1.1\r\nHost: 127.0.0.1\r\nconnection: close\r\n\r\n',
        );
        expect(seen, framing).to.match(/^HTTP\/1\.1 502 Bad Gateway\r\n/);
        expect(seen).to.not.match(/transfer-encoding|set-cookie|etag|content-encoding/i);
        expect(seen.match(/content-length/gi)).to.have.length(1);
        expect(JSON.parse(seen.split('\r\n\r\n')[1] ?? '')).to.have.nested.property('error.type', 'api_error');
        await until(async () => (await outcome(running, 'upstream_error')) === 1);
      }
    });

    it('in the middle of its body, the client sees that and the books say whose fault it was', async () => {
      for (const head of [{}, { 'content-length': '100' }]) {
        const running = await gateway(
          await upstream((_req, res) => {
            res.writeHead(200, head);
            res.write('half', () => res.destroy());
          }),
        );
        expect((await send(running.url, get('/v1/files/f/content'))).end).to.equal('broken');
        const old = await talk(running.url, 'GET /v1/files/f/content HTTP/1.0\r\nHost: 127.0.0.1\r\n\r\n');
        expect(old.wasReset, JSON.stringify(head)).to.equal(true);
        await until(async () => (await outcome(running, 'stream_error')) === 2);
        expect(await outcome(running, 'client_abort')).to.equal(0);
      }
    });

    it('a client that leaves first is booked as that', async () => {
      const running = await gateway(await upstream((_req, res) => res.write('half')));
      const { hostname, port } = new URL(running.url);
      const socket = connect(Number(port), hostname);
      socket.write('GET /v1/files HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n');
      socket.on('data', () => socket.destroy());
      await until(async () => (await outcome(running, 'client_abort')) === 1);
      expect(await outcome(running, 'stream_error')).to.equal(0);
    });
  });

  describe('headers of one hop', () => {
    async function echo(): Promise<{ running: TestGateway; seen: IncomingMessage[] }> {
      const seen: IncomingMessage[] = [];
      const url = await upstream((req, res) => {
        seen.push(req);
        req.resume();
        const hop = { 'keep-alive': 'timeout=5', 'proxy-authenticate': 'Basic', 'x-hop': '1', 'x-end': '2' };
        req.on('end', () => res.writeHead(200, { connection: 'x-hop', ...hop }).end('plain'));
      });
      return { running: await gateway(url), seen };
    }

    it('stay on it, all that any Connection header names among them, both ways', async () => {
      const { running, seen } = await echo();
      const headers = [
        ...['TE', 'trailers', 'keep-alive', '5', 'proxy-connection', 'x', 'trailer', 'x-t', 'x-end', 'kept'],
        ...['connection', 'x-foo', 'connection', 'close, x-bar', 'x-foo', '1', 'x-bar', '2', 'Upgrade', 'h2c'],
        ...['x-api-key', 'client-key', 'transfer-encoding', 'chunked'],
      ];
      const answer = await send(running.url, {
        method: 'DELETE',
        path: '/v1/files/f',
        headers,
        body: Buffer.from('hi'),
      });
      expect(answer.status).to.equal(200);
      const sent = seen[0]?.headers ?? {};
      expect(sent).to.include({ 'x-api-key': 'client-key', 'x-end': 'kept', 'transfer-encoding': 'chunked' });
      expect(sent).to.not.have.any.keys(
        ...['te', 'keep-alive', 'proxy-connection', 'trailer', 'x-foo', 'x-bar', 'upgrade', 'expect'],
      );
      expect(sent.connection ?? '').to.not.match(/x-/);
      expect(header(answer, 'x-end')).to.equal('2');
      for (const name of ['keep-alive', 'proxy-authenticate', 'x-hop'])
        expect(header(answer, name)).to.equal(undefined);
      expect(header(answer, 'connection')).to.equal('close');
    });

    it('credentials of another host stay here also when the client expects a 100', async () => {
      const { running, seen } = await echo();
      const headers = ['expect', '100-continue', 'cookie', 'a=b', 'x-goog-api-key', 'k', 'content-length', '2'];
      await send(running.url, { method: 'POST', path: '/v1/files', headers, body: Buffer.from('hi') });
      expect(seen[0]?.headers).to.not.have.any.keys('cookie', 'x-goog-api-key', 'expect');
    });

    it('an Upgrade is refused with a 400 in the client’s error shape, and nobody is asked', async () => {
      const { running, seen } = await echo();
      const { hostname, port } = new URL(running.url);
      const text = `GET /v1/ws HTTP/1.1\r\nHost: ${hostname}:${port}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n`;
      let whole = '';
      const socket = connect(Number(port), hostname, () => socket.write(text));
      socket.on('data', (part: Buffer) => (whole += part.toString('latin1')));
      await until(() => whole.endsWith('}'));
      socket.destroy();
      expect(whole)
        .to.match(/^HTTP\/1\.1 400 /)
        .and.include('"type":"invalid_request_error"')
        .and.include('upgrade');
      expect(seen).to.have.length(0);
    });
  });

  it('what the admin API answers is counted, errors and all', async () => {
    const running = await gateway(await upstream((_req, res) => res.end()));
    const answers: RawAnswer[] = [];
    for (const path of ['/api/mode', '/api/stats', '/api/history']) answers.push(await send(running.url, get(path)));
    expect(answers.map(({ status }) => status)).to.deep.equal([200, 200, 404]);
    expect(json(answers[0] as RawAnswer)).to.include({ mode: 'compare' });
    const counted = (name: string) =>
      running.metric('ccproxy_gateway_requests_total', { route: 'admin', outcome: name });
    expect([await counted('ok'), await counted('client_error')]).to.deep.equal([2, 1]);
  });
});
