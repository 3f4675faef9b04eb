import { createServer, request as httpRequest, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { gunzipSync, gzipSync } from 'node:zlib';
import { expect } from 'chai';
import { createSimulator, type Simulator } from '#services/simulator/service.ts';
import { systemClock } from '#shared/clock.ts';
import { estimateTokens } from '#shared/messages/estimate-tokens.ts';
import type { MessagesRequest } from '#shared/wire/anthropic.ts';
import { type ChatUpstream, startChatUpstream } from '../support/chat-upstream.ts';
import { startTestGateway, type TestGateway, type TestGatewayOptions } from '../support/gateway.ts';
import { json, messagesRequest, type RawAnswer, type RawRequest, send } from '../support/raw-client.ts';
import { requestsOf } from '../support/recordings.ts';

const PATH = '/v1/messages/count_tokens?beta=true';

function question(text: string, headers: string[] = []): RawRequest {
  const body = Buffer.from(JSON.stringify({ model: 'claude-x', messages: [{ role: 'user', content: text }] }));
  const all = ['content-type', 'application/json', 'content-length', String(body.length), 'x-api-key', 'k', ...headers];
  return { method: 'POST', path: PATH, headers: all, body };
}

function contextQuestions(): RawRequest[] {
  return requestsOf('cc-slash-context')
    .filter(({ url }) => url.startsWith('/v1/messages/count_tokens'))
    .map(({ method, url, rawHeaders, body }) => ({ method, path: url, headers: rawHeaders, body }));
}

describe('count_tokens', () => {
  let chat: ChatUpstream;
  let native: Simulator;
  const open: TestGateway[] = [];
  const start = async (settings: Record<string, unknown>, parts: TestGatewayOptions['parts'] = {}) => {
    const gateway = await startTestGateway({ settings, parts });
    open.push(gateway);
    return gateway;
  };
  const converted = (settings: Record<string, unknown> = {}, parts: TestGatewayOptions['parts'] = {}) =>
    start({ 'target.url': chat.url, 'target.type': 'openai-chat', 'target.model': 'gpt-5', ...settings }, parts);
  before(async () => {
    chat = await startChatUpstream();
    native = await createSimulator({ listenAddress: '127.0.0.1:0', seed: 4, defaultScene: 'text', delayScale: 0 });
  });
  after(() => Promise.all([chat.stop(), native.stop()]));
  afterEach(async () => {
    await Promise.all(open.splice(0).map((gateway) => gateway.stop()));
    native.reset();
    chat.asked.length = 0;
  });

  it('S4-03 conv N-03 is answered here for an upstream that cannot count: one number and nothing else, nobody is asked', async () => {
    const gateway = await converted();
    const answer = await send(gateway.url, question('How many tokens are in this?'));
    expect(answer.status).to.equal(200);
    expect(answer.body.toString()).to.match(/^\{"input_tokens":\d+\}$/);
    expect(json(answer).input_tokens).to.be.within(14, 25);
    expect(chat.asked).to.have.length(0);
  }).timeout(20_000);

  it('C-06 all of a client’s questions at its start are answered at once, above and near what they hold', async () => {
    const gateway = await converted({ 'target.max_concurrent': 1 });
    const questions = contextQuestions();
    expect(questions).to.have.length(25);
    const answers = await Promise.all(questions.map((one) => send(gateway.url, one)));
    for (const [index, answer] of answers.entries()) {
      expect(answer.status).to.equal(200);
      const { input_tokens } = json(answer) as { input_tokens: number };
      const bytes = questions[index]?.body.length ?? 0;
      expect(bytes / input_tokens, `${bytes} bytes`).to.be.within(3, 9);
    }
    expect(chat.asked).to.have.length(0);
  }).timeout(20_000);

  it('C-06 system prompt, tools, results and images are in the count', async () => {
    const gateway = await converted();
    const count = async (part: Record<string, unknown>): Promise<number> => {
      const request = {
        ...messagesRequest({ body: { ...part, max_tokens: undefined, stream: undefined } }),
        path: PATH,
      };
      return (json(await send(gateway.url, request)) as { input_tokens: number }).input_tokens;
    };
    const bare = await count({});
    const result = {
      type: 'tool_result',
      tool_use_id: 't',
      content: [{ type: 'text', text: 'a long listing of files' }],
    };
    const image = { type: 'image', source: { type: 'base64', media_type: 'image/png', data: 'bm9uZQ==' } };
    expect(await count({ system: 'You are very careful indeed.' })).to.be.greaterThan(bare + 4);
    expect(await count({ tools: [{ name: 'Bash', input_schema: { type: 'object' } }] })).to.be.greaterThan(bare + 10);
    expect(await count({ messages: [{ role: 'user', content: [result] }] })).to.be.greaterThan(bare + 5);
    expect(await count({ messages: [{ role: 'user', content: [image] }] })).to.be.greaterThan(bare + 1500);
  }).timeout(20_000);

  it('S4-03 an upstream that counts is asked, and its answer passes', async () => {
    const gateway = await start({ 'target.url': native.url, 'target.model': 'glm-5' });
    const direct = await send(native.url, { ...question('hi'), path: PATH });
    native.reset();
    const answer = await send(gateway.url, question('hi'));
    expect(json(answer)).to.deep.equal(json(direct));
    expect(native.seen()[0]?.body).to.have.property('model', 'glm-5');
  });

  it('S4-03 the same question is asked once within the time to live, and again after it', async () => {
    let now = 0;
    const clock = { ...systemClock, monotonicMs: () => now };
    const gateway = await start({ 'target.url': native.url }, { clock });
    const ask = async () => json(await send(gateway.url, question('hi')));
    const first = await ask();
    now = 299_999;
    expect(await ask()).to.deep.equal(first);
    expect(native.seen()).to.have.length(1);
    now = 300_000;
    expect(await ask()).to.deep.equal(first);
    expect(native.seen()).to.have.length(2);
  });

  it('S4-03 another body, credential or protocol is another question', async () => {
    const gateway = await start({ 'target.url': native.url });
    const asked = [question('one'), question('two'), question('one', ['authorization', 'Bearer other'])];
    asked.push(question('one', ['anthropic-beta', 'token-counting-2024-11-01']));
    for (const one of [...asked, ...asked]) expect((await send(gateway.url, one)).status).to.equal(200);
    expect(native.seen()).to.have.length(asked.length);
  });

  it('S4-03 keeps nothing when told so', async () => {
    const gateway = await start({ 'target.url': native.url, 'cache.count_tokens_ttl_secs': 0 });
    for (let n = 0; n < 3; n++) await send(gateway.url, question('hi'));
    expect(native.seen()).to.have.length(3);
  });

  it('S4-03 those who ask the same at once share one question, whatever encoding its answer has', async () => {
    const slow = await startCounting();
    const gateway = await start({ 'target.url': slow.url });
    const all = Promise.all(Array.from({ length: 20 }, () => send(gateway.url, question('hi'))));
    await gateway.until(() => slow.waiting() > 0);
    slow.answer(200, gzipSync('{"input_tokens":42}'), { 'content-encoding': 'gzip' });
    for (const answer of await all) expect(plain(answer)).to.deep.equal({ input_tokens: 42 });
    expect(slow.asked()).to.equal(1);
    await slow.stop();
  });

  it('S4-03 an error is the answer to one client only: nobody else gets it, and it is not kept', async () => {
    const slow = await startCounting();
    const gateway = await start({ 'target.url': slow.url });
    const all = Promise.all(Array.from({ length: 3 }, () => send(gateway.url, question('hi'))));
    let isOver = false;
    void all.then(() => {
      isOver = true;
    });
    await gateway.until(() => {
      slow.answer(429, Buffer.from('{}'), {});
      return isOver;
    });
    expect((await all).map(({ status }) => status)).to.deep.equal([429, 429, 429]);
    expect(slow.asked()).to.equal(3);
    const last = send(gateway.url, question('hi'));
    await gateway.until(() => slow.waiting() > 0);
    slow.answer(200, Buffer.from('{"input_tokens":7}'), {});
    expect(json(await last)).to.deep.equal({ input_tokens: 7 });
    await slow.stop();
  });

  it('a client that leaves takes its question with it, and those who waited ask for themselves', async () => {
    const slow = await startCounting();
    const gateway = await start({ 'target.url': slow.url });
    const leaving = leave(gateway.url, question('hi'));
    await gateway.until(() => slow.waiting() === 1);
    const staying = send(gateway.url, question('hi'));
    leaving();
    await gateway.until(() => slow.asked() === 2);
    slow.answer(200, Buffer.from('{"input_tokens":7}'), {});
    expect(json(await staying)).to.deep.equal({ input_tokens: 7 });
    await slow.stop();
  });

  it('S4-03 switched off it is a 404 in the client’s error shape on every route', async () => {
    const off = { 'cache.count_tokens': 'off' };
    for (const gateway of [await converted(off), await start({ 'target.url': native.url, ...off })]) {
      const answer = await send(gateway.url, question('hi'));
      expect(answer.status).to.equal(404);
      expect(json(answer)).to.have.nested.property('error.type', 'not_found_error');
    }
    expect(native.seen()).to.have.length(0);
  });

  it('refuses a body that is no request, before anybody counts', async () => {
    const gateway = await converted();
    for (const text of ['', '[]', '{"model":"x","messages":[}', '{"messages":[]}']) {
      const body = Buffer.from(text);
      const headers = ['content-type', 'application/json', 'content-length', String(body.length)];
      expect((await send(gateway.url, { method: 'POST', path: PATH, headers, body })).status, text).to.equal(400);
    }
  });

  it('estimates at the request’s own start what it would count', async () => {
    const gateway = await converted();
    const body = {
      model: 'claude-x',
      max_tokens: 64,
      messages: [{ role: 'user', content: 'a question of eight or nine words' }],
    };
    const answer = await send(gateway.url, messagesRequest({ body }));
    const start = /event: message_start\ndata: (.*)\n/.exec(answer.body.toString())?.[1] ?? '{}';
    const { usage } = (JSON.parse(start) as { message: { usage: { input_tokens: number } } }).message;
    expect(usage.input_tokens).to.equal(estimateTokens(body as unknown as MessagesRequest));
  });
});

function plain(answer: RawAnswer): unknown {
  const isZipped = answer.body[0] === 0x1f;
  return JSON.parse((isZipped ? gunzipSync(answer.body) : answer.body).toString());
}

/** Asks, and hangs up when the function it returns is called. */
function leave(baseUrl: string, { path, headers, body }: RawRequest): () => void {
  const { hostname, port } = new URL(baseUrl);
  const all = ['host', `${hostname}:${port}`, ...headers];
  const request = httpRequest({ hostname, port, path, method: 'POST', headers: all, agent: false });
  request.on('error', () => {}); // that is what leaving looks like from here
  request.end(body);
  return () => request.destroy();
}

/** Holds its answers back until told; then answers all it holds. */
async function startCounting() {
  const held: ServerResponse[] = [];
  let asked = 0;
  const server = createServer((request, response) => {
    asked++;
    request.resume();
    held.push(response);
  });
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    asked: () => asked,
    waiting: () => held.length,
    answer: (status: number, body: Buffer, headers: Record<string, string>) => {
      for (const response of held.splice(0)) {
        response.writeHead(status, { 'content-type': 'application/json', ...headers });
        response.end(body);
      }
    },
    stop: () =>
      new Promise<void>((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
