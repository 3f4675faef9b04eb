// One id a request: its client, its providers, every record of it.
import { expect } from 'chai';
import type { PairRow } from '#shared/store/store.ts';
import { type CompareBed, startCompareBed } from '../support/compare-bed.ts';
import { type EveryRoute, startEveryRoute } from '../support/every-route.ts';
import { type OtlpSink, startOtlpSink } from '../support/otlp-sink.ts';
import { header, json } from '../support/raw-client.ts';

const ID = 'x-ccproxy-request-id';
const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;

describe('the id of a request', () => {
  let sink: OtlpSink;
  let bed: CompareBed;
  let routes: EveryRoute;
  before(async () => {
    sink = await startOtlpSink();
    bed = await startCompareBed({ 'tracing.endpoint': sink.url });
    routes = await startEveryRoute();
  });
  after(async () => {
    await Promise.all([bed.stop(), routes.stop()]);
    await sink.close();
  });

  it('S4-27 is in the answer, in the shadow and in every record, and the passthrough is not told it', async () => {
    const { id } = await bed.ask({ headers: [ID, 'a-name-of-the-clients-own'] });
    expect(id).to.match(UUID);
    const { exchange, pairs } = await bed.settled(id);
    expect(bed.primary.seen().at(-1)?.headers).to.not.have.property(ID);
    expect(bed.secondary.seen().at(-1)?.headers[ID]).to.equal(id);
    expect(exchange.id).to.equal(id);
    expect(pairs.map((pair: PairRow) => pair.exchange_id)).to.deep.equal([id]);
    const mine = (await sink.waitFor((spans) => spans.filter((span) => isOf(span.attributes, id)).length >= 4)).filter(
      (span) => isOf(span.attributes, id),
    );
    expect(mine.map(({ name }) => name).sort()).to.deep.equal([
      ...['compare_pair', 'compare_request', 'primary_forward', 'proxy_request'],
    ]);

    for (const route of ['native', 'openai', 'gemini', 'ollama']) {
      const answer = await routes.ask(route, { headers: [ID, 'a-name-of-the-clients-own'] });
      const own = header(answer, ID);
      expect(routes.upstream.seen().at(-1)?.headers[ID], route).to.equal(own);
      await routes.gateway.until(() => routes.gateway.lines.some(({ fields }) => fields.request_id === own));
    }
    const refused = await routes.ask('openai', { body: { messages: 'none' } });
    expect(json(refused)).to.include({ request_id: header(refused, ID) });
  });
});

function isOf(attributes: Record<string, unknown>, id: string): boolean {
  return attributes['ccproxy.request_id'] === id;
}
