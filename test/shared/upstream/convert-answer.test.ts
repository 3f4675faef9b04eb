import { expect } from 'chai';
import { GatewayError } from '#shared/errors.ts';
import { createMessageAccumulator } from '#shared/messages/accumulate-message.ts';
import { UpstreamFailure } from '#shared/upstream/call-upstream.ts';
import type { Message } from '#shared/wire/anthropic.ts';
import {
  createConversions,
  eventsOf,
  FakeUpstream,
  HELLO,
  listen,
  namesOf,
  rejection,
} from '../../support/converted-answer.ts';
import { until } from '../../support/gateway.ts';

describe('a converted answer', () => {
  const { convert, abortAll } = createConversions();
  afterEach(abortAll);

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

  it('tells who answered by the name that was sent where the upstream says none, and no id of our own', async () => {
    const upstream = new FakeUpstream();
    const ready = convert(upstream);
    upstream.say('hello', 'end');
    upstream.end();
    expect((await ready).upstream).to.deep.equal({ model: 'small', requestId: null });
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
