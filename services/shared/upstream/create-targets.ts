// The configuration's targets, each with its key, ready to be called.
import type { Config, ModelConfig, ProviderConfig } from '#shared/config/load.ts';
import { ConfigError, createProblems, type Problems } from '#shared/errors.ts';
import { keepMade } from '#shared/made-once.ts';
import { findModelLimits } from '#shared/models/registry.ts';
import {
  DEFAULT_PROVIDER_TYPE,
  isProviderType,
  keyHeaderOf,
  NATIVE,
  profilesOf,
  providerTypes,
} from '#shared/providers/index.ts';
import type { Pipeline } from '#shared/providers/pipeline.ts';
import type { Credential, KeyHeader, RequestDefaults, Target, Targets, Timeouts } from '#shared/providers/target.ts';
import { least } from './limit-request.ts';
import { choosePipeline, constantHeaders, withPatterns } from './model-settings.ts';
import { createPipelines } from './pipelines/create-pipelines.ts';
import { type KeySettings, readKey } from './read-key.ts';
import { createTokenSources, type TokenSources } from './token-sources.ts';

/**
 * Without tokens given those that need one have none yet, which does for who only looks at them.
 * @throws ConfigError when a key file or variable is missing, a token is not for that host, or a name would mean two targets
 */
export function createTargets(config: Config, given?: TokenSources): Targets {
  const problems = createProblems();
  const tokens = given ?? problems.attempt(() => createTokenSources(config)) ?? noTokens(problems);
  const pipelines = problems.attempt(() => createPipelines(config)) ?? problems.raise();
  const parts = { config, tokens, pipelines };
  const models = Object.entries(config.models).flatMap(([name, model]) => {
    const target = problems.attempt(() => modelTarget(name, model, providerOf(name, model, config), parts));
    return target === undefined ? [] : [[name, keepMade(target)] as const];
  });
  const forced = problems.attempt(() => forcedTarget(parts)) ?? null;
  if (forced !== null) problems.attempt(() => refuseTwin(forced, config));
  const passthrough = problems.attempt(() => passthroughTarget(parts)) ?? problems.raise();
  problems.raiseAny();
  return { forced: forced && keepMade(forced), passthrough, models: new Map(models) };
}

/** Who needs none is looked at all the same. */
function noTokens({ raise }: Problems): TokenSources {
  return { find: raise, start: async () => {}, stop: () => {} };
}

function providerOf(name: string, model: ModelConfig, config: Config): ProviderConfig {
  const provider = config.providers[model.provider];
  if (!provider) throw new ConfigError(`models.${name}.provider = "${model.provider}" is no entry of [providers]`);
  return provider;
}

/** Pairs, spans and settings know a target by its name alone. */
function refuseTwin({ name }: Target, config: Config): void {
  if (!Object.hasOwn(config.models, name)) return;
  const whose = config.target.model === null ? 'the name of a target without target.model' : `target.model = "${name}"`;
  const place = config.placeOf(`models.${name}`);
  throw new ConfigError(
    `${place}: ${whose} is also the entry [models.${name}], which may lead elsewhere: rename one of them`,
  );
}

interface TargetParts {
  config: Config;
  tokens: TokenSources;
  pipelines: ReadonlyMap<string, Pipeline>;
}

function forcedTarget({ config, tokens, pipelines }: TargetParts): Target | null {
  const { target } = config;
  if (target.url === null) return null;
  const name = target.model ?? 'target';
  const credential = loadCredential('target', { ...target, url: target.url, provider: 'target' }, { config, tokens });
  const set = withPatterns([target.model], { pipeline: null, max_output: null }, config.model_patterns);
  return {
    name,
    provider: 'target',
    ...endpoint('target', target, target.url, config),
    seesImages: target.sees_images,
    defaults: { temperature: target.temperature, top_p: target.top_p, max_tokens: target.max_tokens },
    model: target.model,
    credential,
    headers: [],
    pipeline: choosePipeline(set.pipeline, pipelines, { path: 'target', credential, placeOf: config.placeOf }),
    timeouts: toTimeouts(target),
    maxConcurrent: target.max_concurrent,
    anthropicFeatures: target.anthropic_features ?? isAnthropic(target.url),
    propagatesTrace: target.propagate_trace_context === 'traceparent',
    aliases: [],
    displayName: name,
    ...limits(target.model, { context_window: null, max_output: set.max_output }, config),
  };
}

const NO_DEFAULTS: RequestDefaults = { temperature: null, top_p: null, max_tokens: null };

const PASSTHROUGH: EndpointSettings = {
  type: NATIVE,
  profile: null,
  vendor: null,
  api_version: null,
  deployment: null,
  vision: 'marker',
};

function passthroughTarget({ config, tokens }: TargetParts): Target {
  const { passthrough } = config;
  const own = (): Credential =>
    loadCredential('passthrough', { ...passthrough, type: NATIVE, provider: 'passthrough' }, { config, tokens });
  return {
    name: 'passthrough',
    provider: 'passthrough',
    ...endpoint('passthrough', PASSTHROUGH, passthrough.url, config),
    seesImages: null,
    defaults: NO_DEFAULTS,
    model: null,
    credential: passthrough.passthrough_auth ? clientCredential(passthrough.token === null ? null : own()) : own(),
    headers: [],
    pipeline: null,
    timeouts: toTimeouts(passthrough),
    maxConcurrent: passthrough.max_concurrent,
    anthropicFeatures: passthrough.anthropic_features ?? true,
    propagatesTrace: passthrough.propagate_trace_context === 'traceparent',
    aliases: [],
    displayName: 'passthrough',
    contextWindow: null,
    maxOutput: null,
  };
}

