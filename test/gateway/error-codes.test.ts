// What a failed call is called: the same in its log line, its spans and its row of the history, and never a word that an
// upstream made up.
import { expect } from 'chai';
import { toMetadataRow } from '#services/console/history/to-exchange-row.ts';
import type { Scene } from '#services/simulator/script.ts';
import { text } from '#services/simulator/script.ts';
import { createSimulator, type Simulator } from '#services/simulator/service.ts';
import type { Publication } from '#shared/bus/bus.ts';
import { DEFAULT_BUS_LIMITS } from '#shared/bus/limits.ts';
import { createMemoryBus } from '#shared/bus/memory.ts';
import { systemClock } from '#shared/clock.ts';
import { summarizeAnswer } from '#shared/exchange/answer-summary.ts';
import { ERROR_CODES, toErrorCode } from '#shared/exchange/error-code.ts';
import { decodeBody, decodeEntry } from '#shared/exchange/exchange.ts';
import { observeFigures } from '#shared/exchange/read-exchange.ts';
import { createRedactor } from '#shared/redact/redact.ts';
import type { SpanRecord } from '#shared/telemetry/tracing.ts';
import { type SpanSink, spanSink } from '../support/comparator.ts';
import { startTestGateway, type TestGateway, until } from '../support/gateway.ts';
import { header, messagesRequest, send } from '../support/raw-client.ts';
import { saidAttributes } from '../support/said-attributes.ts';

const CONTENT = [text('This answer was meant to be longer than what arrives of it.')];

const DISABLED = 'This API key has been disabled.';

interface Told {
  root: SpanRecord;
  forward: SpanRecord;
  /** `error` of the log line; undefined = it has none. */
  logged: unknown;
  /** `error_code` of the history. */
  recorded: string | null;
}

