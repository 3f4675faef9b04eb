// `cc-proxy mode [name] [--reset]`: asks or switches a running gateway over its API.
import type { Config } from '#shared/config/load.ts';
import { ConfigError } from '#shared/errors.ts';

export interface ModeOptions {
  reset?: boolean;
  url?: string;
  token?: string;
}

/** @throws ConfigError with the gateway's own words when it refuses or is not there */
export async function runMode(name: string | undefined, options: ModeOptions, config: Config): Promise<void> {
  const base = options.url ?? `http://${config.server.listen_address.replace(/^(0\.0\.0\.0|\[::\])/, '127.0.0.1')}`;
  const token = options.token ?? config.admin.token;
  const headers = { 'content-type': 'application/json', ...(token ? { authorization: `Bearer ${token}` } : {}) };
  const request = options.reset
    ? { method: 'DELETE' }
    : name === undefined
      ? { method: 'GET' }
      : { method: 'PUT', body: JSON.stringify({ mode: name }) };
  let answer: Response;
  try {
    answer = await fetch(`${base}/api/mode`, { ...request, headers });
  } catch (error) {
    throw new ConfigError(`no gateway answers at ${base}; is it running? (--url names another one)`, error);
  }
  const body = (await answer.json()) as {
    mode?: string;
    source?: string;
    warnings?: string[];
    error?: { message?: string };
  };
  if (!answer.ok) throw new ConfigError(body.error?.message ?? `the gateway answered ${answer.status}`);
  process.stdout.write(`${body.mode} (${body.source})\n`);
  for (const warning of body.warnings ?? []) process.stdout.write(`warning: ${warning}\n`);
}
