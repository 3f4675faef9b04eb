// One configuration out of four places: flag > environment > file > default; between the last two stand
// variables that other programs know too. The only reader of `process.env` beside the
// telemetry preload. Every mistake is a ConfigError that names the place, the key, the value and what to write instead.
import { existsSync, readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join, resolve } from 'node:path';
import convict from 'convict';
import { parse as parseToml, TomlError } from 'smol-toml';
import { ConfigError } from '#shared/errors.ts';
import { checkRules } from './check-rules.ts';
import { readForeignVariables } from './foreign-variables.ts';
import { keyAt, knownPaths, nearestOf, toPattern, toVariable } from './known-settings.ts';
import { checkPipelines, type ModelPattern, splitPatterns } from './model-patterns.ts';
import { readEnvironment } from './read-environment.ts';
import { isKey, type SectionSchema, type Values } from './schema.ts';
import { ALIASES, LISTS, MAPS, SECTIONS, topLevel } from './sections/index.ts';
import { assign, isTree, lookup, merge, nest, own, type Tree } from './tree.ts';

export { environmentNames } from './known-settings.ts';

type Sections = { readonly [S in keyof typeof SECTIONS]: Values<(typeof SECTIONS)[S]> };
type Maps = { readonly [M in keyof typeof MAPS]: Readonly<Record<string, Values<(typeof MAPS)[M]>>> };
type Lists = { readonly [L in keyof typeof LISTS]: ReadonlyArray<Values<(typeof LISTS)[L]>> };

export type Source = 'flag' | 'env' | 'file' | 'default';

export interface Config extends Values<typeof topLevel>, Sections, Maps, Lists {
  /** Launch flag only: not in the file, the environment or the API. */
  readonly allow_anthropic_only: boolean;
  readonly state_folder: string;
  /** The file that was read, null when there was none. */
  readonly file: string | null;
  readonly warnings: readonly string[];
  /** Where a value came from, by dotted path. */
  source(path: string): Source;
  /** What messages call that place: the path of the file, `environment`, `flags`. */
  placeOf(path: string): string;
  /** [models] whose names are patterns, in the order of the file; `models` holds the others. */
  readonly model_patterns: readonly ModelPattern[];
  /** The environment's value, for keys that name a variable (`env_key`). */
  environment(name: string): string | undefined;
}

export type ProviderConfig = Config['providers'][string];
export type ModelConfig = Config['models'][string];
export type RuleConfig = Config['rules'][number];
export type PriceConfig = Config['prices'][string];
export type TokenConfig = Config['tokens'][string];

export interface LoadOptions {
  env: Readonly<Record<string, string | undefined>>;
  cwd: string;
  /** Dotted path → value, e.g. `{ 'target.url': 'http://…' }`. */
  flags?: Readonly<Record<string, unknown>>;
  configPath?: string | undefined;
  allowAnthropicOnly?: boolean | undefined;
}

interface Layer {
  source: Source;
  /** How messages call it: a file path, `environment`, `flags`. */
  name: string;
  tree: Tree;
}

const FOREIGN = { source: 'env', name: 'environment' } as const;

/** The environment of this process and its folder. */
export function processEnvironment(): { env: NodeJS.ProcessEnv; cwd: string } {
  return { env: process.env, cwd: process.cwd() };
}

