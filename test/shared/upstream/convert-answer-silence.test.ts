import { expect } from 'chai';
import { GatewayError } from '#shared/errors.ts';
import type { Answer } from '#shared/upstream/call-upstream.ts';
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

describe('C-21 silence on a converted route', () => {
  const { convert, abortAll } = createConversions();
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
