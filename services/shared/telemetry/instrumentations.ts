// Automatic instrumentation as an allow-list: everything known is switched off by name, what the configuration lists is
// switched on with settings that keep prompts, commands and trace context at home. Loaded only when the list is not empty.
import { getNodeAutoInstrumentations } from '@opentelemetry/auto-instrumentations-node';
import { ConfigError } from '#shared/errors.ts';

type Settings = NonNullable<Parameters<typeof getNodeAutoInstrumentations>[0]>;
export type Instrumentation = ReturnType<typeof getNodeAutoInstrumentations>[number];

const PREFIX = '@opentelemetry/instrumentation-';
const OFF = { enabled: false } as const;

// Written out so that the compiler refuses a version of the package that knows more.
const ALL_OFF: { [Name in keyof Required<Settings>]: typeof OFF } = {
  '@opentelemetry/instrumentation-amqplib': OFF,
  '@opentelemetry/instrumentation-aws-lambda': OFF,
  '@opentelemetry/instrumentation-aws-sdk': OFF,
  '@opentelemetry/instrumentation-bunyan': OFF,
  '@opentelemetry/instrumentation-cassandra-driver': OFF,
  '@opentelemetry/instrumentation-connect': OFF,
  '@opentelemetry/instrumentation-cucumber': OFF,
  '@opentelemetry/instrumentation-dataloader': OFF,
  '@opentelemetry/instrumentation-dns': OFF,
  '@opentelemetry/instrumentation-express': OFF,
  '@opentelemetry/instrumentation-fs': OFF,
  '@opentelemetry/instrumentation-generic-pool': OFF,
  '@opentelemetry/instrumentation-graphql': OFF,
  '@opentelemetry/instrumentation-grpc': OFF,
  '@opentelemetry/instrumentation-hapi': OFF,
  '@opentelemetry/instrumentation-host-metrics': OFF,
  '@opentelemetry/instrumentation-http': OFF,
  '@opentelemetry/instrumentation-ioredis': OFF,
  '@opentelemetry/instrumentation-kafkajs': OFF,
  '@opentelemetry/instrumentation-knex': OFF,
  '@opentelemetry/instrumentation-koa': OFF,
  '@opentelemetry/instrumentation-lru-memoizer': OFF,
  '@opentelemetry/instrumentation-memcached': OFF,
  '@opentelemetry/instrumentation-mongodb': OFF,
  '@opentelemetry/instrumentation-mongoose': OFF,
  '@opentelemetry/instrumentation-mysql2': OFF,
  '@opentelemetry/instrumentation-mysql': OFF,
  '@opentelemetry/instrumentation-nestjs-core': OFF,
  '@opentelemetry/instrumentation-net': OFF,
  '@opentelemetry/instrumentation-openai': OFF,
  '@opentelemetry/instrumentation-oracledb': OFF,
  '@opentelemetry/instrumentation-pg': OFF,
  '@opentelemetry/instrumentation-pino': OFF,
  '@opentelemetry/instrumentation-redis': OFF,
  '@opentelemetry/instrumentation-restify': OFF,
  '@opentelemetry/instrumentation-router': OFF,
  '@opentelemetry/instrumentation-runtime-node': OFF,
  '@opentelemetry/instrumentation-socket.io': OFF,
  '@opentelemetry/instrumentation-tedious': OFF,
  '@opentelemetry/instrumentation-undici': OFF,
  '@opentelemetry/instrumentation-winston': OFF,
};

/** How some are switched on; the others get `{ enabled: true }`. */
const ON: Settings = {
  // An incoming span would become the root of every trace in the place of ours.
  '@opentelemetry/instrumentation-http': { enabled: true, disableIncomingRequestInstrumentation: true },
  // Without a parent, every read of an empty stream would be a trace; arguments hold entries and scripts.
  '@opentelemetry/instrumentation-redis': {
    enabled: true,
    requireParentSpan: true,
    dbStatementSerializer: (command) => command,
  },
  '@opentelemetry/instrumentation-ioredis': {
    enabled: true,
    requireParentSpan: true,
    dbStatementSerializer: (command) => command,
  },
  '@opentelemetry/instrumentation-winston': { enabled: true, disableLogSending: true },
};

/** @throws ConfigError for a name that is not known. */
export function createInstrumentations(names: readonly string[]): Instrumentation[] {
  const settings: Settings = { ...ALL_OFF };
  for (const name of names) {
    const full = `${PREFIX}${name.startsWith(PREFIX) ? name.slice(PREFIX.length) : name}`;
    if (!isKnown(full)) {
      const known = Object.keys(ALL_OFF).map((key) => key.slice(PREFIX.length));
      throw new ConfigError(
        `tracing.instrumentations has ${JSON.stringify(name)}; known names are ${known.join(', ')}`,
      );
    }
    Object.assign(settings, { [full]: ON[full] ?? { enabled: true } });
  }
  return getNodeAutoInstrumentations(settings);
}

function isKnown(name: string): name is keyof typeof ALL_OFF {
  return Object.hasOwn(ALL_OFF, name);
}
