// The hook capture-headers, from the settings to spans and history.
import { expect } from 'chai';
import { createSimulator, type Simulator } from '#services/simulator/service.ts';
import { ConfigError } from '#shared/errors.ts';
import { decodeEntry, encodeEntry } from '#shared/exchange/exchange.ts';
import type { ExchangeRow } from '#shared/store/store.ts';
import { makeEntry, type SpanSink, spanSink } from '../support/comparator.ts';
import { startCompareBed } from '../support/compare-bed.ts';
import { startTestGateway, testConfig, until } from '../support/gateway.ts';
import { messagesRequest, send } from '../support/raw-client.ts';
import { saidAttributes } from '../support/said-attributes.ts';

const capture = (...headers: string[]) => ({ hooks: [{ use: 'capture-headers', headers }] });

describe('capture-headers', () => {
  let upstream: Simulator;
  before(async () => {
    upstream = await createSimulator({ listenAddress: '127.0.0.1:0', seed: 4, defaultScene: 'text', delayScale: 0 });
  });
  after(() => upstream.stop());

  const start = (settings: Record<string, unknown>, tracing: SpanSink = spanSink()) =>
    startTestGateway({
      settings: { 'target.url': upstream.url, 'target.model': 'm', ...settings },
      parts: { tracing },
    });
  const spanOf = async (settings: Record<string, unknown>, headers: string[]) => {
    const tracing = spanSink();
    const gateway = await start(settings, Object.assign(tracing, { content: false }));
    try {
      await send(gateway.url, messagesRequest({ headers }));
      const roots = () => tracing.spans.filter(({ name }) => name === 'proxy_request');
      await until(() => roots().length === 1);
      return roots().map(saidAttributes)[0] ?? {};
    } finally {
      await gateway.stop();
    }
  };
  const keptOn = (attributes: Record<string, unknown>): Record<string, unknown> =>
    Object.fromEntries(Object.entries(attributes).filter(([name]) => /^(http\.request\.header|langfuse)\./.test(name)));

  it('S2-16 puts the named headers on the span, cut at 200 characters, and no others', async () => {
    const attributes = await spanOf(capture('User-Agent', 'x-request-id', 'x-absent'), [
      ...['user-agent', 'agent/1', 'X-Request-Id', 'r'.repeat(300), 'x-other', 'unseen'],
    ]);
    expect(keptOn(attributes)).to.deep.equal({
      'http.request.header.user-agent': ['agent/1'],
      'langfuse.trace.metadata.user-agent': 'agent/1',
      'http.request.header.x-request-id': ['r'.repeat(200)],
      'langfuse.trace.metadata.x-request-id': 'r'.repeat(200),
    });
    expect(keptOn(await spanOf({}, ['user-agent', 'agent/1']))).to.deep.equal({});
  });

  it('S2-16 keeps no credential, also where a value holds one under a harmless name, in one piece or cut', async () => {
    const canary = 'sk-ant-api03-canary-of-the-test';
    for (const value of [canary, `Bearer ${canary}`, `${'x'.repeat(190)} ${canary}`]) {
      const kept = keptOn(await spanOf(capture('x-note'), ['x-note', value]));
      expect(Object.keys(kept)).to.have.length(2);
      expect(JSON.stringify(kept)).to.not.include('sk-ant');
    }
  });

  it('S2-16 refuses headers that may hold a credential, and hooks nobody knows, each by its name', async () => {
    const refused = async (settings: Record<string, unknown>): Promise<string> => {
      const error: unknown = await start(settings).then(
        (gateway) => gateway.stop(),
        (reason: unknown) => reason,
      );
      expect(error).to.be.instanceOf(ConfigError);
      return (error as ConfigError).message;
    };
    for (const name of ['Authorization', 'x-api-key', 'cookie', 'x-goog-api-key', 'x-team-token', 'x-ccproxy-key']) {
      expect(await refused(capture('user-agent', name))).to.equal(
        `flags: [[hooks]] number 1: headers: "${name.toLowerCase()}" may hold a credential, and credentials are kept nowhere; leave it out`,
      );
    }
    const keyed = { 'target.api_key': 'k', 'target.auth_header': 'X-Team-Pass' };
    expect(await refused({ ...keyed, ...capture('x-team-pass') })).to.include(
      '"x-team-pass" carries the key of target',
    );
    const several = {
      hooks: [{ use: 'capture-header', headers: ['a'] }, { use: 'capture-headers' }, { headers: ['a'] }],
    };
    expect((await refused(several)).split('\n')).to.deep.equal([
      'flags: [[hooks]] number 1: use = "capture-header" is no hook; there is capture-headers',
      'flags: [[hooks]] number 2: headers is missing: name those to keep, e.g. ["user-agent", "x-request-id"]',
      'flags: [[hooks]] number 3: use = "" is no hook; there is capture-headers',
    ]);
    expect(() => testConfig({ hooks: [{ use: 'capture-headers', header: ['a'] }] })).to.throw('header is no setting');
    expect(await refused(capture('not a name'))).to.include('"not a name" is no name of a header');
  });

  it('S2-16 keeps them in the row of the history, in lists and by its id', async () => {
    const bed = await startCompareBed({
      hooks: [
        { use: 'capture-headers', headers: ['x-request-id'] },
        { use: 'capture-headers', headers: ['user-agent'] },
      ],
    });
    try {
      const { id } = await bed.ask({ headers: ['x-request-id', 'req-7', 'user-agent', 'agent/1'] });
      const bare = await bed.ask();
      const { exchange } = await bed.settled(id);
      await bed.settled(bare.id);
      const list = await bed.all<ExchangeRow>('/api/history');
      const kept = (wanted: string) => list.find((row) => row.id === wanted)?.captured_headers;
      expect(kept(id)).to.deep.equal({ 'x-request-id': 'req-7', 'user-agent': 'agent/1' });
      expect(kept(bare.id)).to.equal(null);
      expect(exchange.captured_headers).to.deep.equal(kept(id));
    } finally {
      await bed.stop();
    }
  }).timeout(20_000);

  it('reads an entry of the same version that says nothing of captured headers', () => {
    const { capturedHeaders: _absent, ...older } = makeEntry({ shadow: [] });
    expect(decodeEntry({ v: '1', entry: JSON.stringify(older) }).capturedHeaders).to.equal(null);
    const captured = { 'x-request-id': 'req-7' };
    expect(
      decodeEntry(encodeEntry(makeEntry({ shadow: [], entry: { capturedHeaders: captured } }))).capturedHeaders,
    ).to.deep.equal(captured);
  });
});
