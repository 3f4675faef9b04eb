// `cc-proxy mode [name] [--reset]`: asks or switches a running gateway over its API.
import type { Config } from '#shared/config/load.ts';
import { isLoopback } from '#shared/config/schema.ts';
import { ConfigError } from '#shared/errors.ts';
import { findAdminToken } from '../parts.ts';

export interface ModeOptions {
  reset?: boolean;
  url?: string;
  token?: string;
}

/** @throws ConfigError with the gateway's own words when it refuses or is not there */
export async function runMode(name: string | undefined, options: ModeOptions, config: Config): Promise<void> {
  const base = options.url ?? `http://${config.server.listen_address.replace(/^(0\.0\.0\.0|\[::\])/, '127.0.0.1')}`;
  const token = options.token ?? tokenFor(options.url, config);
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

/** A token that `start` made is for the gateway of this machine; another one gets what the user gave for it. */
function tokenFor(url: string | undefined, config: Config): string | null {
  const found = findAdminToken(config);
  if (found === null || found.origin === 'configured') return found?.token ?? null;
  return url === undefined || isThisMachine(url) ? found.token : null;
}

function isThisMachine(url: string): boolean {
  return URL.canParse(url) && isLoopback(new URL(url).hostname.replace(/^\[|\]$/g, ''));
}
