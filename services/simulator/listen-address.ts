// `host:port` as settings write it, IPv6 hosts in brackets.
import { ConfigError } from '#shared/errors.ts';

/** @throws ConfigError on anything but host and port. */
export function parseListenAddress(address: string): { host: string; port: number } {
  const match = /^(?:\[([^\]]+)\]|([^:]+)):(\d{1,5})$/.exec(address);
  const port = Number(match?.[3]);
  const host = match?.[1] ?? match?.[2];
  if (host === undefined || port > 65_535) {
    throw new ConfigError(`simulator listen address ${JSON.stringify(address)}: write host:port, e.g. 127.0.0.1:3090`);
  }
  return { host, port };
}
