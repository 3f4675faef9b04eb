// Where a request may go: provider, model and endpoint under one name. Built once from the configuration.
import { readFileSync } from 'node:fs';
import type { Config, ModelConfig, ProviderConfig } from '#shared/config/load.ts';
import { ConfigError } from '#shared/errors.ts';

/** What a target's host is given to know who calls. `client` = the caller's own credential travels on. */
export type Credential =
  | { kind: 'none' }
  | { kind: 'client' }
  | { kind: 'key'; header: 'x-api-key' | 'authorization'; secret: string };

export interface Timeouts {
  connectMs: number;
  /** To the answer's headers. */
  firstByteMs: number;
  /** Silence between two bytes of the answer. */
  idleMs: number;
  /** The whole answer; null = no limit. */
  deadlineMs: number | null;
}

export interface Target {
  /** The `[models]` key, else `--model`, else `target`. Pair ids, span ids and labels hold it. */
  readonly name: string;
  readonly provider: string;
  readonly type: 'anthropic';
  /** Without a trailing slash and without `/v1`. */
  readonly baseUrl: string;
  /** The name to send; null = the client's. */
  readonly model: string | null;
  readonly credential: Credential;
  readonly timeouts: Timeouts;
  readonly maxConcurrent: number;
  /** Top-level `safeguards` and `thread` may go there. */
  readonly anthropicFeatures: boolean;
  readonly aliases: readonly string[];
  readonly displayName: string;
  readonly contextWindow: number | null;
  readonly maxOutput: number | null;
}

export interface Targets {
  /** `--target-url`: answers every model name. */
  readonly forced: Target | null;
  readonly passthrough: Target;
  /** By `[models]` key, in the order of the file. */
  readonly models: ReadonlyMap<string, Target>;
}

/** @throws ConfigError when a key file or variable is missing */
export function createTargets(config: Config): Targets {
  const models = Object.entries(config.models).map(([name, model]) => {
    const provider = config.providers[model.provider];
    if (!provider) throw new ConfigError(`models.${name}.provider = "${model.provider}" is no entry of [providers]`);
    return [name, modelTarget(name, model, provider, config)] as const;
  });
  return { forced: forcedTarget(config), passthrough: passthroughTarget(config), models: new Map(models) };
}

/** The target of a name used by pairs and config: forced or one of the models. */
export function findTarget(targets: Targets, name: string): Target | undefined {
  return targets.models.get(name) ?? (targets.forced?.name === name ? targets.forced : undefined);
}

function forcedTarget(config: Config): Target | null {
  const { target } = config;
  if (target.url === null) return null;
  const name = target.model ?? 'target';
  return {
    name,
    provider: 'target',
    type: target.type,
    baseUrl: normaliseBaseUrl(target.url),
    model: target.model,
    credential: loadKey('target', target, config),
    timeouts: toTimeouts(target),
    maxConcurrent: target.max_concurrent,
    anthropicFeatures: target.anthropic_features ?? isAnthropic(target.url),
    aliases: [],
    displayName: name,
    contextWindow: null,
    maxOutput: null,
  };
}

function passthroughTarget(config: Config): Target {
  const { passthrough } = config;
  return {
    name: 'passthrough',
    provider: 'passthrough',
    type: 'anthropic',
    baseUrl: normaliseBaseUrl(passthrough.url),
    model: null,
    credential: passthrough.passthrough_auth ? { kind: 'client' } : loadKey('passthrough', passthrough, config),
    timeouts: toTimeouts(passthrough),
    maxConcurrent: passthrough.max_concurrent,
    anthropicFeatures: passthrough.anthropic_features ?? true,
    aliases: [],
    displayName: 'passthrough',
    contextWindow: null,
    maxOutput: null,
  };
}

function modelTarget(name: string, model: ModelConfig, provider: ProviderConfig, config: Config): Target {
  return {
    name,
    provider: model.provider,
    type: provider.type,
    baseUrl: normaliseBaseUrl(provider.base_url),
    model: model.upstream_name ?? name,
    credential: loadKey(`providers.${model.provider}`, provider, config),
    timeouts: toTimeouts(provider),
    maxConcurrent: provider.max_concurrent,
    anthropicFeatures: provider.anthropic_features ?? isAnthropic(provider.base_url),
    aliases: model.aliases,
    displayName: model.display_name ?? name,
    contextWindow: model.context_window,
    maxOutput: model.max_output,
  };
}

interface KeySettings {
  env_key: string | null;
  key_file: string | null;
  api_key: string | null;
  auth_header: 'x-api-key' | 'authorization';
}

function loadKey(section: string, settings: KeySettings, config: Config): Credential {
  const secret = readKey(section, settings, config);
  return secret === null ? { kind: 'none' } : { kind: 'key', header: settings.auth_header, secret };
}

function readKey(section: string, settings: KeySettings, config: Config): string | null {
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

function normaliseBaseUrl(url: string): string {
  return url.replace(/\/+$/, '').replace(/\/v1$/, '');
}

function isAnthropic(url: string): boolean {
  return new URL(url).hostname === 'api.anthropic.com';
}
