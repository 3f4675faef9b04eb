import { expect } from 'chai';
import { GatewayError } from '#shared/errors.ts';
import { createMessageAccumulator } from '#shared/messages/accumulate-message.ts';
import type { ConversionMemory, Provider } from '#shared/providers/provider.ts';
import { createSseReader, type SseEvent } from '#shared/sse/read-sse.ts';
import { type Answer, type AnswerFlow, type AnswerSink, UpstreamFailure } from '#shared/upstream/call-upstream.ts';
import { type ConversionOptions, convertAnswer } from '#shared/upstream/convert-answer.ts';
import type { Message } from '#shared/wire/anthropic.ts';
import { until } from '../../support/gateway.ts';

const MEMORY: ConversionMemory = {
  model: 'small',
  modelAsked: 'claude-asked',
  toolNames: new Map(),
  stopSequences: [],
  inputTokens: 12,
};

/** Deeper than JSON can be written. */
const DEEP = `{"x":${'['.repeat(50_000)}${']'.repeat(50_000)}}`;

/** A protocol of words: `text…`, `end`, `boom`, `bug`, `deep`; whole once `end` came. */
const words: Provider = {
  type: 'words',
  framing: 'sse',
  capabilities: [],
  toUpstreamRequest: () => {
    throw new Error('no request here');
  },
  createReader: (writer) => {
    let isWhole = false;
    return {
      onEvent: ({ data }) => {
        if (data === 'boom') throw new GatewayError('overloaded_error', 'busy');
        if (data === 'bug') throw new TypeError('a bug');
        if (data === 'deep') {
          writer.toolStart(0, 'call_0', 'Bash');
          writer.toolArguments(0, DEEP);
        } else if (data === 'stop') writer.finish('stop_sequence', '!');
        else if (data === 'end') isWhole = true;
        else writer.text(data);
      },
      onEnd: () => {
        if (!isWhole) throw new GatewayError('api_error', 'the upstream closed the stream before finishing');
        writer.finish('end_turn');
      },
    };
  },
  readError: ({ status, body }) => new GatewayError('invalid_request_error', `${status}: ${body.toString()}`),
};

/** An upstream in the test's hand. */
class FakeUpstream implements Answer, AnswerFlow {
  readonly status: number;
  readonly rawHeaders = ['content-type', 'text/event-stream'];
  readonly heard: string[] = [];
  /** Bytes. */
  said = 0;
  sink: AnswerSink | undefined;

  constructor(status = 200) {
    this.status = status;
  }

  start(sink: AnswerSink): AnswerFlow {
    this.sink = sink;
    return this;
  }

  pause(): void {
    this.heard.push('pause');
  }

  resume(): void {
    this.heard.push('resume');
  }

  abort(): void {
    this.heard.push('abort');
  }

  say(...data: string[]): void {
    const bytes = Buffer.from(data.map((one) => `data: ${one}\n\n`).join(''));
    this.said += bytes.length;
    this.sink?.onChunk(bytes);
  }

  end(): void {
    this.sink?.onEnd();
  }
}

interface Heard {
  flow: AnswerFlow;
  chunks: Buffer[];
  ends: number;
  failures: UpstreamFailure[];
}

function listen(answer: Answer): Heard {
  const heard: Omit<Heard, 'flow'> = { chunks: [], ends: 0, failures: [] };
  const flow = answer.start({
    onChunk: (chunk) => heard.chunks.push(chunk),
    onEnd: () => heard.ends++,
    onError: (failure) => heard.failures.push(failure),
  });
  return Object.assign(heard, { flow });
}

function eventsOf({ chunks }: Heard): Array<SseEvent & { json: Record<string, unknown> }> {
  const events: Array<SseEvent & { json: Record<string, unknown> }> = [];
  const reader = createSseReader({ onEvent: (event) => events.push({ ...event, json: JSON.parse(event.data) }) });
  for (const chunk of chunks) reader.push(chunk, 0);
  return events;
}

function namesOf(heard: Heard): Array<string | undefined> {
  return eventsOf(heard).map(({ event }) => event);
}

const OPTIONS = { conversion: { provider: words, memory: MEMORY }, messageId: 'msg_1', requestId: 'r1' };

/** Answers of the running test; pings of one that nobody ends would go on. */
const begun: Array<() => void> = [];

function convert(answer: Answer | Promise<Answer>, options: Partial<ConversionOptions> = {}): Promise<Answer> {
  return convertAnswer(answer, {
    ...OPTIONS,
    isStream: true,
    ...options,
    onAbortable: (abort) => {
      begun.push(abort);
      options.onAbortable?.(abort);
    },
  });
}

async function rejection(promise: Promise<unknown>): Promise<unknown> {
  try {
    await promise;
  } catch (error) {
    return error;
  }
  throw new Error('it did not reject');
}