/** @throws ConfigError */
export function loadConfig(options: LoadOptions): Config {
  const warnings: string[] = [];
  const file = findFile(options);
  const layers: Layer[] = [
    { source: 'flag', name: 'flags', tree: nest(options.flags ?? {}) },
    { source: 'env', name: 'environment', tree: readEnvironment(options.env, warnings) },
  ];
  if (file !== null) layers.push({ source: 'file', name: file, tree: readFile(file) });
  for (const layer of layers) {
    applyAliases(layer);
    refuseUnknown(layer);
    leaveOutEmpty(layer.tree, []);
  }
  const isEndpointSet = layers.some(({ tree }) => lookup(tree, 'tracing.endpoint') !== undefined);
  layers.push({ ...FOREIGN, tree: readForeignVariables(options.env, isEndpointSet, warnings) });
  const merged = layers.reduceRight<unknown>((low, layer) => merge(low, layer.tree), {}) as Tree;
  const values = { ...validate(topLevel, pickScalars(merged), '', layers), ...validateSections(merged, layers) };
  const maps = {
    providers: validateMap('providers', merged, layers),
    models: validateMap('models', merged, layers),
    prices: validateMap('prices', merged, layers),
    tokens: validateMap('tokens', merged, layers),
    pipelines: validateMap('pipelines', merged, layers),
  };
  const top = values as unknown as Values<typeof topLevel> & Sections;
  const config = {
    ...top,
    ...maps,
    ...splitPatterns(maps.models, merged, (path) => nameOf(layers, path)),
    rules: readList('rules', layers),
    allow_anthropic_only: options.allowAnthropicOnly ?? false,
    state_folder: stateFolder(top.state_dir, options),
    file,
    warnings,
    source: (path: string) => layers.find((layer) => lookup(layer.tree, path) !== undefined)?.source ?? 'default',
    placeOf: (path: string) => nameOf(layers, path),
    environment: (name: string) => options.env[name],
  } as Config;
  crossCheck(config, layers);
  const where = (path: string): string => nameOf(layers, path);
  warnings.push(...checkRules(config, where));
  return Object.freeze(config);
}

function findFile({ env, cwd, configPath }: LoadOptions): string | null {
  const named = configPath ?? env.CC_PROXY_CONFIG;
  if (named) return resolve(cwd, named);
  const home = env.HOME ?? homedir();
  const places = [
    join(cwd, 'cc-proxy.toml'),
    join(env.XDG_CONFIG_HOME ?? join(home, '.config'), 'cc-proxy', 'cc-proxy.toml'),
  ];
  return places.find((place) => existsSync(place)) ?? null;
}

function readFile(path: string): Tree {
  let source: string;
  try {
    source = readFileSync(path, 'utf8');
  } catch (error) {
    throw new ConfigError(`${path}: the config file cannot be read; check --config and CC_PROXY_CONFIG`, error);
  }
  try {
    return parseToml(source) as Tree;
  } catch (error) {
    const where = error instanceof TomlError ? `:${error.line}:${error.column}` : '';
    // The parser's own text quotes the line, which may hold a secret: only its first line is kept.
    const what = error instanceof Error ? error.message.split('\n')[0] : 'not TOML';
    throw new ConfigError(`${path}${where}: ${what}`, error);
  }
}

function applyAliases(layer: Layer): void {
  for (const { from, to } of ALIASES) {
    const section = layer.tree[from[0]];
    if (!isTree(section) || section[from[1]] === undefined) continue;
    if (lookup(layer.tree, to.join('.')) === undefined) assign(layer.tree, to, section[from[1]]);
    delete section[from[1]];
  }
}

function refuseUnknown(layer: Layer): void {
  const known = knownPaths();
  const walk = (tree: Tree, path: string[]): void => {
    for (const [name, value] of Object.entries(tree)) {
      const here = [...path, name];
      if (name === '__proto__') throw new ConfigError(`${layer.name}: ${here.join('.')} is a name nothing can have`);
      if (keyAt(here) || (path.length === 0 && Object.hasOwn(LISTS, name))) continue;
      const pattern = toPattern(here);
      const isSection =
        known.some((candidate) => candidate.startsWith(`${pattern}.`)) ||
        (here.length === 1 && Object.hasOwn(MAPS, name));
      if (!isSection) {
        const nearest = nearestOf(pattern, known);
        const hint = nearest ? `; did you mean ${nearest}?` : '';
        throw new ConfigError(`${layer.name}: ${here.join('.')} is no setting${hint}`);
      }
      if (!isTree(value)) throw new ConfigError(`${layer.name}: ${here.join('.')} must be a table`);
      walk(value, here);
    }
  };
  walk(layer.tree, []);
}