function clientCredential(spare: Credential | null): Credential {
  return spare?.kind === 'token' ? { kind: 'client', spare } : { kind: 'client' };
}

function modelTarget(name: string, model: ModelConfig, provider: ProviderConfig, parts: TargetParts): Target {
  const { config, tokens, pipelines } = parts;
  const set = withPatterns([name, model.upstream_name], model, config.model_patterns);
  const credential = loadCredential(
    `providers.${model.provider}`,
    { ...provider, url: provider.base_url, provider: model.provider },
    { config, tokens },
  );
  return {
    name,
    provider: model.provider,
    ...endpoint(`providers.${model.provider}`, provider, provider.base_url, config),
    seesImages: model.sees_images,
    defaults: NO_DEFAULTS,
    model: model.upstream_name ?? name,
    credential,
    headers: constantHeaders(model.provider, provider, credential, config.placeOf),
    pipeline: choosePipeline(set.pipeline ?? provider.pipeline, pipelines, {
      path: `providers.${model.provider}`,
      ...{ credential, placeOf: config.placeOf },
    }),
    timeouts: toTimeouts(provider),
    maxConcurrent: provider.max_concurrent,
    anthropicFeatures: provider.anthropic_features ?? isAnthropic(provider.base_url),
    propagatesTrace: provider.propagate_trace_context === 'traceparent',
    aliases: model.aliases,
    displayName: model.display_name ?? name,
    ...limits(model.upstream_name ?? name, { ...model, ...set }, config),
  };
}

/** As set, else as published; your own limit on output holds for all. */
function limits(
  model: string | null,
  set: Pick<ModelConfig, 'context_window' | 'max_output'>,
  config: Config,
): Pick<Target, 'contextWindow' | 'maxOutput'> {
  const known = model === null ? null : findModelLimits(model);
  return {
    contextWindow: set.context_window ?? known?.contextWindow ?? null,
    maxOutput: least(set.max_output ?? known?.maxOutput ?? null, config.limits.max_output_tokens),
  };
}

interface CredentialSettings extends KeySettings {
  token: string | null;
  auth_header: KeyHeader | null;
  type?: string | null;
  profile?: string | null;
  /** Whom the credential is for. */
  provider: string;
  url: string;
}

function loadCredential(
  section: string,
  settings: CredentialSettings,
  { config, tokens }: Pick<TargetParts, 'config' | 'tokens'>,
): Credential {
  if (settings.token !== null) return tokenCredential(section, settings, settings.token, { config, tokens });
  const secret = readKey(section, settings, config);
  if (secret === null) return { kind: 'none' };
  const header = settings.auth_header ?? keyHeaderOf(settings.type ?? DEFAULT_PROVIDER_TYPE, settings.profile);
  return { kind: 'key', header: header.toLowerCase(), secret };
}

function tokenCredential(
  section: string,
  { env_key, key_file, api_key, auth_header, url, provider }: CredentialSettings,
  name: string,
  { config, tokens }: Pick<TargetParts, 'config' | 'tokens'>,
): Credential {
  if (env_key || key_file || api_key) {
    const place = config.placeOf(`${section}.token`);
    throw new ConfigError(`${place}: ${section}.token and a key as well: leave out env_key, key_file and api_key`);
  }
  const source = tokens.find(name, url, section);
  return { kind: 'token', header: (auth_header ?? 'authorization').toLowerCase(), source, provider };
}

interface TimeoutSettings {
  connect_timeout_secs: number;
  first_byte_timeout_secs: number;
  timeout_secs: number;
  deadline_secs: number | null;
}

function toTimeouts(settings: TimeoutSettings): Timeouts {
  return {
    connectMs: settings.connect_timeout_secs * 1000,
    firstByteMs: settings.first_byte_timeout_secs * 1000,
    idleMs: settings.timeout_secs * 1000,
    deadlineMs: settings.deadline_secs === null ? null : settings.deadline_secs * 1000,
  };
}

interface EndpointSettings {
  type: string | null;
  profile: string | null;
  vendor: string | null;
  api_version: string | null;
  deployment: string | null;
  vision: 'marker' | 'strict';
}

type Endpoint = Pick<Target, 'type' | 'profile' | 'vendor' | 'apiVersion' | 'deployment' | 'vision' | 'baseUrl'>;

function endpoint(section: string, settings: EndpointSettings, url: string, { placeOf }: Config): Endpoint {
  const type = settings.type ?? DEFAULT_PROVIDER_TYPE;
  if (!isProviderType(type)) {
    const place = placeOf(`${section}.type`);
    throw new ConfigError(
      `${place}: ${section}.type = "${type}" is no protocol we speak: ${providerTypes().join(', ')}`,
    );
  }
  const { profile, vendor, api_version, deployment, vision } = settings;
  const profiles = profilesOf(type);
  if (profile !== null && !profiles.includes(profile)) {
    const known = profiles.length > 0 ? profiles.join(', ') : `"${type}" has none`;
    const place = placeOf(`${section}.profile`);
    throw new ConfigError(`${place}: ${section}.profile = "${profile}" is no profile we know: ${known}`);
  }
  return { type, profile, vendor, apiVersion: api_version, deployment, vision, baseUrl: toBaseUrl(url) };
}

function toBaseUrl(url: string): string {
  return new URL(url).href.replace(/\/+$/, '');
}

function isAnthropic(url: string): boolean {
  return new URL(url).hostname === 'api.anthropic.com';
}
