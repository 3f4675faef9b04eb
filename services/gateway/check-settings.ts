// What the gateway would refuse of the settings when it starts, without starting anything.
import type { Config } from '#shared/config/load.ts';
import { createProblems } from '#shared/errors.ts';
import { createSearch } from '#shared/search/create-search.ts';
import { toGatewayConfig } from './config.ts';

/** @throws ConfigError */
export function checkGatewaySettings(config: Config): void {
  const problems = createProblems();
  problems.attempt(() => toGatewayConfig(config, null));
  problems.attempt(() => createSearch(config, { agentWith: () => problems.raise() }));
  problems.raiseAny();
}