function abortAll(): void {
  for (const abort of begun.splice(0)) abort();
}

const HELLO = [
  ...['message_start', 'ping', 'content_block_start', 'content_block_delta'],
  ...['content_block_stop', 'message_delta', 'message_stop'],
];

describe('a converted answer', () => {
  afterEach(abortAll);

  it('is an error when nobody can write the whole of it, and brings nothing down', async () => {
    const upstream = new FakeUpstream();
    const converting = rejection(convert(upstream, { isStream: false }));
    upstream.say('deep', 'end');
    upstream.end();
    expect(await converting).to.include({ code: 'api_error', status: 502 });
  });

  it('resolves with the first output, and is a stream of events that ends once', async () => {
    const upstream = new FakeUpstream();
    const pending = convert(upstream);
    upstream.say('hello');
    const answer = await pending;
    expect(answer.status).to.equal(200);
    expect(answer.rawHeaders).to.include.members(['text/event-stream; charset=utf-8', 'req_r1']);
    const heard = listen(answer);
    upstream.say('end');
    upstream.end();
    expect(namesOf(heard)).to.deep.equal(HELLO);
    expect(heard).to.deep.include({ ends: 1, failures: [] });
    expect(upstream.heard).to.deep.equal([]);
  });

  it('hands over an answer that was whole before anyone listened', async () => {
    const upstream = new FakeUpstream();
    const pending = convert(upstream);
    upstream.say('hello', 'end');
    upstream.end();
    const heard = listen(await pending);
    expect(namesOf(heard)).to.deep.equal(HELLO);
    expect(heard.ends).to.equal(1);
  });

  it('writes all events of one chunk at once', async () => {
    const upstream = new FakeUpstream();
    const pending = convert(upstream);
    upstream.say('a', 'b', 'c');
    const heard = listen(await pending);
    upstream.say('d', 'e');
    expect(heard.chunks).to.have.length(2);
    expect(eventsOf(heard).flatMap(({ json }) => (json.delta as { text?: string })?.text ?? [])).to.deep.equal([
      ...['a', 'b', 'c', 'd', 'e'],
    ]);
  });

  it('is one message where no stream was asked for: the fold of the same events', async () => {
    const [streamed, whole] = [new FakeUpstream(), new FakeUpstream()];
    const pending = convert(whole, { isStream: false, commitMs: 1, pingMs: 1 });
    for (const upstream of [whole]) {
      upstream.say('hello', ' you', 'end');
      upstream.end();
    }
    const answer = await pending;
    const heardWhole = listen(answer);
    const pendingStream = convert(streamed);
    streamed.say('hello', ' you', 'end');
    streamed.end();
    const accumulator = createMessageAccumulator();
    for (const { json } of eventsOf(listen(await pendingStream))) accumulator.add(json as { type: string });
    expect(answer.rawHeaders).to.include('application/json').and.not.include('no-cache');
    expect(JSON.parse(Buffer.concat(heardWhole.chunks).toString()) as Message).to.deep.equal(accumulator.message());
    expect(heardWhole.ends).to.equal(1);
  });

  it('is a 502 where no stream was asked for and the upstream goes on without end, and the upstream is let go', async () => {
    const endless = new FakeUpstream();
    const refused = rejection(convert(endless, { isStream: false, mostBytes: 1000 }));
    while (!endless.heard.includes('abort') && endless.said < 10_000) endless.say('again and again');
    expect(endless.said).to.be.within(1001, 1100);
    expect(await refused)
      .to.be.instanceOf(GatewayError)
      .and.include({ status: 502, code: 'api_error' });
    expect(await refused).to.have.property('message', 'the answer is too long');
    const atOnce = new FakeUpstream();
    const late = rejection(convert(atOnce, { isStream: false }));
    atOnce.say('a start');
    atOnce.sink?.onChunk(Buffer.alloc(128 * 1024 * 1024));
    expect(await late).to.have.property('message', 'the answer is too long');
  });

  it('has no limit where it is handed on as it comes', async () => {
    const long = new FakeUpstream();
    const pending = convert(long, { mostBytes: 1000 });
    while (long.said < 10_000) long.say('again and again');
    long.say('end');
    long.end();
    expect(namesOf(listen(await pending)).at(-1)).to.equal('message_stop');
  });

  it('keeps the status of a refusal', async () => {
    const upstream = new FakeUpstream(422);
    const error = rejection(convert(upstream));
    upstream.sink?.onChunk(Buffer.from('no '));
    upstream.sink?.onChunk(Buffer.from('way'));
    upstream.end();
    expect(await error).to.deep.include({ message: '422: no way', code: 'invalid_request_error' });
  });

  it('reads of a refusal what came, also when it breaks off or never ends', async () => {
    const broken = new FakeUpstream(500);
    const first = rejection(convert(broken));
    broken.sink?.onChunk(Buffer.from('half'));
    broken.sink?.onError(new UpstreamFailure('reset', 'gone'));
    expect(await first).to.have.property('message', '500: half');
    const endless = new FakeUpstream(500);
    const second = rejection(convert(endless));
    for (let n = 0; n < 5; n++) endless.sink?.onChunk(Buffer.alloc(65_536, 'x'));
    expect((await second) as Error)
      .to.have.property('message')
      .with.length(262_144 + 5);
    expect(endless.heard).to.include('abort');
  });

  it('rejects with what the upstream said before the first output', async () => {
    const upstream = new FakeUpstream();
    const error = rejection(convert(upstream));
    upstream.say('boom');
    expect(await error).to.deep.include({ code: 'overloaded_error', message: 'busy' });
    expect(upstream.heard).to.deep.equal(['abort']);
  });

  it('rejects with the failure of a call that broke off before the first output', async () => {
    const upstream = new FakeUpstream();
    const failure = new UpstreamFailure('timeout_idle', 'silence');
    const error = rejection(convert(upstream));
    upstream.sink?.onError(failure);
    expect(await error).to.equal(failure);
  });

  it('calls a reader’s bug an answer that could not be read', async () => {
    const upstream = new FakeUpstream();
    const error = rejection(convert(upstream));
    upstream.say('bug');
    expect(await error).to.deep.include({ code: 'api_error', status: 502 });
  });

  for (const [what, act, type] of [
    ['an error of the upstream', (upstream: FakeUpstream) => upstream.say('boom'), 'overloaded_error'],
    ['an end before it was whole', (upstream: FakeUpstream) => upstream.end(), 'api_error'],
    ['a bug', (upstream: FakeUpstream) => upstream.say('bug'), 'api_error'],
    ['a reset', (upstream: FakeUpstream) => upstream.sink?.onError(new UpstreamFailure('reset', 'gone')), 'api_error'],
    [
      'silence',
      (upstream: FakeUpstream) => upstream.sink?.onError(new UpstreamFailure('timeout_idle', 'silence')),
      'timeout_error',
    ],
  ] as const) {
    it(`P3 ends after output with one error event and an open block: ${what}`, async () => {
      const upstream = new FakeUpstream();
      const pending = convert(upstream);
      upstream.say('hello');
      const heard = listen(await pending);
      act(upstream);
      upstream.say('more');
      expect(namesOf(heard)).to.deep.equal([...HELLO.slice(0, 4), 'error']);
      expect(eventsOf(heard).at(-1)?.json).to.have.nested.property('error.type', type);
      expect(heard.ends).to.equal(1);
    });

    it(`P3 is an error where no stream was asked for: ${what}`, async () => {
      const upstream = new FakeUpstream();
      const pending = rejection(convert(upstream, { isStream: false }));
      upstream.say('hello');
      act(upstream);
      expect(await pending).to.satisfy(
        (error: unknown) => error instanceof GatewayError || error instanceof UpstreamFailure,
      );
    });
  }

  it('conv P-09 is whole when the connection breaks after the turn has said how it ended', async () => {
    for (const kind of ['reset', 'timeout_idle'] as const) {
      const upstream = new FakeUpstream();
      const pending = convert(upstream);
      upstream.say('hello', 'end');
      const heard = listen(await pending);
      upstream.sink?.onError(new UpstreamFailure(kind, 'gone'));
      expect(namesOf(heard)).to.deep.equal(HELLO);
      expect(heard.ends).to.equal(1);
    }
  });

  it('passes pause and resume on, and holds no ping for a client that does not read', async () => {
    const upstream = new FakeUpstream();
    const pending = convert(upstream, { pingMs: 5 });
    upstream.say('hello');
    const heard = listen(await pending);
    heard.flow.pause();
    const before = heard.chunks.length;
    let ticks = 0;
    const timer = setInterval(() => ticks++, 5);
    await until(() => ticks > 5);
    clearInterval(timer);
    expect(heard.chunks).to.have.length(before);
    heard.flow.resume();
    await until(() => heard.chunks.length > before);
    expect(upstream.heard).to.deep.equal(['pause', 'resume']);
    heard.flow.abort();
  });

  it('aborts the upstream with the client and says nothing more', async () => {
    const upstream = new FakeUpstream();
    const pending = convert(upstream, { pingMs: 2 });
    upstream.say('hello');
    const heard = listen(await pending);
    heard.flow.abort();
    heard.flow.abort();
    upstream.say('more');
    upstream.end();
    expect(upstream.heard).to.deep.equal(['abort']);
    expect(heard.ends).to.equal(0);
    expect(namesOf(heard)).to.deep.equal(HELLO.slice(0, 4));
  });

  it('rejects when it is aborted before the first output', async () => {
    const upstream = new FakeUpstream();
    let abort = (): void => {};
    const pending = rejection(convert(upstream, { onAbortable: (given) => (abort = given) }));
    abort();
    expect(await pending).to.be.instanceOf(UpstreamFailure);
    expect(upstream.heard).to.deep.equal(['abort']);
  });

  it('lets an upstream end by itself after a whole answer, but not go on', async () => {
    const polite = new FakeUpstream();
    const first = convert(polite);
    polite.say('hello', 'stop');
    expect(listen(await first).ends).to.equal(1);
    polite.say('[DONE]');
    polite.end();
    expect(polite.heard).to.deep.equal([]);
    const chatty = new FakeUpstream();
    const second = convert(chatty);
    chatty.say('hello', 'stop');
    const heard = listen(await second);
    chatty.say('x'.repeat(1000));
    expect(chatty.heard).to.deep.equal(['abort']);
    expect(namesOf(heard).at(-1)).to.equal('message_stop');
  });
});

