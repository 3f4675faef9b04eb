// Writes the rules of Prometheus from the objectives in the settings: npm run rules (a test fails until then). With
// `--config FILE --out FOLDER` the objectives of a file of your own make rules of your own.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { stringify } from 'yaml';
import { type Config, loadConfig, processEnvironment } from '#shared/config/load.ts';
import { alertGroups } from './rules/alerts.ts';
import { objectives } from './rules/objectives.ts';
import { RUNBOOKS, type RuleGroup } from './rules/rule.ts';
import { sloGroups } from './rules/slo-rules.ts';

const FOLDER = fileURLToPath(new URL('../deploy/prometheus/rules', import.meta.url));

/** File name → its text. @throws Error naming the setting that cannot be an objective */
export function ruleFiles(slo: Config['slo']): Map<string, string> {
  return new Map([
    ['cc-proxy-slo.yaml', text(sloGroups(objectives(slo)), slo.runbooks_url)],
    ['cc-proxy-alerts.yaml', text(alertGroups(), slo.runbooks_url)],
  ]);
}

function text(groups: RuleGroup[], runbooks: string): string {
  const yaml = stringify({ groups }, { lineWidth: 0, aliasDuplicateObjects: false }).replaceAll(RUNBOOKS, runbooks);
  return `# Made by npm run rules; change scripts/rules instead.\n${yaml}`;
}

if (import.meta.main) {
  const { values } = parseArgs({ options: { config: { type: 'string' }, out: { type: 'string', default: FOLDER } } });
  const { env, cwd } = processEnvironment();
  const config = loadConfig(
    values.config === undefined ? { env: {}, cwd: '/' } : { env, cwd, configPath: values.config },
  );
  for (const [name, content] of ruleFiles(config.slo)) writeFileSync(join(values.out, name), content);
}
