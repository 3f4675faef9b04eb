// A process of its own: makes tracing for the endpoint it is given and prints what OpenTelemetry was imported for it here.
import { registerHooks } from 'node:module';
import type { Logger } from '#shared/telemetry/logger.ts';

const seen = new Set<string>();
registerHooks({
  resolve: (name, context, next) => {
    seen.add(name);
    return next(name, context);
  },
});
const { createTracing } = await import('#shared/telemetry/spans.ts');
const { createMetrics } = await import('#shared/telemetry/metrics.ts');
const quiet = (): void => {};
const logger: Logger = {
  debug: quiet,
  info: quiet,
  warn: quiet,
  error: (event, fields) => {
    throw new Error(event, { cause: fields?.error });
  },
};
const config = { endpoint: process.argv[2] ?? null, project: 'p', serviceName: 's', serviceVersion: '1' };
const tracing = createTracing(config, { metrics: createMetrics({ processMetrics: false }), logger });
await tracing.started;
await tracing.shutdown(100);
process.stdout.write(JSON.stringify([...seen].filter((name) => name.startsWith('@opentelemetry/'))));
