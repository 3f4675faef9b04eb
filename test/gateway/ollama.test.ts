import { expect } from 'chai';
import type { Scene } from '#services/simulator/script.ts';
import { createSimulator, type Simulator } from '#services/simulator/service.ts';
import { createMessageAccumulator } from '#shared/messages/accumulate-message.ts';
import { createSseReader } from '#shared/sse/read-sse.ts';
import type { Message } from '#shared/wire/anthropic.ts';
import { startTestGateway, type TestGateway } from '../support/gateway.ts';
import { header, json, messagesRequest, type RawAnswer, send } from '../support/raw-client.ts';

const CONTENT = [
  { type: 'thinking', thinking: 'Überlegung – 思考' },
  { type: 'text', text: 'Grüße, 世界! 👋 enough text for several lines' },
  { type: 'tool_use', id: 'call_1', name: 'Bash', input: { command: 'echo "ü"' } },
  { type: 'tool_use', id: 'call_2', name: 'Read', input: { file_path: '/a' } },
];

function typesOf(answer: RawAnswer): string[] {
  const types: string[] = [];
  const reader = createSseReader({ onEvent: ({ event }) => types.push(event ?? '') });
  reader.push(answer.body, 0);
  return types;
}

function messageOf(answer: RawAnswer): Message {
  const accumulator = createMessageAccumulator({ order: 'strict' });
  const reader = createSseReader({ onEvent: ({ data }) => accumulator.add(JSON.parse(data)) });
  reader.push(answer.body, 0);
  const message = accumulator.message();
  if (message === null || !accumulator.complete) throw new Error(`no whole message: ${answer.body.toString()}`);
  return message;
}

function wordsOf({ content }: Pick<Message, 'content'>): unknown[] {
  return content.map(({ signature: _, id: __, ...block }) => block);
}

const WANTED = CONTENT.map(({ id: _, ...block }) => block);

describe('S1-08 a target that is Ollama', () => {
  let upstream: Simulator;
  let gateway: TestGateway;
  before(async () => {
    upstream = await createSimulator({ listenAddress: '127.0.0.1:0', seed: 7, delayScale: 0 });
    gateway = await startTestGateway({
      settings: { 'target.url': upstream.url, 'target.type': 'ollama', 'target.model': 'qwen3:8b' },
    });
  });
  after(() => gateway.stop().then(() => upstream.stop()));

  const ask = (scene: Scene, stream = true): Promise<RawAnswer> => {
    upstream.reset();
    upstream.use(scene);
    const body = { thinking: { type: 'adaptive' }, max_tokens: 1000 };
    return send(gateway.url, messagesRequest({ stream, body }));
  };

  for (const [name, scene] of [
    ['as it is', { content: CONTENT }],
    ['one byte a chunk', { content: CONTENT, split: { bytes: 1 } }],
    ['with CRLF', { content: CONTENT, lineEnd: 'crlf' }],
    ['calls without ids', { content: CONTENT, quirks: { ollama: { callIds: false } } }],
    ['calls in one line', { content: CONTENT, quirks: { ollama: { callsTogether: true } } }],
    ['done with the last piece', { content: CONTENT, quirks: { ollama: { doneWithLast: true } } }],
    ['no reason', { content: CONTENT, quirks: { ollama: { doneReason: null } } }],
    ['no last line end', { content: CONTENT, quirks: { ollama: { noFinalNewline: true } } }],
    ['no counts', { content: CONTENT, quirks: { ollama: { counts: 'never' } } }],
    ['conv S-26 one document', { content: CONTENT, fault: { kind: 'garbage', what: 'json-instead-of-stream' } }],
  ] as Array<[string, Scene]>) {
    it(`gives a strict client the same message, streamed and not: ${name}`, async () => {
      const message = messageOf(await ask(scene));
      expect(wordsOf(message)).to.deep.equal(WANTED);
      expect(message).to.include({ stop_reason: 'tool_use', model: 'claude-test' });
      expect(message.usage.input_tokens).to.be.above(0);
      expect(wordsOf(json(await ask(scene, false)) as unknown as Message)).to.deep.equal(WANTED);
    });
  }

  for (const [name, scene] of [
    ['no done', { content: CONTENT, quirks: { ollama: { done: false } } }],
    ['an error line', { content: CONTENT, fault: { kind: 'error-event', after: 3 } }],
    ['a cut', { content: CONTENT, fault: { kind: 'cut', after: 3 } }],
    ['a cut inside a line', { content: CONTENT, fault: { kind: 'cut-inside', after: 3 } }],
  ] as Array<[string, Scene]>) {
    it(`P3 ends a broken turn in one error event, or as an error when nothing is streamed: ${name}`, async () => {
      const types = typesOf(await ask(scene));
      expect(types.at(-1)).to.equal('error');
      expect(types).to.not.include('message_stop');
      expect((await ask(scene, false)).status).to.be.at.least(500);
    });
  }

  it('needs no key, asks for a stream of its own protocol, and says that the window is the server’s own', async () => {
    const answer = await ask({ content: CONTENT }, false);
    const [seen] = upstream.seen();
    expect(seen?.path).to.equal('/api/chat');
    expect(seen?.headers).to.not.have.any.keys('authorization', 'x-api-key');
    expect(JSON.parse(seen?.raw.toString() ?? '')).to.include({ model: 'qwen3:8b', stream: true, truncate: false });
    expect(header(answer, 'x-ccproxy-route')).to.include('num_ctx:default');
  });

  it('conv E-02 says in the client’s words that a prompt is too long', async () => {
    const answer = await ask({ status: 400, error: { kind: 'context-overflow' } });
    expect(answer.status).to.equal(400);
    expect(json(answer))
      .to.have.nested.property('error.message')
      .that.matches(/^prompt is too long/);
  });
});
