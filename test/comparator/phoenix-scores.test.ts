// A compared request and a server in the place of Phoenix: each score on the span of the answer that is judged.
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect } from 'chai';
import { pairSpanId } from '#shared/ids.ts';
import { type CompareBed, SECONDARY, startCompareBed } from '../support/compare-bed.ts';
import { until } from '../support/gateway.ts';
import { type OtlpSink, type SinkSpan, startOtlpSink } from '../support/otlp-sink.ts';
import { readMetrics } from '../support/read-metrics.ts';

interface Annotation {
  span_id: string;
  name: string;
  annotator_kind: string;
  identifier: string;
  result: { label: string; score: number | null; explanation: string | null };
}

describe('scores for Phoenix', function () {
  this.timeout(20_000);
  const received: Annotation[] = [];
  let server: Server;
  let sink: OtlpSink;
  let bed: CompareBed;
  before(async () => {
    server = createServer((request, response) => {
      const chunks: Buffer[] = [];
      request.on('data', (chunk: Buffer) => chunks.push(chunk));
      request.on('end', () => {
        const { data } = JSON.parse(Buffer.concat(chunks).toString('utf8')) as { data: Annotation[] };
        received.push(...data);
        response.end('{}');
      });
    });
    await new Promise<void>((resolve) => {
      server.listen(0, '127.0.0.1', resolve);
    });
    sink = await startOtlpSink();
    const phoenix = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    bed = await startCompareBed({ 'tracing.endpoint': sink.url, 'tracing.phoenix_url': phoenix });
  });
  after(async () => {
    await bed.stop();
    await sink.close();
    server.close();
    server.closeAllConnections();
  });

  it('stand on the second model’s span, the verdict on the request’s own too, after the spans', async () => {
    bed.primary.use({ content: [{ type: 'text', text: 'the same answer' }] });
    bed.secondary.use({ content: [{ type: 'text', text: 'the same answer' }] });
    const { id } = await bed.ask();
    await until(() => received.length > 0, 15_000);
    const judged = pairSpanId('compare_request', id, SECONDARY, 0);
    expect(sink.spans().map(({ spanId }) => spanId)).to.include(judged);
    const mine = (all: SinkSpan[]): SinkSpan[] => all.filter((span) => span.attributes['ccproxy.request_id'] === id);
    const spans = mine(await sink.waitFor((all) => mine(all).length === 4, 10_000));
    const root = spans.find(({ name }) => name === 'proxy_request');
    expect(new Set(received.map(({ span_id }) => span_id))).to.deep.equal(new Set([root?.spanId, judged]));
    expect(new Set(received.map(({ identifier }) => identifier))).to.deep.equal(new Set([`${id}:${SECONDARY}`]));
    const verdicts = received.filter(({ name }) => name === 'verdict');
    expect(verdicts.map(({ result }) => result.label)).to.deep.equal(['equivalent', 'equivalent']);
    expect(verdicts[0]?.result.explanation).to.include('primary: ok; target: ok');
    const stopReason = received.find(({ name }) => name === 'stop_reason');
    expect(stopReason?.result).to.include({ label: 'agree', explanation: 'primary: end_turn; target: end_turn' });
    const pair = spans.find(({ name }) => name === 'compare_pair');
    const evaluated = pair?.events.map(({ attributes }) => attributes['gen_ai.evaluation.name']);
    expect(evaluated).to.have.members(received.slice(1).map(({ name }) => name));
    await until(async () => {
      const metric = await readMetrics(bed.started.opsUrl);
      return metric('ccproxy_phoenix_annotations_total', { result: 'posted' }) === received.length;
    });
  });
});
