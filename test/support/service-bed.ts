// Gateway, comparator and console as processes over one Redis, one PostgreSQL and one trace receiver, between two
// simulated models.
import { createSimulator, type Simulator } from '#services/simulator/service.ts';
import { type OtlpSink, startOtlpSink } from './otlp-sink.ts';
import { startPostgres, type TestPostgres } from './postgres.ts';
import { startRedis, type TestRedis } from './redis.ts';
import { type ServiceCommand, type ServiceProcess, startService } from './service-process.ts';

export interface ServiceBed {
  redis: TestRedis;
  databaseUrl: string;
  sink: OtlpSink;
  passthrough: Simulator;
  target: Simulator;
  /** Starts one more process; it is ended with the bed. */
  start(command: ServiceCommand, env?: Record<string, string>, flags?: readonly string[]): Promise<ServiceProcess>;
  /** Everything that the processes wrote. */
  output(): string;
  stop(): Promise<void>;
}

export const TARGET = 'glm-5-fp8';

/** Skips the suite when there is no Redis or no PostgreSQL. @param env settings of every process */
export async function startServiceBed(context: Mocha.Context, env: Record<string, string> = {}): Promise<ServiceBed> {
  const redis = await startRedis(context, { onlyPrivate: true, settings: { appendonly: 'yes' } });
  const postgres = await startPostgres();
  if (typeof postgres === 'string') {
    console.warn(postgres);
    await redis.end();
    return context.skip();
  }
  const [sink, passthrough, target] = await Promise.all([
    startOtlpSink(),
    createSimulator({ listenAddress: '127.0.0.1:0', seed: 1 }),
    createSimulator({ listenAddress: '127.0.0.1:0', seed: 2 }),
  ]);
  const databaseUrl = await postgres.createDatabase();
  const shared = {
    CC_DEFAULT_MODE: 'compare',
    CC_REDIS__URL: redis.url,
    CC_STORE__URL: databaseUrl,
    CC_TRACING__ENDPOINT: sink.url,
    CC_PASSTHROUGH__URL: passthrough.url,
    CC_TARGET__URL: target.url,
    CC_TARGET__MODEL: TARGET,
    ...env,
  };
  const running: ServiceProcess[] = [];
  return {
    redis,
    databaseUrl,
    sink,
    passthrough,
    target,
    start: async (command, more = {}, flags = []) => {
      const service = await startService(command, { ...shared, ...more }, flags);
      running.push(service);
      return service;
    },
    output: () => running.map((service) => service.output()).join('\n'),
    stop: async () => {
      await Promise.all(running.map((service) => service.stop()));
      await Promise.all([sink.close(), passthrough.stop(), target.stop(), redis.end(), end(postgres)]);
    },
  };
}

function end(postgres: TestPostgres): Promise<void> {
  return postgres.stop();
}
