// A process that exports one span to a receiver without an answer, and has a tenth of a second to stop in.
import { newSpanId, newTraceId } from '#shared/ids.ts';
import { createLogger } from '#shared/telemetry/logger.ts';
import { createMetrics } from '#shared/telemetry/metrics.ts';
import { createTracing } from '#shared/telemetry/spans.ts';

const [endpoint = null] = process.argv.slice(2);
const tracing = createTracing(
  { endpoint, project: 'p', serviceName: 's', serviceVersion: '1', exportTimeoutMs: 600_000 },
  {
    metrics: createMetrics({ processMetrics: false }),
    logger: createLogger({ service: 's', level: 'error', pretty: false }),
  },
);
await tracing.started;
tracing.emit([
  {
    ...{ name: 'proxy_request', kind: 'server', traceId: newTraceId(), spanId: newSpanId(), parentSpanId: null },
    ...{ sampled: true, tracestate: '', startMs: 1000, endMs: 2000, attributes: {}, events: [], links: [] },
    status: 'unset',
  },
]);
process.once('SIGTERM', () => void tracing.shutdown(100));
