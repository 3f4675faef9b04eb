// `cc-proxy config check`: reads the settings as the start does and says what is wrong with them. Exit code 1 when
// something is; with --strict also when something could be better.
import type { Config } from '#shared/config/load.ts';
import { checkSettings } from '../check-settings.ts';

export interface ConfigCheckOptions {
  strict?: boolean;
}

export function runConfigCheck({ strict = false }: ConfigCheckOptions, load: () => Config): void {
  const { file, errors, warnings, notes } = checkSettings(load);
  const lines = [
    ...errors.map((error) => `error    ${error}`),
    ...warnings.map((warning) => `warning  ${warning}`),
    ...notes.map((note) => `note     ${note}`),
  ];
  const sum = `${file ?? 'settings'}: ${counted(errors.length, 'error')}, ${counted(warnings.length, 'warning')}`;
  process.stdout.write(`${[...lines, sum].join('\n')}\n`);
  process.exitCode = errors.length > 0 || (strict && warnings.length > 0) ? 1 : 0;
}

function counted(count: number, what: string): string {
  return `${count} ${what}${count === 1 ? '' : 's'}`;
}