describe('C-21 silence on a converted route', () => {
  afterEach(abortAll);

  it('conv S-27 begins the stream before there is output, and pings', async () => {
    const upstream = new FakeUpstream();
    const heard = listen(await convert(upstream, { commitMs: 5, pingMs: 5 }));
    await until(() => namesOf(heard).length > 3);
    expect([...new Set(namesOf(heard))]).to.deep.equal(['message_start', 'ping']);
    expect(eventsOf(heard)[0]?.json).to.have.nested.property('message.usage.input_tokens', 12);
    heard.flow.abort();
  });

  it('conv S-27 begins the stream although the upstream has not even sent headers', async () => {
    let give = (_: Answer): void => {};
    const call = new Promise<Answer>((resolve) => {
      give = resolve;
    });
    const heard = listen(await convert(call, { commitMs: 5, pingMs: 5 }));
    await until(() => namesOf(heard).length > 2);
    const upstream = new FakeUpstream();
    give(upstream);
    await until(() => upstream.sink !== undefined);
    upstream.say('hello', 'end');
    upstream.end();
    expect(namesOf(heard).filter((name) => name !== 'ping')).to.deep.equal(HELLO.filter((name) => name !== 'ping'));
    expect(heard.ends).to.equal(1);
  });

  it('turns what goes wrong after that into the one error event', async () => {
    const refused = new FakeUpstream(400);
    const heard = listen(await convert(refused, { commitMs: 1 }));
    refused.sink?.onChunk(Buffer.from('too long'));
    refused.end();
    expect(namesOf(heard)).to.deep.equal(['message_start', 'ping', 'error']);
    expect(eventsOf(heard).at(-1)?.json).to.have.nested.property('error.message', '400: too long');
    let fail = (_: unknown): void => {};
    const call = new Promise<Answer>((_, reject) => {
      fail = reject;
    });
    const second = listen(await convert(call, { commitMs: 1 }));
    fail(new GatewayError('timeout_error', 'too late'));
    await until(() => second.ends === 1);
    expect(namesOf(second)).to.deep.equal(['message_start', 'ping', 'error']);
  });

  it('rejects with what the call threw before that, unchanged', async () => {
    const thrown = new RangeError('whatever it is');
    expect(await rejection(convert(Promise.reject(thrown)))).to.equal(thrown);
  });

  it('aborts a call that has not answered', async () => {
    let isAborted = false;
    const call = new Promise<Answer>(() => {});
    const heard = listen(await convert(call, { commitMs: 1, abortCall: () => (isAborted = true) }));
    heard.flow.abort();
    expect(isAborted).to.equal(true);
  });

  it('aborts an answer that comes after the client has left', async () => {
    let give = (_: Answer): void => {};
    const call = new Promise<Answer>((resolve) => {
      give = resolve;
    });
    const heard = listen(await convert(call, { commitMs: 1 }));
    heard.flow.abort();
    const upstream = new FakeUpstream();
    give(upstream);
    await until(() => upstream.heard.length > 0);
    expect(upstream.heard).to.deep.equal(['abort']);
  });

  it('begins nothing early where no stream was asked for', async () => {
    const upstream = new FakeUpstream();
    let isSettled = false;
    const pending = convert(upstream, { isStream: false, commitMs: 1, pingMs: 1 }).finally(() => (isSettled = true));
    let ticks = 0;
    const timer = setInterval(() => ticks++, 2);
    await until(() => ticks > 5);
    clearInterval(timer);
    expect(isSettled).to.equal(false);
    upstream.say('hello', 'end');
    upstream.end();
    expect(listen(await pending).chunks).to.have.length(1);
  });
});
