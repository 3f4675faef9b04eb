// The names of models between a client and us: which ones it is shown, and which ones it may send.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Anthropic from '@anthropic-ai/sdk';
import { expect } from 'chai';
import { createSimulator, type Simulator } from '#services/simulator/service.ts';
import { fieldsOf } from '#shared/providers/fields.ts';
import { startTestGateway, type TestGateway } from '../support/gateway.ts';
import { header, messagesRequest, send } from '../support/raw-client.ts';
import { loadRecordings, requestsOf } from '../support/recordings.ts';

/** Names that clients send on their own account: titles, the safety check of commands, subagents, older defaults. */
const BACKGROUND = ['claude-sonnet-5', 'claude-haiku-5-5', 'claude-3-5-haiku-20241022', 'claude-sonnet-4-20250514'];

describe('names of models', () => {
  let folder: string;
  let server: Simulator;
  const open: TestGateway[] = [];

  before(async () => {
    folder = mkdtempSync(join(tmpdir(), 'cc-proxy-models-'));
    server = await createSimulator({ listenAddress: '127.0.0.1:0', seed: 1, delayScale: 0, defaultScene: 'text' });
  });
  after(async () => {
    await server.stop();
    rmSync(folder, { recursive: true, force: true });
  });
  beforeEach(() => server.reset());
  afterEach(async () => {
    await Promise.all(open.splice(0).map((gateway) => gateway.stop()));
  });

  const start = async (options: Parameters<typeof startTestGateway>[0]): Promise<TestGateway> => {
    const gateway = await startTestGateway(options);
    open.push(gateway);
    return gateway;
  };

  /** Two models of two protocols; the first answers for every name that is none. */
  const startWithModels = (): Promise<TestGateway> => {
    const file = join(folder, 'models.toml');
    writeFileSync(
      file,
      `[providers.local]
base_url = "${server.url}"
[providers.chat]
type = "openai-chat"
base_url = "${server.url}/v1"
[models."glm-5.1"]
provider = "local"
display_name = "GLM 5.1"
[models."qwen/qwen3-coder"]
provider = "chat"
upstream_name = "Qwen3-Coder"
display_name = "Qwen3 Coder"
`,
    );
    return start({ settings: {}, env: { CC_PROXY_CONFIG: file } });
  };

  const sentModels = (): unknown[] => server.seen().map(({ body }) => fieldsOf(body).model);

  it('C-24 each model is in a client’s list under a name the client keeps, with its own title', async () => {
    const gateway = await startWithModels();
    const [question] = requestsOf('cc-gw-model-discovery').filter(({ url }) => url.startsWith('/v1/models'));
    expect(question?.url).to.equal('/v1/models?limit=1000');
    const answer = await send(gateway.url, {
      method: 'GET',
      path: '/v1/models?limit=1000',
      headers: question?.rawHeaders ?? [],
      body: Buffer.alloc(0),
    });
    expect(answer.status).to.equal(200);
    const { data, has_more } = JSON.parse(answer.body.toString('utf8')) as {
      data: Array<{ id: string; display_name: string }>;
      has_more: boolean;
    };
    expect(has_more).to.equal(false);
    const kept = data.filter(({ id }) => id.startsWith('claude-')).map(({ id, display_name }) => [id, display_name]);
    expect(kept).to.deep.equal([
      ['claude-glm-5.1', 'GLM 5.1'],
      ['claude-qwen/qwen3-coder', 'Qwen3 Coder'],
    ]);
    expect(server.seen()).to.have.length(0);
  });

  it('C-24 a name from the list, sent back, reaches the model it stands for', async () => {
    const gateway = await startWithModels();
    const client = new Anthropic({ baseURL: gateway.url, apiKey: 'key', maxRetries: 0 });
    const listed: string[] = [];
    for await (const { id } of client.models.list()) listed.push(id);
    expect(listed).to.include.members(['claude-glm-5.1', 'claude-qwen/qwen3-coder']);
    for (const model of listed) {
      await client.messages.create({ model, max_tokens: 50, messages: [{ role: 'user', content: 'hi' }] });
    }
    const expected = listed.map((id) => (id.includes('qwen') ? 'Qwen3-Coder' : 'glm-5.1'));
    expect(sentModels()).to.deep.equal(expected);
  });

  it('C-24 the one model of a command line is in the list as well', async () => {
    const gateway = await start({ settings: { 'target.url': server.url, 'target.model': 'glm-5-fp8' } });
    const client = new Anthropic({ baseURL: gateway.url, apiKey: 'key', maxRetries: 0 });
    const { data } = await client.models.list();
    expect(data.map(({ id, display_name }) => [id, display_name])).to.deep.include(['claude-glm-5-fp8', 'glm-5-fp8']);
  });

  for (const [how, expected] of [
    ['with one target', 'glm-5-fp8'],
    ['with a list of models', 'glm-5.1'],
  ] as const) {
    const startSo = (): Promise<TestGateway> =>
      how === 'with a list of models'
        ? startWithModels()
        : start({
            settings: {
              'target.type': 'openai-chat',
              'target.url': `${server.url}/v1`,
              'target.model': 'glm-5-fp8',
            },
          });

    it(`C-25 ${how}, every name that clients send in the background reaches a model`, async () => {
      const gateway = await startSo();
      const recorded = loadRecordings().flatMap(
        ({ body }) => /"model":"([^"]+)"/.exec(body.toString('utf8'))?.[1] ?? [],
      );
      const names = [...new Set([...BACKGROUND, ...recorded, 'nonsense-1'])];
      expect(names.length).to.be.at.least(8);
      for (const model of names) {
        const answer = await send(gateway.url, messagesRequest({ body: { model } }));
        expect(answer.status, model).to.equal(200);
        expect(header(answer, 'x-ccproxy-model'), model).to.equal(expected);
      }
      expect(new Set(sentModels())).to.deep.equal(new Set([expected]));
    });

    it(`C-25 ${how}, the safety check of a command is answered in the form its client reads`, async () => {
      const gateway = await startSo();
      server.use('classifier');
      const check = { stop_sequences: ['</block>'], thinking: { type: 'disabled' }, stream: undefined };
      const answer = await send(gateway.url, messagesRequest({ body: { model: 'claude-sonnet-5', ...check } }));
      expect(answer.status).to.equal(200);
      const message = JSON.parse(answer.body.toString('utf8')) as Anthropic.Message;
      expect(message.content[0]).to.deep.include({ type: 'text', text: '<block>no' });
    });
  }
});
