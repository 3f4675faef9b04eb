// Credentials that change: does each source give one? Nothing of them is shown.
import type { Config } from '#shared/config/load.ts';
import { ConfigError, errorMessage } from '#shared/errors.ts';
import { tryTokens } from '../parts.ts';
import { type Finding, fault, good } from './finding.ts';

export async function checkTokens(config: Config): Promise<Finding[]> {
  try {
    const found = await tryTokens(config);
    return [...found].map(([name, trouble]) =>
      trouble === null
        ? good(`tokens.${name}: gives a value`)
        : fault(`tokens.${name}: gives none: ${trouble}`, `correct tokens.${name}, or log in where it is made`),
    );
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    return [fault(`tokens: ${errorMessage(error)}`, 'correct the setting it names')];
  }
}
