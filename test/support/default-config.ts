// The configuration of someone who has written nothing.
import { type Config, loadConfig } from '#shared/config/load.ts';

export function defaultConfig(): Config {
  return loadConfig({ env: {}, cwd: '/' });
}