/** An empty string says as little as none, where none is a value. */
function leaveOutEmpty(tree: Tree, path: string[]): void {
  for (const [name, value] of Object.entries(tree)) {
    const here = [...path, name];
    const key = keyAt(here);
    if (value === '' && key?.kind === 'string' && key.default === null) delete tree[name];
    else if (!key && isTree(value)) leaveOutEmpty(value, here);
  }
}

function pickScalars(tree: Tree): Tree {
  return Object.fromEntries(Object.entries(tree).filter(([name]) => Object.hasOwn(topLevel, name)));
}

function validateSections(merged: Tree, layers: Layer[]): Tree {
  const sections: Tree = {};
  for (const [name, schema] of Object.entries(SECTIONS)) {
    sections[name] = validate(schema, (own(merged, name) ?? {}) as Tree, `${name}.`, layers);
  }
  return sections;
}

function validateMap<M extends keyof Maps>(name: M, merged: Tree, layers: Layer[]): Maps[M] {
  const entries = Object.entries((own(merged, name) ?? {}) as Tree);
  const checked = entries.map(([entry, value]) => {
    if (!isTree(value))
      throw new ConfigError(`${nameOf(layers, `${name}.${entry}`)}: ${name}.${entry} must be a table`);
    return [entry, validate(MAPS[name], value, `${name}.${entry}.`, layers)];
  });
  return Object.fromEntries(checked) as Maps[M];
}

function readList<L extends keyof Lists>(name: L, layers: Layer[]): Lists[L] {
  const layer = layers.find(({ tree }) => own(tree, name) !== undefined);
  if (layer === undefined) return [];
  const entries = own(layer.tree, name);
  if (!Array.isArray(entries) || !entries.every(isTree)) {
    throw new ConfigError(`${layer.name}: ${name} must be a list of tables, each under [[${name}]]`);
  }
  const checked = entries.map((tree, index) => {
    const called = typeof tree.name === 'string' ? `"${tree.name}"` : `number ${index + 1}`;
    const entry = { ...layer, name: `${layer.name}: [[${name}]] ${called}`, tree };
    refuseUnknownIn(LISTS[name], entry.name, tree, '');
    return validate(LISTS[name], tree, '', [entry]);
  });
  return checked as unknown as Lists[L];
}

function refuseUnknownIn(schema: SectionSchema, where: string, tree: Tree, prefix: string): void {
  for (const [name, value] of Object.entries(tree)) {
    const node = own<SectionSchema[string]>(schema, name);
    if (node === undefined) {
      const known = Object.keys(schema).map((key) => `${prefix}${key}`);
      throw new ConfigError(`${where}: ${prefix}${name} is no setting; there are ${known.join(', ')}`);
    }
    if (isKey(node)) continue;
    if (!isTree(value)) throw new ConfigError(`${where}: ${prefix}${name} must be a table`);
    refuseUnknownIn(node, where, value, `${prefix}${name}.`);
  }
}

/** One convict instance a section, so that keys of maps may hold dots. */
function validate(schema: SectionSchema, values: Tree, prefix: string, layers: Layer[]): Tree {
  checkKeys(schema, values, prefix, layers);
  const section = convict(schema as convict.Schema<Tree>);
  section.load(withoutMaps(schema, values));
  section.validate({ allowed: 'strict' });
  return deepFreeze(withMaps(schema, section.getProperties(), values));
}

/** Convict takes a dot in a name of a map for a way further down. */
function withoutMaps(schema: SectionSchema, values: Tree): Tree {
  return Object.fromEntries(
    Object.entries(values).filter(([name]) => !isMap(own<SectionSchema[string]>(schema, name))),
  );
}

