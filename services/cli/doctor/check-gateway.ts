// The gateway itself: does it answer where its clients look for it, and do they look there?
import type { Config } from '#shared/config/load.ts';
import { gatewayUrl, listModels } from '../ask-gateway.ts';
import { type Finding, fault, good, note } from './finding.ts';

type Environment = Readonly<Record<string, string | undefined>>;

export async function checkGateway(config: Config, env: Environment): Promise<Finding[]> {
  const url = gatewayUrl(config);
  const models = await listModels(url);
  const port =
    models === null
      ? fault(
          `gateway: nothing of ours answers at ${url}`,
          'start it: cc-proxy start (or name its server.listen_address)',
        )
      : good(`gateway: answers at ${url}`);
  return [port, ...checkClient(url, env)];
}

/** The variables of the shell that the doctor was started from, as a client started there would have them. */
function checkClient(url: string, { ANTHROPIC_BASE_URL: set }: Environment): Finding[] {
  if (!set) return [note(`client: ANTHROPIC_BASE_URL is not set`, `start the client with: cc-proxy run claude`)];
  if (/\/v1\/?$/.test(set)) {
    return [
      fault(`client: ANTHROPIC_BASE_URL ends in /v1, and clients put /v1 behind it`, `ANTHROPIC_BASE_URL=${url}`),
    ];
  }
  const isHere = set.replace(/\/+$/, '').replace('//localhost:', '//127.0.0.1:') === url;
  return [
    isHere
      ? good('client: ANTHROPIC_BASE_URL leads here')
      : note(`client: ANTHROPIC_BASE_URL leads elsewhere`, `ANTHROPIC_BASE_URL=${url}`),
  ];
}
