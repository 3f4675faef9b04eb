import { createHash } from 'node:crypto';
import { expect } from 'chai';
import { type Scene, text } from '#services/simulator/script.ts';
import { createSimulator, type Simulator } from '#services/simulator/service.ts';
import { runningMs } from '../support/patience.ts';
import { callOnWire } from './raw-client.ts';

const MESSAGE = { model: 'm', max_tokens: 10, messages: [{ role: 'user', content: 'hi' }] };

describe('simulator control', () => {
  let simulator: Simulator;
  before(async () => {
    simulator = await createSimulator({ listenAddress: '127.0.0.1:0', defaultScene: 'text', delayScale: 0 });
  });
  after(() => simulator.stop());
  beforeEach(() => simulator.reset());

  const post = (path: string, body: unknown, headers: Record<string, string> = {}): Promise<Response> =>
    fetch(simulator.url + path, { method: 'POST', body: JSON.stringify(body), headers });
  const ask = async (headers?: Record<string, string>): Promise<string> => {
    const answer = (await (await post('/v1/messages', MESSAGE, headers)).json()) as {
      content?: Array<{ text?: string; type: string }>;
      error?: { type: string };
    };
    return answer.error?.type ?? answer.content?.map((block) => block.text ?? block.type).join() ?? '';
  };
  const order = (body: unknown): Promise<Response> =>
    fetch(`${simulator.url}/__scene`, { method: 'PUT', body: JSON.stringify(body) });

  it('plays an ordered scene so many times, in order, then the current one again', async () => {
    simulator.use({ content: [text('current')] });
    simulator.use({ content: [text('first')] }, 2);
    simulator.use('error-529', 1);
    const answers = [await ask(), await ask(), await ask(), await ask()];
    expect(answers).to.deep.equal(['first', 'first', 'overloaded_error', 'current']);
  });

  it('asks a function for each request what to play', async () => {
    simulator.use((request) => (request.seq % 2 === 0 ? 'error-500' : { content: [text(`number ${request.seq}`)] }));
    expect([await ask(), await ask(), await ask()]).to.deep.equal(['number 1', 'api_error', 'number 3']);
    expect(simulator.seen().map((seen) => seen.scene)).to.deep.equal(['object', 'error-500', 'object']);
  });

  it('lets a request name its scene by header, and refuses a name there is none for', async () => {
    expect(await ask({ 'x-simulator-scene': 'error-529' })).to.equal('overloaded_error');
    expect(await ask({ 'x-simulator-scene': 'nothing-like-it' })).to.equal('invalid_request_error');
    expect(await ask()).to.match(/^Hello/);
  });

  it('takes scenes over HTTP by name, as an object, for a number of times, and forgets them', async () => {
    expect((await order({ scene: 'error-429', times: 1 })).status).to.equal(200);
    expect((await order({ scene: { content: [text('from HTTP')] } })).status).to.equal(200);
    expect([await ask(), await ask()]).to.deep.equal(['rate_limit_error', 'from HTTP']);
    await fetch(`${simulator.url}/__scene`, { method: 'DELETE' });
    expect(await ask()).to.match(/^Hello/);
  });

  it('takes over HTTP every member and every fault there is', async () => {
    const faults = [
      ...['cut-before-headers', 'cut-after-headers'].map((kind) => ({ kind, manner: 'reset' })),
      { kind: 'cut', after: -1, manner: 'close' },
      { kind: 'cut-inside', after: 2, bytes: 3 },
      { kind: 'end-early', after: -2 },
      { kind: 'error-event', after: 0, error: { type: 'api_error', message: 'm', details: { a: 1 } } },
      { kind: 'silence', after: 0, forMs: 10 },
      { kind: 'silence-before-headers' },
      ...['html', 'not-json', 'broken-chunking', 'content-length-long', 'content-length-short', 'empty'].map(
        (what) => ({
          kind: 'garbage',
          what,
        }),
      ),
      { kind: 'garbage', what: 'json-instead-of-stream' },
    ];
    for (const fault of faults) expect((await order({ scene: { fault } })).status, JSON.stringify(fault)).to.equal(200);
    const scene: Required<Omit<Scene, 'fault'>> = {
      name: 'everything',
      model: 'm',
      content: [text('x')],
      stopReason: 'end_turn',
      stopSequence: 'x',
      usage: { input_tokens: 1 },
      messageFields: {},
      deltaFields: {},
      answersSafeguards: true,
      deltaChars: 3,
      pings: { everyMs: 5 },
      extraEvents: [
        { at: 0, raw: ': x' },
        { at: 1, event: 'e', data: null },
      ],
      lineEnd: 'crlf',
      split: { seed: 1 },
      delays: { headersMs: 1, firstByteMs: 1, betweenMs: 1 },
      headers: { a: 'b' },
      compress: 'gzip',
      status: 200,
      error: {},
      body: '{}',
      quirks: { chat: { toolIndex: 'gaps', finishReason: null } },
      refuses: 'ollama-shift',
      search: { results: [{ url: 'https://a.example', title: 'A', content: 'c', date: '2026-01-01' }] },
      everyPath: false,
    };
    const response = await order({ scene });
    expect(await response.json()).to.include({ scene: 'everything' });
  });

  it('refuses a scene it would not understand, and names the member', async () => {
    const cases: Array<[unknown, string]> = [
      [{ scene: { contents: [] } }, 'scene.contents'],
      [{ scene: { content: 'text' } }, 'scene.content'],
      [{ scene: { fault: { kind: 'explode' } } }, 'scene.fault'],
      [{ scene: { fault: { kind: 'cut' } } }, 'scene.fault'],
      [{ scene: { fault: { kind: 'cut', after: 1, afterwards: 2 } } }, 'scene.fault'],
      [{ scene: { split: { bytes: 1.5 } } }, 'scene.split'],
      [{ scene: { status: 42 } }, 'scene.status'],
      [{ scene: { quirks: { chat: { toolIndex: 'odd' } } } }, 'scene.quirks.chat.toolIndex'],
      [{ scene: { quirks: { morse: {} } } }, 'scene.quirks.morse'],
      [{ scene: { constructor: 1 } }, 'scene.constructor'],
      [{ scene: 'nothing' }, 'nothing'],
      [{ scene: 'text', times: 0 }, 'times'],
      [{}, 'scene'],
      [[], 'object'],
    ];
    for (const [body, expected] of cases) {
      const response = await order(body);
      expect(response.status, JSON.stringify(body)).to.equal(400);
      expect(await response.text()).to.include(expected);
    }
    const notJson = await fetch(`${simulator.url}/__scene`, { method: 'PUT', body: '{' });
    expect(notJson.status).to.equal(400);
    expect(await ask()).to.match(/^Hello/);
  });

  it('tells over HTTP what it saw, without counting its own control paths', async () => {
    const body = JSON.stringify(MESSAGE);
    await fetch(`${simulator.url}/v1/messages?beta=true`, { method: 'POST', body, headers: { 'X-Team': 'blue' } });
    await fetch(`${simulator.url}/v1/files?limit=2`);
    const { data } = (await (await fetch(`${simulator.url}/__seen`)).json()) as {
      data: Array<Record<string, unknown>>;
    };
    expect(data).to.have.length(2);
    expect(data[0]).to.deep.include({
      seq: 1,
      method: 'POST',
      url: '/v1/messages?beta=true',
      bodyBytes: Buffer.byteLength(body),
      sha256: createHash('sha256').update(body).digest('hex'),
      body: MESSAGE,
      scene: 'text',
      hungUp: false,
    });
    expect(data[0]?.rawHeaders).to.include('blue');
    expect(data[1]).to.deep.include({ method: 'GET', url: '/v1/files?limit=2', bodyBytes: 0, body: null, scene: null });
    await fetch(`${simulator.url}/__seen`, { method: 'DELETE' });
    expect(simulator.seen()).to.deep.equal([]);
    await ask();
    expect(simulator.seen()[0]?.seq).to.equal(3);
    expect((await fetch(`${simulator.url}/__nothing`)).status).to.equal(404);
  });

  it('notices within milliseconds that a client left, in the middle of an answer or of its own request', async () => {
    simulator.use({ content: [text('x')], fault: { kind: 'silence', after: 2 } });
    const waiting = callOnWire(simulator.url, { body: JSON.stringify({ ...MESSAGE, stream: true }) });
    await waiting.until((bytes) => bytes.includes('content_block_start'));
    const leftAt = Date.now();
    waiting.hangUp();
    expect(await runningMs(() => simulator.until((seen) => seen[0]?.hungUp === true))).to.be.below(250);
    expect(simulator.seen()[0]?.hungUpAtMs).to.be.at.least(leftAt);

    const uploading = callOnWire(simulator.url, { headers: { 'content-length': '1000' }, body: '{"model":' });
    await simulator.until((seen) => seen.length === 2);
    uploading.hangUp();
    const [, second] = await simulator.until((seen) => seen[1]?.hungUp === true);
    expect(second).to.include({ bodyComplete: false, body: undefined });
  });

  it('does not take its own cut or an answer that was read for a client that left', async () => {
    await ask();
    simulator.use({ content: [text('x')], fault: { kind: 'cut', after: 2 } });
    await callOnWire(simulator.url, { body: JSON.stringify({ ...MESSAGE, stream: true }) }).answer();
    const seen = await simulator.until((all) => all.length === 2 && all.every((one) => one.endedAtMs !== null));
    expect(seen.map((one) => one.hungUp)).to.deep.equal([false, false]);
  });

  it('counts TCP connections, not requests', async () => {
    const before = simulator.connections();
    await callOnWire(simulator.url, { body: JSON.stringify(MESSAGE) }).answer();
    await callOnWire(simulator.url, { body: JSON.stringify(MESSAGE) }).answer();
    expect(simulator.connections()).to.equal(before + 2);
    const [first, second] = simulator.seen();
    expect(second?.connection).to.equal((first?.connection ?? 0) + 1);
  });

  it('remembers the newest requests only', async () => {
    const small = await createSimulator({ listenAddress: '127.0.0.1:0', keepSeen: 2 });
    try {
      for (const name of ['a', 'b', 'c']) await fetch(`${small.url}/${name}`);
      expect(small.seen().map((seen) => [seen.seq, seen.path])).to.deep.equal([
        [2, '/b'],
        [3, '/c'],
      ]);
    } finally {
      await small.stop();
    }
  });

  it('refuses an address that is none, and says so when a port is taken', async () => {
    const badAddress = await createSimulator({ listenAddress: 'nowhere' }).catch((error: Error) => error);
    expect(badAddress).to.be.instanceOf(Error).with.property('message').that.includes('host:port');
    const { host } = new URL(simulator.url);
    const taken = await createSimulator({ listenAddress: host }).catch((error: Error) => error);
    expect(taken).to.be.instanceOf(Error).with.property('message').that.includes(host);
  });

  it('stops at once, twice if need be, although answers still run', async () => {
    const other = await createSimulator({ listenAddress: '127.0.0.1:0', defaultScene: 'silence-before-headers' });
    const waiting = callOnWire(other.url, { body: JSON.stringify(MESSAGE) });
    await other.until((seen) => seen[0]?.bodyComplete === true);
    await Promise.all([other.stop(), other.stop()]);
    expect(await waiting.answer()).to.include({ head: '' });
    expect(other.seen()[0]?.hungUp).to.equal(false);
  });
});

