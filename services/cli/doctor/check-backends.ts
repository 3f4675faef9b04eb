// What the services keep things in and report to: Redis, the store, the collector. Nothing is written anywhere.
import { accessSync, constants, existsSync } from 'node:fs';
import { dirname, isAbsolute, join } from 'node:path';
import type { Config } from '#shared/config/load.ts';
import { errorMessage } from '#shared/errors.ts';
import type { ServiceLogger } from '#shared/telemetry/logger.ts';
import { parseOtlpEndpoint } from '#shared/telemetry/otlp-endpoint.ts';
import { createBus, createStore } from '../parts.ts';
import { type Finding, fault, good } from './finding.ts';
import { probe, probePort } from './probe.ts';

export async function checkBackends(config: Config, log: ServiceLogger): Promise<Finding[]> {
  return (await Promise.all([checkRedis(config, log), checkStore(config, log), checkCollector(config)])).flat();
}

async function checkRedis(config: Config, log: ServiceLogger): Promise<Finding[]> {
  if (config.redis.url === null) return [good('redis: none is configured; one process needs none')];
  const bus = await createBus(config, log);
  try {
    return [
      (await bus.healthy())
        ? good('redis: answers')
        : fault('redis: does not answer', 'start it, or correct redis.url (CC_REDIS__URL)'),
    ];
  } finally {
    await bus.close();
  }
}

async function checkStore(config: Config, log: ServiceLogger): Promise<Finding[]> {
  const file = /^sqlite:(.+)$/.exec(config.store.url)?.[1];
  if (file !== undefined) return [checkFile(isAbsolute(file) ? file : join(config.state_folder, file))];
  try {
    const store = await createStore(config, log);
    const isHealthy = await store.healthy();
    await store.close();
    return [isHealthy ? good('store: answers') : fault('store: does not answer', 'start it, or correct store.url')];
  } catch (error) {
    return [fault(`store: ${errorMessage(error)}`, 'correct store.url')];
  }
}

/** It is made at the first start: until then the nearest folder that exists has to let us. */
function checkFile(file: string): Finding {
  let place = file;
  while (!existsSync(place)) place = dirname(place);
  try {
    accessSync(place, constants.R_OK | constants.W_OK);
    return good(`store: ${file}`);
  } catch {
    return fault(`store: ${place} cannot be written`, 'give it to the user that runs cc-proxy, or set state_dir');
  }
}

async function checkCollector({ tracing }: Config): Promise<Finding[]> {
  if (tracing.endpoint === null) return [good('traces: none are wanted (tracing.endpoint is not set)')];
  const { protocol, url } = parseOtlpEndpoint(tracing.endpoint, tracing.protocol);
  const { host, hostname, port } = new URL(url);
  const trouble =
    protocol === 'grpc'
      ? await probePort(hostname.replace(/^\[|\]$/g, ''), Number(port || 443))
      : await probe(tracing.endpoint);
  return [
    trouble === null
      ? good(`traces: ${host} answers`)
      : fault(`traces: ${host} does not answer (${trouble})`, 'start the collector, or unset tracing.endpoint'),
  ];
}
