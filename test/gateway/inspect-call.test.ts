import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect } from 'chai';
import { createSimulator, type Simulator } from '#services/simulator/service.ts';
import { type ChatUpstream, startChatUpstream } from '../support/chat-upstream.ts';
import { collectGarbage } from '../support/collect-garbage.ts';
import { type LogLine, startTestGateway, type TestGateway } from '../support/gateway.ts';
import { messagesRequest, type RawRequest, send } from '../support/raw-client.ts';
import { loadRecordings, sceneFor } from '../support/recordings.ts';

const USAGE = { input_tokens: 1, output_tokens: 1 };
const GOOD = [
  { type: 'message_start', message: { id: 'msg_1', type: 'message', role: 'assistant', content: [], usage: USAGE } },
  { type: 'content_block_start', index: 0, content_block: { type: 'text', text: '' } },
  { type: 'content_block_delta', index: 0, delta: { type: 'text_delta', text: 'hi' } },
  { type: 'content_block_stop', index: 0 },
  { type: 'message_delta', delta: { stop_reason: 'end_turn' }, usage: USAGE },
  { type: 'message_stop' },
];
const toStream = (events: Array<{ type: string }>): string =>
  events.map((event) => `event: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`).join('');

describe('what the books notice', () => {
  let upstream: Server;
  let stream = toStream(GOOD);
  let simulator: Simulator;
  let chat: ChatUpstream;
  const open: TestGateway[] = [];
  const start = async (settings: Record<string, unknown>) => {
    const gateway = await startTestGateway({ settings });
    open.push(gateway);
    return gateway;
  };
  const here = () => start({ 'target.url': `http://127.0.0.1:${(upstream.address() as AddressInfo).port}` });
  const linesOf = (gateway: TestGateway, event: string): LogLine[] =>
    gateway.lines.filter((line) => line.event === event);
  /** Sends it and waits until the books are through with it. */
  const sendRead = async (gateway: TestGateway, request: RawRequest): Promise<void> => {
    const before = linesOf(gateway, 'request.finished').length;
    await send(gateway.url, request);
    await gateway.until(() => linesOf(gateway, 'request.finished').length > before);
    // What is noticed comes after the line: the next call's line comes after that.
    await send(gateway.url, messagesRequest({ stream: false, body: { model: 'claude-opus-5-5' } }));
    await gateway.until(() => linesOf(gateway, 'request.finished').length > before + 1);
  };

  before(async () => {
    upstream = createServer((request, response) => {
      const chunks: Buffer[] = [];
      request.on('data', (chunk: Buffer) => chunks.push(chunk));
      request.on('end', () => {
        const isStream = JSON.parse(Buffer.concat(chunks).toString()).stream === true;
        response.writeHead(200, { 'content-type': isStream ? 'text/event-stream' : 'application/json' });
        response.end(isStream ? stream : JSON.stringify({ ...GOOD[0], type: 'message', content: [], usage: USAGE }));
      });
    });
    await new Promise<void>((resolve) => {
      upstream.listen(0, '127.0.0.1', resolve);
    });
    simulator = await createSimulator({ listenAddress: '127.0.0.1:0', seed: 5, delayScale: 0 });
    chat = await startChatUpstream();
  });
  after(async () => {
    await Promise.all([simulator.stop(), chat.stop(), new Promise((resolve) => upstream.close(resolve))]);
  });
  afterEach(async () => {
    await Promise.all(open.splice(0).map((gateway) => gateway.stop()));
    stream = toStream(GOOD);
  });

  it('M-09 counts a broken stream by upstream and rule each time, and writes one line the first time', async () => {
    const gateway = await here();
    stream = toStream([...GOOD.slice(0, 3), ...GOOD.slice(4)]);
    for (let n = 0; n < 3; n++) await sendRead(gateway, messagesRequest());
    const labels = { upstream: 'target', rule: 'block_not_stopped' };
    expect(await gateway.metric('ccproxy_stream_lint_total', labels)).to.equal(3);
    expect(await gateway.metric('ccproxy_stream_lint_total')).to.equal(3);
    const lines = linesOf(gateway, 'stream.linted');
    expect(lines).to.have.length(1);
    expect(lines[0]).to.deep.include({ level: 'warn' });
    expect(lines[0]?.fields).to.include(labels);
  });

  it('M-09 the client has the broken stream as it came', async () => {
    const gateway = await here();
    stream = toStream(GOOD).replaceAll(/^event: .*\n/gm, '');
    expect((await send(gateway.url, messagesRequest())).body.toString()).to.equal(stream);
    await gateway.until(
      async () => (await gateway.metric('ccproxy_stream_lint_total', { rule: 'no_event_name' })) === 1,
    );
  });

  it('M-09 finds nothing in good streams, native and converted, in JSON, in errors', async () => {
    const native = await start({ 'target.url': simulator.url });
    for (const scene of ['text', 'tool-bash', 'error-529']) {
      simulator.use(scene);
      for (const isStream of [true, false]) await sendRead(native, messagesRequest({ stream: isStream }));
    }
    const converted = await start({ 'target.url': chat.url, 'target.type': 'openai-chat', 'target.model': 'gpt-5' });
    for (const isStream of [true, false]) await sendRead(converted, messagesRequest({ stream: isStream }));
    for (const gateway of [native, converted]) {
      expect(linesOf(gateway, 'stream.linted')).to.deep.equal([]);
      expect(await gateway.metric('ccproxy_stream_lint_total')).to.equal(0);
    }
  });

  it('M-10 recorded clients raise no drift but for the beta one of them made up', async () => {
    const gateway = await start({ 'target.url': simulator.url });
    const recordings = loadRecordings().filter(({ url }) => /^\/v1\/messages(\?|$)/.test(url));
    for (const { file, seq, method, url, rawHeaders, body } of recordings) {
      simulator.use(sceneFor(file, seq));
      await send(gateway.url, { method, path: url, headers: rawHeaders, body });
    }
    await gateway.until(() => linesOf(gateway, 'request.finished').length === recordings.length, 10_000);
    await sendRead(gateway, messagesRequest({ body: { model: 'claude-opus-5-5' } }));
    expect(linesOf(gateway, 'drift.seen').map(({ fields }) => [fields.kind, fields.path])).to.deep.equal([
      ['beta', 'foo-2025-01-01'],
    ]);
    expect(await gateway.metric('ccproxy_drift_total')).to.equal(1);
  }).timeout(30_000);

  it('M-10 tells each new thing once, and no value of it', async () => {
    const gateway = await here();
    const secret = 'a-secret-value';
    const doctored = messagesRequest({
      headers: ['anthropic-mood', secret, 'anthropic-beta', 'warp-2027-01-01'],
      body: {
        model: 'holo-1',
        mood: secret,
        messages: [{ role: 'user', content: [{ type: 'hologram', of: secret }] }],
      },
    });
    await sendRead(gateway, doctored);
    await sendRead(gateway, doctored);
    const lines = linesOf(gateway, 'drift.seen');
    expect(lines.map(({ fields }) => `${fields.kind} ${fields.path}`)).to.have.members([
      'header anthropic-mood',
      'beta warp-2027-01-01',
      'field mood',
      'block messages[].content[hologram]',
      'model holo',
    ]);
    for (const kind of ['header', 'beta', 'field', 'block', 'model']) {
      expect(await gateway.metric('ccproxy_drift_total', { kind }), kind).to.equal(1);
    }
    expect(JSON.stringify(lines)).to.not.include(secret);
  });

  it('M-10 remembers a bounded number of things', async () => {
    const gateway = await here();
    const fields = Object.fromEntries(Array.from({ length: 2000 }, (_, n) => [`field_${n}`, 1]));
    await sendRead(gateway, messagesRequest({ body: fields }));
    expect(await gateway.metric('ccproxy_drift_total', { kind: 'field' })).to.equal(512);
  });

  it('keeps nothing of names that are longer than any, as those of models may be', async () => {
    const gateway = await here();
    const askAndForget = async (letter: string): Promise<void> => {
      await sendRead(gateway, messagesRequest({ stream: false, body: { model: letter.repeat(2_000_000) } }));
      gateway.lines.length = 0;
    };
    await askAndForget('z');
    collectGarbage();
    const before = process.memoryUsage().heapUsed;
    for (const letter of 'abcdefgh') await askAndForget(letter);
    await gateway.until(() => {
      collectGarbage();
      return process.memoryUsage().heapUsed - before < 8_000_000;
    });
  });
});
