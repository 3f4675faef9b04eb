import { request as httpRequest } from 'node:http';
import Anthropic from '@anthropic-ai/sdk';
import { expect } from 'chai';
import type { Scene } from '#services/simulator/script.ts';
import { createSimulator, type Simulator } from '#services/simulator/service.ts';
import { createMessageAccumulator } from '#shared/messages/accumulate-message.ts';
import { createSseReader } from '#shared/sse/read-sse.ts';
import type { Message } from '#shared/wire/anthropic.ts';
import { startTestGateway, type TestGateway } from '../support/gateway.ts';
import { header, json, messagesRequest, type RawAnswer, send } from '../support/raw-client.ts';
import { loadRecordings } from '../support/recordings.ts';

const CONTENT = [
  { type: 'thinking', thinking: 'Überlegung – 思考', signature: 'c2lnbmF0dXJl' },
  { type: 'text', text: 'Grüße, 世界! 👋 enough text for several deltas' },
  { type: 'tool_use', id: 'toolu_1', name: 'Bash', input: { command: 'echo "ü"' } },
  { type: 'tool_use', id: 'toolu_2', name: 'Read', input: { file_path: '/a' } },
];
const ASK = {
  model: 'claude-opus-5-5',
  max_tokens: 32_000,
  system: [
    { type: 'text', text: 'x-anthropic-billing-header: cc_version=2.1.329.abc;' },
    { type: 'text', text: 'Be brief.' },
  ],
  messages: [
    { role: 'user', content: 'hi' },
    { role: 'system', content: [{ type: 'text', text: 'In /repo.' }] },
  ],
  thinking: { type: 'adaptive', display: 'omitted' },
  context_management: { edits: [{ type: 'clear_thinking_20251015', keep: 'all' }] },
  output_config: { effort: 'high' },
};

function eventsOf(answer: RawAnswer): Array<Record<string, unknown> & { type: string }> {
  const events: Array<Record<string, unknown> & { type: string }> = [];
  const reader = createSseReader({
    onEvent: ({ event, data }) => {
      const parsed = JSON.parse(data) as { type: string };
      expect(event, 'each event has its name').to.equal(parsed.type);
      events.push(parsed);
    },
  });
  reader.push(answer.body, 0);
  return events;
}

/** What a strict client makes of it. */
function messageOf(answer: RawAnswer): Message {
  const accumulator = createMessageAccumulator({ order: 'strict' });
  for (const event of eventsOf(answer)) accumulator.add(event);
  const message = accumulator.message();
  if (message === null || !accumulator.complete) throw new Error(`no whole message: ${answer.body.toString()}`);
  return message;
}

/** Signatures that mean nothing are marked; the words are what counts. */
function contentOf(message: Message): unknown[] {
  return message.content.map(({ signature: _, ...block }) => block);
}

const WANTED = CONTENT.map(({ signature: _, ...block }) => block);

