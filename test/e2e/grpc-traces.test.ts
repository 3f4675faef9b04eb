// All services sending to a receiver of gRPC: what it gets, and that nobody waits for it.
import { expect } from 'chai';
import { serviceName } from '#services/cli/parts.ts';
import { startCompareBed } from '../support/compare-bed.ts';
import { testConfig, until } from '../support/gateway.ts';
import { startOtlpGrpcSink } from '../support/otlp-grpc-sink.ts';

describe('traces over gRPC', function () {
  this.timeout(60_000);

  it('S0-17 a conversation of 5 MB arrives with its newest messages, and requests are served without a receiver', async () => {
    const sink = await startOtlpGrpcSink();
    const bed = await startCompareBed({
      ...{ default_mode: 'target', 'tracing.endpoint': `http://127.0.0.1:${sink.port}`, 'tracing.protocol': 'grpc' },
      ...{ 'tracing.max_content_bytes': 16_000_000, 'tracing.service_name': 'shop' },
    });
    try {
      const messages = Array.from({ length: 51 }, (_, index) => ({
        ...{ role: index % 2 === 0 ? 'user' : 'assistant', content: `message ${index} ${'y'.repeat(100_000)}` },
      }));
      await bed.ask({ body: { messages } });
      const root = () => sink.spans().find(({ name }) => name === 'proxy_request');
      await until(() => root() !== undefined, 20_000);
      expect(root()?.attributes).to.include({ 'ccproxy.content.truncated': true });
      expect(root()?.resource['service.name']).to.equal('shop');
      const texts = Object.values(root()?.attributes ?? {}).map(String);
      expect(texts.some((text) => text.startsWith('message 50 '))).to.equal(true);
      expect(texts.some((text) => text.startsWith('message 0 '))).to.equal(false);
      sink.close();
      expect((await bed.ask()).answer.status).to.equal(200);
    } finally {
      await bed.stop();
      sink.close();
    }
  });

  it('S0-17 a name of yours gets the service’s own behind it where there are several', () => {
    const config = testConfig({ 'tracing.service_name': 'shop' });
    expect(serviceName(config, 'gateway')).to.equal('shop-gateway');
    expect(serviceName(testConfig({}), 'comparator')).to.equal('cc-comparator');
  });
});
