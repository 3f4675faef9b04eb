// `cc-proxy doctor`: looks at everything a request needs on its way, one line each with what to do about it. Exit code 1
// when something does not work; what could be better alone is no reason.
import { type Config, processEnvironment } from '#shared/config/load.ts';
import { ConfigError } from '#shared/errors.ts';
import { checkBackends } from '../doctor/check-backends.ts';
import { checkGateway } from '../doctor/check-gateway.ts';
import { checkProviders } from '../doctor/check-providers.ts';
import { checkTokens } from '../doctor/check-tokens.ts';
import { type Finding, fault, good, note, toLine } from '../doctor/finding.ts';
import { createLog } from '../parts.ts';

export async function runDoctor(load: () => Config): Promise<void> {
  const findings = await examine(load);
  for (const finding of findings) process.stdout.write(`${toLine(finding)}\n`);
  const faults = findings.filter(({ level }) => level === 'fault').length;
  process.stdout.write(faults === 0 ? 'nothing is wrong\n' : `${faults} to mend\n`);
  process.exitCode = faults === 0 ? 0 : 1;
}

async function examine(load: () => Config): Promise<Finding[]> {
  let config: Config;
  try {
    config = load();
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    const fix = 'correct it; docs/configuration.md lists every setting';
    return error.problems.map((problem) => fault(`config: ${problem}`, fix));
  }
  const { env } = processEnvironment();
  const settings = [
    good(`config: ${config.file ?? 'no file, flags and environment alone'}`),
    ...config.warnings.map((warning) => note(`config: ${warning}`, 'correct it')),
  ];
  // Troubles of the adapters are told as findings.
  const log = createLog({ ...config, warnings: [], log: { ...config.log, level: 'error' } }, 'doctor');
  const found = await Promise.all([
    checkGateway(config, env),
    checkProviders(config),
    checkTokens(config),
    checkBackends(config, log),
  ]);
  return [...settings, ...found.flat()];
}
