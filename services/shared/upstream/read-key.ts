// A section's API key: out of a variable, out of a file, or as it stands there.
import { readFileSync } from 'node:fs';
import type { Config } from '#shared/config/load.ts';
import { ConfigError } from '#shared/errors.ts';

export interface KeySettings {
  env_key: string | null;
  key_file: string | null;
  api_key: string | null;
}

/** Null when the section names none. @throws ConfigError when the variable or the file is missing */
export function readKey(section: string, settings: KeySettings, config: Config): string | null {
  if (settings.env_key) {
    const value = config.environment(settings.env_key);
    if (!value)
      throw new ConfigError(`${section}.env_key names ${settings.env_key}, which is not set in the environment`);
    return value;
  }
  if (settings.key_file) {
    try {
      return readFileSync(settings.key_file, 'utf8').trim();
    } catch (error) {
      throw new ConfigError(`${section}.key_file = "${settings.key_file}" cannot be read`, error);
    }
  }
  return settings.api_key;
}
