// The SDK and automatic instrumentation are loaded by whom asks for them, and by nobody else.
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { trace } from '@opentelemetry/api';
import { expect } from 'chai';
import { createInstrumentations } from '#shared/telemetry/instrumentations.ts';
import { createLogger } from '#shared/telemetry/logger.ts';
import { createMetrics } from '#shared/telemetry/metrics.ts';
import { createTracing } from '#shared/telemetry/spans.ts';
import { startOtlpSink } from '../../support/otlp-sink.ts';

const ROOT = join(import.meta.dirname, '../../..');

/** Every package of OpenTelemetry's that a new process imports when it makes tracing with this endpoint. */
function importedBy(endpoint: string | null): string[] {
  const script = join(ROOT, 'test/support/list-imports.ts');
  const output = execFileSync(
    process.execPath,
    ['--conditions=source', script, ...(endpoint === null ? [] : [endpoint])],
    {
      cwd: ROOT,
      encoding: 'utf8',
    },
  );
  return JSON.parse(output) as string[];
}

/** Where the lock file puts a package. */
function copiesOf(name: string): string[] {
  const lock = JSON.parse(readFileSync(join(ROOT, 'package-lock.json'), 'utf8')) as { packages: object };
  return Object.keys(lock.packages).filter((path) => path.endsWith(`node_modules/${name}`));
}

describe('loading of OpenTelemetry', () => {
  it('imports nothing but the API without an endpoint', () => {
    expect(importedBy(null)).to.deep.equal(['@opentelemetry/api']);
  });

  it('leaves the SDK to the thread with an endpoint, and imports no automatic instrumentation', () => {
    expect(importedBy('http://127.0.0.1:9')).to.deep.equal(['@opentelemetry/api']);
  });

  it('installs one copy of the SDK', () => {
    for (const name of ['@opentelemetry/sdk-trace', '@opentelemetry/sdk-node', '@opentelemetry/api']) {
      expect(copiesOf(name), name).to.have.length(1);
    }
  });
});

describe('automatic instrumentation', () => {
  it('switches on exactly what the list names', () => {
    expect(createInstrumentations([])).to.deep.equal([]);
    const made = createInstrumentations(['undici', '@opentelemetry/instrumentation-redis']);
    for (const instrumentation of made) instrumentation.disable();
    expect(made.map(({ instrumentationName }) => instrumentationName).toSorted()).to.deep.equal([
      '@opentelemetry/instrumentation-redis',
      '@opentelemetry/instrumentation-undici',
    ]);
  });

  it('exports and counts the spans that instrumentations make, and sends no trace context along', async () => {
    const sink = await startOtlpSink();
    const metrics = createMetrics({ processMetrics: false });
    const tracing = createTracing(
      {
        endpoint: sink.url,
        project: 'tests',
        serviceName: 's',
        serviceVersion: '1',
        instrumentations: ['undici'],
      },
      { metrics, logger: createLogger({ service: 's', level: 'error', pretty: false }) },
    );
    await tracing.started;
    await (await fetch(`${sink.url}/elsewhere`, { method: 'POST', body: 'x' })).text();
    const spans = await sink.waitFor((all) => all.some(({ attributes }) => attributes['url.path'] === '/elsewhere'));
    expect(spans).to.have.length(1);
    for (const length of [400_000, 400_000, 400_000, 2_000_000]) {
      trace.getTracer('large').startSpan('large').setAttribute('text', 'x'.repeat(length)).end();
    }
    await tracing.shutdown(5000);
    await sink.close();
    const sizes = sink.requests().map(({ bytes }) => bytes);
    expect(sizes.filter((bytes) => bytes > 1024 * 1024)).to.have.length(1);
    expect(sink.spans()).to.have.length(5);
    const asked = sink.requests().find(({ path }) => path === '/elsewhere');
    expect(asked?.headers).to.not.have.any.keys('traceparent', 'baggage');
    const { values } = await metrics.telemetrySpansTotal.get();
    expect(values.find(({ labels }) => labels.result === 'exported')?.value).to.equal(5);
  });
});
