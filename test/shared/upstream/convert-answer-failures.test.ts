import { expect } from 'chai';
import { GatewayError } from '#shared/errors.ts';
import { UpstreamFailure } from '#shared/upstream/call-upstream.ts';
import {
  createConversions,
  eventsOf,
  FakeUpstream,
  HELLO,
  listen,
  namesOf,
  rejection,
} from '../../support/converted-answer.ts';

describe('a converted answer that goes wrong', () => {
  const { convert, abortAll } = createConversions();
  afterEach(abortAll);

  it('is an error when nobody can write the whole of it, and brings nothing down', async () => {
    const upstream = new FakeUpstream();
    const converting = rejection(convert(upstream, { isStream: false }));
    upstream.say('deep', 'end');
    upstream.end();
    expect(await converting).to.include({ code: 'api_error', status: 502 });
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
});
