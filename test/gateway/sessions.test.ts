// Whose call it was: log line, spans of all services and history say the same.
import { createHash } from 'node:crypto';
import { expect } from 'chai';
import { createSimulator } from '#services/simulator/service.ts';
import { hashOfText } from '#shared/telemetry/client-user.ts';
import { type CompareBed, startCompareBed } from '../support/compare-bed.ts';
import { startTestGateway } from '../support/gateway.ts';
import { type OtlpSink, type SinkSpan, startOtlpSink } from '../support/otlp-sink.ts';
import { messagesRequest, send } from '../support/raw-client.ts';

const UUID = '3f1c9a52-7d0e-4b8a-9e61-2a4c8f7b1d03';
const OF_MODELS = ['proxy_request', 'compare_request', 'compare_pair'];

interface Client {
  who: string;
  /** null = it names none. */
  session: string | null;
  hasUser: boolean;
  headers?: string[];
  userId?: string;
}

const CLIENTS: readonly Client[] = [
  { who: 'one that names nothing', session: null, hasUser: false },
  { who: 'a header', session: 's-1', hasUser: false, headers: ['x-claude-code-session-id', 's-1'] },
  { who: 'JSON', session: 's-2', hasUser: true, userId: '{"device_id":"d","account_uuid":"","session_id":"s-2"}' },
  { who: 'JSON with a session alone', session: 's-3', hasUser: false, userId: '{"session_id":"s-3"}' },
  { who: 'JSON with a session of no name', session: null, hasUser: false, userId: '{"session_id":""}' },
  {
    who: 'JSON whose words look like the old form',
    session: 's_session_4',
    hasUser: true,
    userId: '{"u":1,"session_id":"s_session_4"}',
  },
  { who: 'the old form', session: UUID, hasUser: true, userId: `user_1_account_2_session_${UUID}` },
  { who: 'the old form with what is no UUID', session: null, hasUser: true, userId: 'user_1_session_SESS-123' },
  {
    who: 'a header that says who it is',
    session: hashOfText('joe@example.com'),
    hasUser: false,
    headers: ['x-claude-code-session-id', 'joe@example.com'],
  },
  {
    who: 'JSON with a name of many bytes',
    session: hashOfText('漢'.repeat(120)),
    hasUser: false,
    userId: JSON.stringify({ session_id: '漢'.repeat(120) }),
  },
  { who: 'another form', session: null, hasUser: true, userId: 'bob' },
];

for (const content of [true, false]) {
  describe(`the session and user of a call that is compared, ${content ? 'with' : 'without'} text`, function () {
    this.timeout(30_000);
    let sink: OtlpSink;
    let bed: CompareBed;
    before(async () => {
      sink = await startOtlpSink();
      bed = await startCompareBed({ 'tracing.endpoint': sink.url, 'tracing.content': content });
    });
    after(async () => {
      await bed?.stop();
      await sink.close();
    });

    it('are the same on all spans of a trace and in the history, however the client names them', async () => {
      const asked: Array<{ client: Client; id: string }> = [];
      for (const client of CLIENTS) {
        const { headers = [], userId } = client;
        const body = userId === undefined ? {} : { metadata: { user_id: userId } };
        asked.push({ client, id: (await bed.ask({ headers: ['x-other', '1', ...headers], body })).id });
      }
      for (const { client, id } of asked) {
        const isMine = ({ name, attributes }: SinkSpan): boolean =>
          OF_MODELS.includes(name) && attributes['ccproxy.request_id'] === id;
        const spans = (await sink.waitFor((all) => all.filter(isMine).length === 3)).filter(isMine);
        const { exchange } = await bed.settled(id);
        const said = new Set(spans.map(({ attributes }) => attributes['session.id']));
        expect([...said], client.who).to.deep.equal([exchange.session_id]);
        if (client.session === null) expect(exchange.session_id, client.who).to.match(/^[0-9a-f]{64}$/);
        else expect(exchange.session_id, client.who).to.equal(client.session);
        const source = client.session === null ? 'fallback' : undefined;
        const [user] = spans.map(({ attributes }) => attributes['user.id']);
        expect(user !== undefined, client.who).to.equal(client.hasUser);
        for (const { name, attributes } of spans) {
          expect(attributes['ccproxy.session.source'], `${client.who}, ${name}`).to.equal(source);
          expect(attributes['user.id'], `${client.who}, ${name}`).to.equal(user);
          expect(attributes['user.id']).to.not.equal(createHash('sha256').update('{}').digest('hex').slice(0, 32));
        }
      }
    });
  });
}

describe('the access line of a call', () => {
  it('S3-28 names the session as the client does, in a header or in its metadata', async () => {
    const upstream = await createSimulator({ listenAddress: '127.0.0.1:0', seed: 1, delayScale: 0 });
    const gateway = await startTestGateway({ settings: { 'target.url': upstream.url } });
    try {
      for (const { who, session, headers = [], userId } of CLIENTS) {
        gateway.lines.length = 0;
        const body = userId === undefined ? {} : { metadata: { user_id: userId } };
        await send(gateway.url, messagesRequest({ headers: ['x-other', '1', ...headers], body }));
        const finished = () => gateway.lines.find(({ event }) => event === 'request.finished');
        await gateway.until(() => finished() !== undefined);
        expect(finished()?.fields.session_id, who).to.equal(session ?? undefined);
      }
    } finally {
      await gateway.stop();
      await upstream.stop();
    }
  });
});