describe('a target with a profile', () => {
  let upstream: Simulator;
  let gateway: TestGateway;

  before(async () => {
    upstream = await createSimulator({ listenAddress: '127.0.0.1:0', seed: 5, delayScale: 0 });
    gateway = await startTestGateway({
      settings: { 'target.url': upstream.url, 'target.profile': 'vllm', 'target.model': 'qwen3' },
    });
  });
  after(() => gateway.stop().then(() => upstream.stop()));

  const ask = (scene: Scene, body: Record<string, unknown> = {}, stream = true): Promise<RawAnswer> => {
    upstream.reset();
    upstream.use(scene);
    return send(gateway.url, messagesRequest({ stream, body: { ...ASK, ...body } }));
  };

  const start = { at: 0, raw: '' };
  const odd: Array<[string, Scene]> = [
    ['as Anthropic sends it', { content: CONTENT }],
    ['without pings', { content: CONTENT, pings: 'none' }],
    ['one byte a chunk', { content: CONTENT, split: { bytes: 1 } }],
    ['with CRLF', { content: CONTENT, lineEnd: 'crlf' }],
    ['message_start without type and role', { content: CONTENT, quirks: { anthropic: { start: 'bare' } } }],
    ['message_start twice', { content: CONTENT, quirks: { anthropic: { start: 'twice' } } }],
    ['no event names', { content: CONTENT, quirks: { anthropic: { eventNames: false } } }],
    ['all stops last', { content: CONTENT, quirks: { anthropic: { lateStops: true } } }],
    ['tool starts without input', { content: CONTENT, quirks: { anthropic: { toolStart: 'no-input' } } }],
    ['empty signatures', { content: CONTENT, quirks: { anthropic: { signature: 'empty' } } }],
    ['a marker of another protocol', { content: CONTENT, quirks: { anthropic: { doneMarker: true } } }],
    ['a stop reason of another protocol', { content: CONTENT, quirks: { anthropic: { stopReason: 'stop' } } }],
    ['no stop reason', { content: CONTENT, quirks: { anthropic: { stopReason: null } } }],
    ['an unknown event', { content: CONTENT, extraEvents: [{ at: 3, event: 'odd', data: { type: 'odd' } }] }],
    ['comments', { content: CONTENT, extraEvents: [start, { at: 4, raw: ': keep-alive\n\n' }] }],
    ['conv P-09 no message_stop', { content: CONTENT, fault: { kind: 'end-early', after: -1 } }],
    ['conv P-09 a reset before message_stop', { content: CONTENT, fault: { kind: 'cut', after: -1, manner: 'reset' } }],
    [
      'conv S-26 JSON instead of a stream',
      { content: CONTENT, fault: { kind: 'garbage', what: 'json-instead-of-stream' } },
    ],
  ];
  for (const [name, scene] of odd) {
    it(`conv P-07 gives a strict client the same message, streamed and not: ${name}`, async () => {
      const streamed = await ask(scene);
      const message = messageOf(streamed);
      expect(contentOf(message)).to.deep.equal(WANTED);
      expect(message).to.include({ type: 'message', role: 'assistant', stop_reason: 'tool_use' });
      expect(message.model).to.equal('claude-opus-5-5');
      expect(message.usage.input_tokens).to.be.a('number').and.above(0);
      const whole = await ask(scene, {}, false);
      expect(contentOf(json(whole) as unknown as Message)).to.deep.equal(WANTED);
      expect(header(whole, 'content-type')).to.include('application/json');
    });
  }

  const broken: Array<[string, Scene]> = [
    ['cut after some events', { content: CONTENT, fault: { kind: 'cut', after: 6 } }],
    ['cut inside an event', { content: CONTENT, fault: { kind: 'cut-inside', after: 6 } }],
    ['ended early', { content: CONTENT, fault: { kind: 'end-early', after: 6 } }],
    ['ended with an error event', { content: CONTENT, fault: { kind: 'error-event', after: 6 } }],
    ['reset', { content: CONTENT, fault: { kind: 'cut', after: 6, manner: 'reset' } }],
  ];
  for (const [name, scene] of broken) {
    it(`P3 ends a broken turn in one error event, or as an error when nothing is streamed: ${name}`, async () => {
      const events = eventsOf(await ask(scene));
      expect(events.filter(({ type }) => type === 'error')).to.have.length(1);
      expect(events.at(-1)?.type).to.equal('error');
      expect(events.map(({ type }) => type)).to.not.include('message_stop');
      const whole = await ask(scene, {}, false);
      expect(whole.status).to.be.at.least(500);
      expect(json(whole)).to.have.nested.property('error.type');
    });
  }

  it('sends the server nothing it does not know, and says in the route header what was changed', async () => {
    const answer = await ask({ content: CONTENT });
    const [seen] = upstream.seen();
    expect(seen?.path).to.equal('/v1/messages');
    expect(seen?.headers).to.not.have.any.keys('anthropic-beta', 'x-api-key');
    const body = JSON.parse(seen?.raw.toString() ?? '') as Record<string, unknown>;
    expect(body).to.deep.equal({
      model: 'qwen3',
      max_tokens: 32_000,
      messages: [
        {
          role: 'user',
          content: [
            { type: 'text', text: 'hi' },
            { type: 'text', text: '<system-reminder>\nIn /repo.\n</system-reminder>' },
          ],
        },
      ],
      system: [{ type: 'text', text: 'Be brief.' }],
      stream: true,
    });
    const route = header(answer, 'x-ccproxy-route');
    for (const note of ['folded:system', 'omitted:context_management', 'omitted:billing', 'thinking:left']) {
      expect(route).to.include(note);
    }
  });

  it('keeps the status and words of a refusal before the stream began', async () => {
    const overflow =
      "This model's maximum context length is 32768 tokens. However, your request has 40000 input tokens.";
    const body = JSON.stringify({ type: 'error', error: { type: 'BadRequestError', message: overflow } });
    const answer = await ask({ status: 400, body });
    expect(answer.status).to.equal(400);
    expect(json(answer)).to.deep.nested.include({
      'error.type': 'invalid_request_error',
      'error.message': 'prompt is too long: 40000 tokens > 32768 maximum',
    });
  });

  it('declines a thread and safeguards before anything is sent', async () => {
    const thread = await ask({ content: CONTENT }, { thread: { type: 'create' } });
    expect(json(thread)).to.have.nested.property('error.details.error_code', 'thread_unsupported_request');
    const guarded = await ask({ content: CONTENT }, { safeguards: [{ type: 'dangerous_tool_use' }] });
    expect(json(guarded)).to.have.nested.property('error.message').that.includes('safeguards');
    expect(upstream.seen()).to.have.length(0);
  });

  it('answers every recorded request of real clients, or refuses it by name', async () => {
    const recorded = loadRecordings().filter(
      ({ url, method }) => method === 'POST' && /^\/v1\/messages(\?|$)/.test(url),
    );
    for (const one of recorded) {
      upstream.reset();
      upstream.use({ content: CONTENT, quirks: { anthropic: { refuses: 'system-role' } } });
      const answer = await send(gateway.url, {
        method: 'POST',
        path: one.url,
        headers: one.rawHeaders,
        body: one.body,
      });
      const what = `${one.file} ${one.seq}: ${answer.body.toString().slice(0, 200)}`;
      if (answer.status === 200) expect(upstream.seen(), what).to.have.length(1);
      else expect(answer.body.toString(), what).to.match(/safeguards|thread|web_search|tools\[|JSON/);
    }
  }).timeout(30_000);

  it('is what the SDK reads, streamed and not', async () => {
    const client = new Anthropic({ baseURL: gateway.url, apiKey: 'k', maxRetries: 0 });
    const params = { model: 'claude-x', max_tokens: 100, messages: [{ role: 'user' as const, content: 'hi' }] };
    upstream.use({ content: CONTENT, pings: 'none', quirks: { anthropic: { start: 'bare', lateStops: true } } });
    const streamed = await client.messages.stream(params).finalMessage();
    upstream.use({ content: CONTENT, pings: 'none', quirks: { anthropic: { start: 'bare', lateStops: true } } });
    const whole = await client.messages.create(params);
    expect(streamed.content).to.deep.equal(whole.content);
    expect(streamed.stop_reason).to.equal('tool_use');
  });

  for (const [when, scene] of [
    ['the upstream has answered', { content: CONTENT, fault: { kind: 'silence-before-headers' } }],
    ['there is output', { content: CONTENT, fault: { kind: 'silence', after: 0 } }],
    ['the answer is whole', { content: CONTENT, fault: { kind: 'silence', after: 4 } }],
  ] as Array<[string, Scene]>) {
    it(`accounts for a client that leaves before ${when}, and lets go of the upstream`, async () => {
      const left = (): Promise<number> => gateway.metric('ccproxy_gateway_requests_total', { outcome: 'client_abort' });
      const before = await left();
      upstream.reset();
      upstream.use(scene);
      const { path, headers, body } = messagesRequest({ body: ASK });
      const { hostname, port } = new URL(gateway.url);
      const request = httpRequest({ hostname, port, path, method: 'POST', headers: ['host', hostname, ...headers] });
      request.on('error', () => {});
      request.end(body);
      await gateway.until(() => upstream.seen().length === 1);
      request.destroy();
      await gateway.until(async () => (await left()) === before + 1);
    });
  }
});

describe('a profile in the settings', () => {
  it('must be one that is known', async () => {
    const error = await startTestGateway({
      settings: { 'target.url': 'http://127.0.0.1:9', 'target.profile': 'nonsense' },
    }).then(
      () => null,
      (reason: unknown) => reason as Error,
    );
    expect(error?.message).to.include('target.profile = "nonsense"').and.include('vllm');
  });
});
