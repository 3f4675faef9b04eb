// What the gateway would refuse of the settings when it starts, without starting anything.
import type { Config } from '#shared/config/load.ts';
import { createProblems } from '#shared/errors.ts';
import { createSearch } from '#shared/search/create-search.ts';
import { createTargets } from '#shared/upstream/create-targets.ts';
import { toGatewayConfig } from './config.ts';
import { createHooks } from './hooks/create-hooks.ts';

/** @throws ConfigError */
export function checkGatewaySettings(config: Config): void {
  const problems = createProblems();
  problems.attempt(() => toGatewayConfig(config, null));
  problems.attempt(() => createSearch(config, { agentWith: () => problems.raise() }));
  const targets = problems.attempt(() => createTargets(config)) ?? null;
  problems.attempt(() => createHooks(config, targets, (text) => text));
  problems.raiseAny();
}