describe('the code of a failure', () => {
  let upstream: Simulator;
  let gateway: TestGateway;
  let tracing: SpanSink;
  const published: Publication[] = [];

  before(async () => {
    upstream = await createSimulator({ listenAddress: '127.0.0.1:0', seed: 5, delayScale: 0 });
    const settings: Record<string, unknown> = {
      'passthrough.url': upstream.url,
      'capture.level': 'full',
    };
    for (const [name, provider] of Object.entries({ native: { type: 'anthropic' }, chat: { type: 'openai-chat' } })) {
      for (const [key, value] of Object.entries({ base_url: upstream.url, api_key: `key-of-${name}`, ...provider }))
        settings[`providers.${name}.${key}`] = value;
      settings[`models.${name}.provider`] = name;
      settings[`models.${name}.upstream_name`] = 'some-model';
    }
    tracing = Object.assign(spanSink(), { content: false });
    const bus = createMemoryBus({ clock: systemClock, limits: DEFAULT_BUS_LIMITS });
    const publish = bus.publish.bind(bus);
    bus.publish = (publication) => {
      published.push(publication);
      return publish(publication);
    };
    gateway = await startTestGateway({ settings, parts: { tracing, bus } });
  });
  after(() => gateway.stop().then(() => upstream.stop()));

  async function told(id: string): Promise<Told> {
    const mine = (): SpanRecord[] => tracing.spans.filter((span) => saidAttributes(span)['ccproxy.request_id'] === id);
    const published_ = (): Publication | undefined => published.find((one) => one.id === id);
    await until(() => mine().length >= 2 && published_() !== undefined);
    const { fields, body } = published_() as Publication;
    const entry = decodeEntry(fields);
    const { answer } = await decodeBody(body as Buffer);
    const summary = summarizeAnswer(await observeFigures(answer));
    const line = gateway.lines.find(
      ({ event, fields: said }) => event === 'request.finished' && said.request_id === id,
    );
    const [root, forward] = mine();
    return {
      root: root as SpanRecord,
      forward: forward as SpanRecord,
      logged: line?.fields.error,
      recorded: toMetadataRow(entry, summary, createRedactor({ hmacKey: 'k' }), () => null).error_code,
    };
  }

  async function ask(model: string, scene: Scene | string, stream = true): Promise<Told> {
    upstream.use(scene);
    const answer = await send(gateway.url, messagesRequest({ stream, body: { model, max_tokens: 100 } }));
    return told(header(answer, 'x-ccproxy-request-id') ?? '');
  }

  const CASES: ReadonlyArray<[string, string, Scene | string, string]> = [
    ['a converted refusal', 'chat', 'error-400', 'invalid_request_error'],
    ['a refusal that a native upstream gave', 'native', 'error-400', 'invalid_request_error'],
    ['a native upstream without words', 'native', { status: 404, body: '' }, 'not_found_error'],
    ['a page instead of an error', 'native', 'error-502-html', 'api_error'],
    ['no money left', 'chat', 'error-402', 'billing_error'],
    ['too much at once', 'native', 'error-429', 'rate_limit_error'],
    ['a busy upstream', 'native', 'error-529', 'overloaded_error'],
    ['a failing one', 'chat', 'error-500', 'api_error'],
    ['the gateway’s own key, native', 'native', 'error-401', 'credential_refused'],
    ['the gateway’s own key, converted', 'chat', 'error-401', 'credential_refused'],
    ['the gateway’s own key in a 403', 'native', { status: 403, error: { message: DISABLED } }, 'credential_refused'],
    [
      'the same, compressed',
      'native',
      { status: 403, error: { message: DISABLED }, compress: 'gzip' },
      'credential_refused',
    ],
    ['a 403 without words', 'native', { status: 403, body: '' }, 'permission_error'],
    ['a connection closed before the answer, converted', 'chat', 'cut-before-headers', 'connection_error'],
    ['a connection closed before the answer, native', 'native', 'cut-before-headers', 'connection_error'],
    ['a native stream that broke', 'native', 'cut-between-events', 'connection_error'],
    ['a native stream without its end', 'native', 'no-message-stop', 'api_error'],
    ['an error inside a native stream', 'native', 'mid-error', 'overloaded_error'],
    [
      'a name of the upstream’s own',
      'native',
      { status: 400, error: { type: 'PROMPTWORD-0.60' } },
      'invalid_request_error',
    ],
    [
      'the same inside a stream',
      'native',
      { content: CONTENT, fault: { kind: 'error-event', after: 1, error: { type: 'PROMPTWORD-0.61' } } },
      'api_error',
    ],
  ];
  for (const [what, model, scene, code] of CASES) {
    it(`S4-26 is one in log, spans and history: ${what}`, async () => {
      const { root, forward, logged, recorded } = await ask(model, scene);
      const codes = { span: saidAttributes(root)['error.type'], log: logged, history: recorded };
      expect(codes).to.deep.equal({ span: code, log: code, history: code });
      expect(root.status).to.equal('error');
      // The upstream's call failed no less, whatever its status.
      expect([forward.status, saidAttributes(forward)['error.type']]).to.deep.equal(['error', code]);
    });
  }

  it('S4-26 is none where nothing failed', async () => {
    const { root, forward, logged, recorded } = await ask('native', { content: CONTENT });
    expect([root, forward].map((span) => saidAttributes(span)['error.type'])).to.deep.equal([undefined, undefined]);
    expect([root.status, logged, recorded]).to.deep.equal(['unset', undefined, null]);
  });

  for (const [when, scene] of [
    ['before the answer began', 'silence-before-headers'],
    ['in the middle of it', 'silence'],
  ] as const) {
    it(`S4-26 is none where the client left ${when}: neither span is an error`, async () => {
      upstream.use(scene);
      const seen = upstream.seen().length;
      const spans = tracing.spans.length;
      const leaving = new AbortController();
      const { path, body } = messagesRequest({ body: { model: 'native', max_tokens: 100 } });
      const answer = fetch(gateway.url + path, {
        method: 'POST',
        headers: { 'content-type': 'application/json', 'x-api-key': 'k' },
        body: new Uint8Array(body),
        signal: leaving.signal,
      }).then((begun) => begun.body?.getReader().read());
      answer.catch(() => {}); // it is cut off here
      await until(() => upstream.seen().length > seen);
      if (scene === 'silence') await answer;
      leaving.abort();
      await until(() => tracing.spans.length >= spans + 2);
      for (const span of tracing.spans.slice(spans)) {
        expect(span.status, span.name).to.equal('unset');
        expect(saidAttributes(span), span.name).to.not.have.property('error.type');
      }
    });
  }

  it('S4-26 is of a closed list, whatever an upstream says: then its status says it', () => {
    const statuses = [0, 200, 400, 401, 402, 403, 404, 408, 409, 413, 418, 429, 498, 500, 503, 504, 524, 529, 999];
    for (const status of statuses) {
      for (const word of ['PROMPTWORD-0.60', '', 'x'.repeat(1000), 'credential_refused', 'constructor'])
        expect(toErrorCode(word, status))
          .to.be.oneOf([...ERROR_CODES])
          .and.equal(toErrorCode(null, status));
    }
  });
});
