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
    if (!value) {
      const what = isVariable(settings.env_key)
        ? `names ${settings.env_key}, which is not set in the environment`
        : '= (hidden) is no name of a variable; a key itself belongs into key_file, or into a variable named here';
      throw new ConfigError(`${config.placeOf(`${section}.env_key`)}: ${section}.env_key ${what}`);
    }
    return value;
  }
  if (settings.key_file) {
    try {
      return readFileSync(settings.key_file, 'utf8').trim();
    } catch (error) {
      const shown = isPath(settings.key_file) ? `"${settings.key_file}"` : '(hidden)';
      throw new ConfigError(
        `${config.placeOf(`${section}.key_file`)}: ${section}.key_file = ${shown} cannot be read; give the path of a file`,
        error,
      );
    }
  }
  return settings.api_key;
}

/** Some write the key itself where its name is wanted: what does not look like a name is not shown. */
function isVariable(text: string): boolean {
  return /^[A-Z_][A-Z0-9_]{0,63}$/.test(text);
}

function isPath(text: string): boolean {
  return /^[./~]/.test(text) && text.length < 256;
}
