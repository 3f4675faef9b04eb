import { expect } from 'chai';
import { estimateTokens } from '#shared/messages/estimate-tokens.ts';
import { type ChatUpstream, startChatUpstream } from '../support/chat-upstream.ts';
import { startTestGateway, type TestGateway } from '../support/gateway.ts';
import { header, json, messagesRequest, send } from '../support/raw-client.ts';
import { requestsOf } from '../support/recordings.ts';

describe('limits of models', () => {
  let chat: ChatUpstream;
  const open: TestGateway[] = [];
  const start = async (model: string, settings: Record<string, unknown> = {}) => {
    const gateway = await startTestGateway({
      settings: { 'target.url': chat.url, 'target.type': 'openai-chat', 'target.model': model, ...settings },
    });
    open.push(gateway);
    return gateway;
  };
  const ask = (gateway: TestGateway, body: Record<string, unknown>) => send(gateway.url, messagesRequest({ body }));
  const sent = () => {
    const last = chat.asked.at(-1) ?? {};
    return last.max_completion_tokens ?? last.max_tokens;
  };
  before(async () => {
    chat = await startChatUpstream();
  });
  after(() => chat.stop());
  afterEach(async () => {
    await Promise.all(open.splice(0).map((gateway) => gateway.stop()));
    chat.asked.length = 0;
  });

  it('S4-05 a larger max_tokens is lowered to what the model gives, and the answer says so', async () => {
    const answer = await ask(await start('deepseek-chat'), { max_tokens: 32_000 });
    expect(answer.status).to.equal(200);
    expect(sent()).to.equal(8192);
    expect(header(answer, 'x-ccproxy-route')).to.equal('forced; max_tokens:8192');
  });

  it('S4-05 a smaller one is kept, and a model that is not listed is left alone', async () => {
    const small = await ask(await start('deepseek-chat'), { max_tokens: 100 });
    expect([small.status, sent(), header(small, 'x-ccproxy-route')]).to.deep.equal([200, 100, 'forced']);
    const unlisted = await ask(await start('nonsense-1'), { max_tokens: 1_000_000 });
    expect([unlisted.status, sent(), header(unlisted, 'x-ccproxy-route')]).to.deep.equal([200, 1_000_000, 'forced']);
  });

  it('S4-05 a prompt longer than the window is refused with both numbers, and nothing is cut from it', async () => {
    const gateway = await start('o4-mini');
    const answer = await ask(gateway, {
      max_tokens: 10,
      messages: [{ role: 'user', content: 'word '.repeat(140_000) }],
    });
    expect(answer.status).to.equal(400);
    const { error } = json(answer) as { error: { type: string; message: string } };
    expect(error.type).to.equal('invalid_request_error');
    const [, tokens, most] = /^prompt is too long: (\d+) tokens > (\d+) maximum$/.exec(error.message) ?? [];
    expect(Number(tokens)).to.be.within(140_000, 160_000);
    expect(Number(most)).to.equal(128_000);
    expect(chat.asked).to.have.length(0);
  }).timeout(20_000);

  it('S4-05 output that does not fit beside the prompt is lowered to the room there is, in one request', async () => {
    const gateway = await start('o4-mini');
    const messages = [{ role: 'user', content: 'word '.repeat(60_000) }];
    const answer = await ask(gateway, { max_tokens: 128_000, messages });
    expect(answer.status).to.equal(200);
    expect(sent()).to.be.within(60_000, 68_000);
    expect(header(answer, 'x-ccproxy-route')).to.include(`max_tokens:${sent()}`);
  }).timeout(20_000);

  it('S4-05 where hardly any room is left, the client is told in the sentence by which it asks for less', async () => {
    const gateway = await start('o4-mini');
    const messages = [{ role: 'user', content: 'word '.repeat(117_000) }];
    const first = await ask(gateway, { max_tokens: 128_000, messages });
    expect(first.status).to.equal(400);
    const { message } = (json(first) as { error: { message: string } }).error;
    const said = /input length and `max_tokens` exceed context limit: (\d+) \+ (\d+) > (\d+)/.exec(message) ?? [];
    const [, input = 0, output, window = 0] = said.map(Number);
    expect(output, 'lowered before').to.equal(100_000);
    const again = await ask(gateway, { max_tokens: window - input - 1000, messages });
    expect(again.status).to.equal(200);
    expect(sent()).to.equal(window - input - 1000);
  }).timeout(20_000);

  it('S4-05 what fits by a tokenizer’s count is not refused because an estimate is higher', async () => {
    const gateway = await start('o4-mini');
    const content = 'responsibilities understanding characteristics '.repeat(18_000);
    const messages = [{ role: 'user', content }];
    expect(estimateTokens({ model: 'm', messages })).to.be.greaterThan(128_000);
    expect((await ask(gateway, { max_tokens: 100, messages })).status).to.equal(200);
  }).timeout(20_000);

  it('C-20 a client’s usual 32000 and 128000 output tokens reach no upstream that gives less', async () => {
    const gateway = await start('deepseek-chat');
    for (const recorded of [...requestsOf('cc-model-glm'), ...requestsOf('cc-plain-default')]) {
      if (!recorded.url.startsWith('/v1/messages')) continue;
      expect(JSON.parse(recorded.body.toString()).max_tokens).to.be.at.least(32_000);
      const answer = await send(gateway.url, {
        method: recorded.method,
        path: recorded.url,
        headers: recorded.rawHeaders,
        body: recorded.body,
      });
      expect(answer.status).to.equal(200);
      expect(sent()).to.equal(8192);
    }
    expect(chat.asked.length).to.be.at.least(2);
  });

  it('S1-17 your own limit holds for every model, listed or not, and only lowers', async () => {
    for (const [model, own, asked, expected] of [
      ['nonsense-1', 5000, 32_000, 5000],
      ['gpt-5', 5000, 32_000, 5000],
      ['deepseek-chat', 20_000, 32_000, 8192],
      ['nonsense-1', 5000, 100, 100],
    ] as const) {
      await ask(await start(model, { 'limits.max_output_tokens': own }), { max_tokens: asked });
      expect(sent(), `${model} ${own} ${asked}`).to.equal(expected);
    }
  });

  it('S1-17 is unset by default', async () => {
    const gateway = await start('nonsense-1');
    expect(gateway.config.limits.max_output_tokens).to.equal(null);
    await ask(gateway, { max_tokens: 4097 });
    expect(sent()).to.equal(4097);
  });

  it('shows the limits it keeps in the list of models', async () => {
    const gateway = await start('gpt-5', { 'limits.max_output_tokens': 64_000 });
    const answer = await send(gateway.url, { method: 'GET', path: '/v1/models', headers: [], body: Buffer.alloc(0) });
    const { data } = json(answer) as { data: Array<Record<string, unknown>> };
    expect(data[0]).to.include({ id: 'gpt-5', max_input_tokens: 400_000, max_tokens: 64_000 });
  });
});