describe('simulator paths beside messages', () => {
  let simulator: Simulator;
  before(async () => {
    simulator = await createSimulator({ listenAddress: '127.0.0.1:0', model: 'glm-5-fp8' });
  });
  after(() => simulator.stop());
  beforeEach(() => simulator.reset());

  it('counts tokens by size', async () => {
    const count = async (content: string): Promise<number> => {
      const body = JSON.stringify({ model: 'm', messages: [{ role: 'user', content }] });
      const response = await fetch(`${simulator.url}/v1/messages/count_tokens?beta=true`, { method: 'POST', body });
      const answer = (await response.json()) as { input_tokens: number };
      expect(Object.keys(answer)).to.deep.equal(['input_tokens']);
      return answer.input_tokens;
    };
    expect(await count('x'.repeat(4_000))).to.equal((await count('')) + 1_000);
  });

  it('lists its models, and shows one or that there is none', async () => {
    const list = (await (await fetch(`${simulator.url}/v1/models?limit=1000`)).json()) as {
      data: Array<{ id: string }>;
      first_id: string;
      has_more: boolean;
    };
    expect(list).to.include({ first_id: 'glm-5-fp8', has_more: false });
    expect(list.data.map((model) => model.id)).to.include('claude-opus-5-5');
    const one = await (await fetch(`${simulator.url}/v1/models/claude-opus-5-5`)).json();
    expect(one).to.deep.include({ type: 'model', id: 'claude-opus-5-5' });
    expect((await fetch(`${simulator.url}/v1/models/none`)).status).to.equal(404);
    expect((await fetch(`${simulator.url}/v1/models/%E0%A4%A`)).status).to.equal(404);
  });

  it('answers HEAD on every path with 200 and no body', async () => {
    for (const path of ['/', '/api/hello']) {
      const response = await fetch(simulator.url + path, { method: 'HEAD' });
      expect(response.status).to.equal(200);
      expect(await response.text()).to.equal('');
    }
  });

  it('echoes anything else well enough to prove that it came unchanged', async () => {
    const body = Buffer.from([0, 255, 10, 13, 128]);
    const response = await fetch(`${simulator.url}/v1/files/a%2Fb?x=1&y=%20`, { method: 'POST', body });
    expect(await response.json()).to.deep.equal({
      method: 'POST',
      path: '/v1/files/a%2Fb',
      query: 'x=1&y=%20',
      body_bytes: 5,
      sha256: createHash('sha256').update(body).digest('hex'),
    });
  });

  it('fails on every path only when the scene says so or the request names one', async () => {
    simulator.use({ status: 503 });
    expect((await fetch(`${simulator.url}/v1/files`)).status).to.equal(200);
    simulator.use({ status: 503, everyPath: true }, 1);
    expect((await fetch(`${simulator.url}/v1/files`)).status).to.equal(503);
    expect((await fetch(`${simulator.url}/v1/files`)).status).to.equal(200);
    const named = await fetch(`${simulator.url}/v1/files`, { headers: { 'x-simulator-scene': 'error-429' } });
    expect(named.status).to.equal(429);
    simulator.use({ fault: { kind: 'cut-before-headers' }, everyPath: true });
    const cut = await callOnWire(simulator.url, { path: '/v1/files' }).answer();
    expect(cut.head).to.equal('');
  });

  it('answers a body that is no Messages request with 400', async () => {
    for (const body of ['', '[]', '{"model":1,"messages":[]}', '{"model":"m"}', 'not json']) {
      const response = await fetch(`${simulator.url}/v1/messages`, { method: 'POST', body });
      expect(response.status, body).to.equal(400);
    }
  });
});
