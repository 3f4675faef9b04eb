// What is wrong with the settings and what could be better, without starting anything: every mistake that a start would
// end with, and what a start would do without a word.
import { toComparatorConfig } from '#services/comparator/service.ts';
import { toConsoleConfig } from '#services/console/service.ts';
import { checkGatewaySettings } from '#services/gateway/service.ts';
import type { Config } from '#shared/config/load.ts';
import { createPriceList } from '#shared/cost/price-list.ts';
import { createProblems, errorMessage } from '#shared/errors.ts';
import { parseOtlpEndpoint } from '#shared/telemetry/otlp-endpoint.ts';
import { findAdminToken, refuseOpenGateway, requireTarget, type TargetView, viewTargets } from './parts.ts';

export interface SettingsReport {
  /** null when there is none, or it was not read. */
  file: string | null;
  errors: readonly string[];
  warnings: readonly string[];
  /** What is as it should be, and easily overlooked. */
  notes: readonly string[];
}

/** `cc-proxy start` makes an admin token where one is needed and none is set. */
const MADE_AT_START = 'made at the start';

export function checkSettings(load: () => Config): SettingsReport {
  const problems = createProblems();
  const config = problems.attempt(load);
  if (config === undefined) return { file: null, errors: problems.found(), warnings: [], notes: [] };
  const token = problems.attempt(() => findAdminToken(config)?.token) ?? MADE_AT_START;
  problems.attempt(() => refuseOpenGateway(config));
  problems.attempt(() => checkGatewaySettings(config));
  problems.attempt(() => toComparatorConfig(config, token));
  problems.attempt(() => toConsoleConfig(config, token));
  problems.attempt(
    () => config.tracing.endpoint && parseOtlpEndpoint(config.tracing.endpoint, config.tracing.protocol),
  );
  const targets = problems.attempt(() => viewTargets(config)) ?? [];
  const warnings = [
    ...config.warnings,
    ...missingTarget(config),
    ...literalKeys(config),
    ...passwordsInUrls(config),
    ...targets.flatMap((target) => unknownFigures(target, config)),
  ];
  const notes = targets.flatMap((target) => conversions(target, config));
  return { file: config.file, errors: problems.found(), warnings, notes };
}

/** One may still be named when it is started. */
function missingTarget(config: Config): string[] {
  try {
    requireTarget(config);
    return [];
  } catch (error) {
    return [errorMessage(error)];
  }
}

/** A file is copied, shown and kept in repositories; a variable's value is not. */
function literalKeys(config: Config): string[] {
  const sections = [
    'target',
    'passthrough',
    'web_search',
    ...Object.keys(config.providers).map((n) => `providers.${n}`),
  ];
  const keys = sections.map((section) => [
    `${section}.api_key`,
    `name a variable in ${section}.env_key or a file in ${section}.key_file`,
  ]);
  return [...keys, ['admin.token', 'name a file in admin.token_file, or set CC_ADMIN__TOKEN']].flatMap(
    ([path = '', fix]) =>
      config.source(path) === 'file' ? [`${config.placeOf(path)}: ${path} holds the key itself: ${fix}`] : [],
  );
}

function passwordsInUrls(config: Config): string[] {
  const urls = [
    ['redis.url', config.redis.url, 'CC_REDIS__URL'],
    ['store.url', config.store.url, 'CC_STORE__URL'],
  ] as const;
  return urls.flatMap(([path, url, variable]) => {
    const hasPassword = url !== null && URL.canParse(url) && new URL(url).password !== '';
    if (!hasPassword || config.source(path) !== 'file') return [];
    return [`${config.placeOf(path)}: ${path} holds a password: set ${variable} instead`];
  });
}

function conversions({ name, isForced, convertedBy }: TargetView, config: Config): string[] {
  const path = isForced ? 'target.model' : `models.${name}`;
  if (convertedBy === null) return [];
  return [`${config.placeOf(path)}: ${path}: pipeline "${convertedBy}" makes the native route a converted one`];
}

function unknownFigures({ name, model, isForced, contextWindow }: TargetView, config: Config): string[] {
  if (model === null) return [];
  const path = isForced ? 'target.model' : `models.${name}`;
  const place = `${config.placeOf(path)}: ${path}`;
  const isPriced = createPriceList(config.prices)(model) !== null;
  const window = isForced
    ? 'name the model under [models] with its context_window instead'
    : `set context_window of [models."${name}"]`;
  return [
    ...(isPriced ? [] : [`${place}: no price of "${model}" is known, and so no cost: set [prices."${model}"]`]),
    ...(contextWindow === null
      ? [`${place}: how much "${model}" takes in is not known, so that too long prompts are sent: ${window}`]
      : []),
  ];
}