function withMaps(schema: SectionSchema, checked: Tree, values: Tree): Tree {
  const maps = Object.entries(values).filter(([name]) => isMap(own<SectionSchema[string]>(schema, name)));
  return { ...checked, ...Object.fromEntries(maps) };
}

function isMap(node: SectionSchema[string] | undefined): boolean {
  return node !== undefined && isKey(node) && node.kind === 'map';
}

/** Ahead of convict, whose own messages can name neither the file nor the remedy. */
function checkKeys(schema: SectionSchema, values: Tree, prefix: string, layers: Layer[]): void {
  for (const [name, node] of Object.entries(schema)) {
    const value = own(values, name);
    if (value === undefined) continue;
    if (!isKey(node)) {
      if (isTree(value)) checkKeys(node, value, `${prefix}${name}.`, layers);
      continue;
    }
    try {
      node.format(value);
    } catch (error) {
      const path = `${prefix}${name}`;
      // A step may hold the value of a header.
      const isSecret = node.sensitive || node.kind === 'steps' || /:\/\/([^/]*@|.*[?#])/.test(String(value));
      const shown = isSecret ? '(hidden)' : JSON.stringify(value);
      const why = error instanceof Error ? error.message : String(error);
      throw new ConfigError(`${nameOf(layers, path)}: ${describePath(path, layers)} = ${shown} ${why}`, error);
    }
  }
}

function nameOf(layers: Layer[], path: string): string {
  return layers.find((layer) => lookup(layer.tree, path) !== undefined)?.name ?? 'default';
}

function describePath(path: string, layers: Layer[]): string {
  const isEnv = layers.find((layer) => lookup(layer.tree, path) !== undefined)?.source === 'env';
  return isEnv ? toVariable(path) : path;
}

const RESERVED = ['primary', 'big', 'middle', 'small', 'default'];

function crossCheck(config: Config, layers: Layer[]): void {
  for (const [name, model] of Object.entries(config.models)) {
    const where = nameOf(layers, `models.${name}`);
    if (RESERVED.includes(name)) throw new ConfigError(`${where}: models.${name} is a reserved name; choose another`);
    if (!own(config.providers, model.provider)) {
      throw new ConfigError(`${where}: models.${name}.provider = "${model.provider}" is no entry of [providers]`);
    }
  }
  checkPipelines(config, (path) => nameOf(layers, path));
  for (const [name, provider] of Object.entries(config.providers)) {
    if (provider.base_url === '') {
      throw new ConfigError(`${nameOf(layers, `providers.${name}`)}: providers.${name}.base_url is missing`);
    }
  }
  for (const name of config.compare.also) {
    if (!own(config.models, name)) {
      throw new ConfigError(
        `${nameOf(layers, 'compare.also')}: compare.also names "${name}", which is no entry of [models]`,
      );
    }
  }
  if (config.default_mode === 'anthropic-only' && !config.allow_anthropic_only) {
    throw new ConfigError(
      `${nameOf(layers, 'default_mode')}: default_mode = "anthropic-only" needs the launch flag --allow-anthropic-only`,
    );
  }
  const { passthrough } = config;
  const { env_key, key_file, api_key, token } = passthrough;
  if (!passthrough.passthrough_auth && !env_key && !key_file && !api_key && !token) {
    throw new ConfigError(
      `${nameOf(layers, 'passthrough.passthrough_auth')}: passthrough_auth = false needs passthrough.env_key, the variable that holds the key, or passthrough.token`,
    );
  }
}

function stateFolder(configured: string | null, { env, cwd }: LoadOptions): string {
  if (configured) return resolve(cwd, configured);
  const home = env.HOME ?? homedir();
  return join(env.XDG_STATE_HOME ?? join(home, '.local', 'state'), 'cc-proxy');
}

function deepFreeze<T>(value: T): T {
  if (typeof value === 'object' && value !== null && !Object.isFrozen(value)) {
    Object.freeze(value);
    for (const child of Object.values(value)) deepFreeze(child);
  }
  return value;
}
