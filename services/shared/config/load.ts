// One configuration out of four places: flag > environment > file > default; between the last two stand
// variables that other programs know too. The only reader of `process.env` beside the
// telemetry preload. A ConfigError tells every mistake: the place, the key, the value and what to write instead.
import { existsSync, readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join, resolve } from 'node:path';
import convict from 'convict';
import { parse as parseToml, TomlError } from 'smol-toml';
import { ConfigError, createProblems, errorMessage, type Problems } from '#shared/errors.ts';
import { checkRules } from './check-rules.ts';
import { readForeignVariables } from './foreign-variables.ts';
import { keyAt, knownPaths, nearestOf, toPattern, toVariable } from './known-settings.ts';
import { createLineFinder, type FindLine } from './line-finder.ts';
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
  /** The same for messages: the file with its line, `environment`, `flags` or `default`. */
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
  /** Of a file. */
  findLine?: FindLine;
}

const FOREIGN = { source: 'env', name: 'environment' } as const;

/** The environment of this process and its folder. */
export function processEnvironment(): { env: NodeJS.ProcessEnv; cwd: string } {
  return { env: process.env, cwd: process.cwd() };
}

/** @throws ConfigError */
export function loadConfig(options: LoadOptions): Config {
  const warnings: string[] = [];
  const problems = createProblems();
  const file = findFile(options);
  const layers: Layer[] = [
    { source: 'flag', name: 'flags', tree: nest(options.flags ?? {}) },
    { source: 'env', name: 'environment', tree: readEnvironment(options.env, warnings) },
  ];
  if (file !== null) layers.push(readFile(file));
  for (const layer of layers) {
    applyAliases(layer);
    refuseUnknown(layer, problems);
    leaveOutEmpty(layer.tree, []);
  }
  const isEndpointSet = layers.some(({ tree }) => lookup(tree, 'tracing.endpoint') !== undefined);
  layers.push({ ...FOREIGN, tree: readForeignVariables(options.env, isEndpointSet, warnings) });
  const merged = layers.reduceRight<unknown>((low, layer) => merge(low, layer.tree), {}) as Tree;
  const check: Checking = { layers, problems, place: (path) => nameOf(layers, path) };
  const values = { ...validate(topLevel, pickScalars(merged), '', check), ...validateSections(merged, check) };
  const maps = {
    providers: validateMap('providers', merged, check),
    models: validateMap('models', merged, check),
    prices: validateMap('prices', merged, check),
    tokens: validateMap('tokens', merged, check),
    pipelines: validateMap('pipelines', merged, check),
  };
  const lists = { rules: readList('rules', check), hooks: readList('hooks', check) };
  problems.raiseAny();
  const top = values as unknown as Values<typeof topLevel> & Sections;
  const config = {
    ...top,
    ...maps,
    ...splitPatterns(maps.models, merged, check.place),
    ...lists,
    allow_anthropic_only: options.allowAnthropicOnly ?? false,
    state_folder: stateFolder(top.state_dir, options),
    file,
    warnings,
    placeOf: check.place,
    source: (path: string) => layers.find((layer) => lookup(layer.tree, path) !== undefined)?.source ?? 'default',
    environment: (name: string) => options.env[name],
  } as Config;
  crossCheck(config, check);
  problems.attempt(() => checkPipelines(config, check.place));
  warnings.push(...(problems.attempt(() => checkRules(config, check.place)) ?? []));
  problems.raiseAny();
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

function readFile(path: string): Layer {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    throw new ConfigError(`${path}: the config file cannot be read; check --config and CC_PROXY_CONFIG`, error);
  }
  try {
    return { source: 'file', name: path, tree: parseToml(text) as Tree, findLine: createLineFinder(text) };
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

function refuseUnknown(layer: Layer, problems: Problems): void {
  const known = knownPaths();
  const walk = (tree: Tree, path: string[]): void => {
    for (const [name, value] of Object.entries(tree)) {
      const here = [...path, name];
      const complain = (what: string): void =>
        problems.keep(`${placeIn(layer, here.join('.'))}: ${here.join('.')} ${what}`);
      if (name === '__proto__') {
        complain('is a name nothing can have');
        continue;
      }
      if (keyAt(here) || (path.length === 0 && Object.hasOwn(LISTS, name))) continue;
      const pattern = toPattern(here);
      const isSection =
        known.some((candidate) => candidate.startsWith(`${pattern}.`)) ||
        (here.length === 1 && Object.hasOwn(MAPS, name));
      if (!isSection) {
        const nearest = nearestOf(pattern, known);
        const hint = nearest ? `; did you mean ${nearest}?` : '';
        complain(`is no setting${hint}`);
      } else if (isTree(value)) walk(value, here);
      else complain('must be a table');
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

interface Checking {
  layers: Layer[];
  problems: Problems;
  /** Where a setting stands, for a message. */
  place(path: string): string;
}

function validateSections(merged: Tree, check: Checking): Tree {
  const sections: Tree = {};
  for (const [name, schema] of Object.entries(SECTIONS)) {
    sections[name] = validate(schema, asTree(own(merged, name)), `${name}.`, check);
  }
  return sections;
}

/** What is no table was complained of when its names were looked at. */
function asTree(value: unknown): Tree {
  return isTree(value) ? value : {};
}

function validateMap<M extends keyof Maps>(name: M, merged: Tree, check: Checking): Maps[M] {
  const checked = Object.entries(asTree(own(merged, name))).map(([entry, value]) => {
    return [entry, validate(MAPS[name], asTree(value), `${name}.${entry}.`, check)];
  });
  return Object.fromEntries(checked) as Maps[M];
}

function readList<L extends keyof Lists>(name: L, { layers, problems }: Checking): Lists[L] {
  const layer = layers.find(({ tree }) => own(tree, name) !== undefined);
  if (layer === undefined) return [];
  const entries = own(layer.tree, name);
  if (!Array.isArray(entries) || !entries.every(isTree)) {
    problems.keep(`${placeIn(layer, name)}: ${name} must be a list of tables, each under [[${name}]]`);
    return [];
  }
  const checked = entries.map((tree, index) => {
    const called = typeof tree.name === 'string' ? `"${tree.name}"` : `number ${index + 1}`;
    const check: Checking = {
      layers: [{ ...layer, tree }],
      problems,
      place: (path) => `${placeIn(layer, `${name}.${index}.${path}`)}: [[${name}]] ${called}`,
    };
    refuseUnknownIn(LISTS[name], tree, '', check);
    return validate(LISTS[name], tree, '', check);
  });
  return checked as unknown as Lists[L];
}

function refuseUnknownIn(schema: SectionSchema, tree: Tree, prefix: string, { problems, ...check }: Checking): void {
  for (const [name, value] of Object.entries(tree)) {
    const node = own<SectionSchema[string]>(schema, name);
    const path = `${prefix}${name}`;
    if (node === undefined) {
      const known = Object.keys(schema).map((key) => `${prefix}${key}`);
      problems.keep(`${check.place(path)}: ${path} is no setting; there are ${known.join(', ')}`);
    } else if (!isKey(node)) {
      if (isTree(value)) refuseUnknownIn(node, value, `${path}.`, { problems, ...check });
      else problems.keep(`${check.place(path)}: ${path} must be a table`);
    }
  }
}

/** One convict instance a section, so that keys of maps may hold dots. Nothing is made of settings with a mistake. */
function validate(schema: SectionSchema, values: Tree, prefix: string, check: Checking): Tree {
  checkKeys(schema, values, prefix, check);
  if (check.problems.found().length > 0) return {};
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

/** URLs that hold more than an address, and keys that somebody wrote into another setting. */
const MAY_BE_SECRET = /:\/\/([^/]*@|.*[?#])|\b(?:sk-|gh[a-z]_|eyJ|AKIA|AIza|bearer )/i;

/** Ahead of convict, whose own messages can name neither the file nor the remedy. */
function checkKeys(schema: SectionSchema, values: Tree, prefix: string, check: Checking): void {
  for (const [name, node] of Object.entries(schema)) {
    const value = own(values, name);
    if (value === undefined) continue;
    const path = `${prefix}${name}`;
    if (!isKey(node)) {
      if (isTree(value)) checkKeys(node, value, `${path}.`, check);
      continue;
    }
    try {
      node.format(value);
    } catch (error) {
      // A step may hold the value of a header.
      const isSecret = node.sensitive || node.kind === 'steps' || MAY_BE_SECRET.test(String(value));
      const shown = isSecret ? '(hidden)' : JSON.stringify(value);
      check.problems.keep(
        `${check.place(path)}: ${describePath(path, check.layers)} = ${shown} ${errorMessage(error)}`,
      );
    }
  }
}

/** A file's name has the line behind it. */
function placeIn({ name, findLine }: Layer, path: string): string {
  const line = findLine?.((tree) => lookup(tree, path) !== undefined) ?? null;
  return line === null ? name : `${name}:${line}`;
}

function nameOf(layers: Layer[], path: string): string {
  const layer = layers.find(({ tree }) => lookup(tree, path) !== undefined);
  return layer === undefined ? 'default' : placeIn(layer, path);
}

function describePath(path: string, layers: Layer[]): string {
  const isEnv = layers.find((layer) => lookup(layer.tree, path) !== undefined)?.source === 'env';
  return isEnv ? toVariable(path) : path;
}

const RESERVED = ['primary', 'big', 'middle', 'small', 'default'];

function crossCheck(config: Config, { problems, place }: Checking): void {
  for (const [name, model] of Object.entries(config.models)) {
    const path = `models.${name}`;
    if (RESERVED.includes(name)) problems.keep(`${place(path)}: ${path} is a reserved name; choose another`);
    if (!own(config.providers, model.provider)) {
      problems.keep(`${place(path)}: ${path}.provider = "${model.provider}" is no entry of [providers]`);
    }
  }
  for (const [name, provider] of Object.entries(config.providers)) {
    if (provider.base_url === '') problems.keep(`${place(`providers.${name}`)}: providers.${name}.base_url is missing`);
  }
  for (const name of config.compare.also) {
    if (own(config.models, name)) continue;
    problems.keep(`${place('compare.also')}: compare.also names "${name}", which is no entry of [models]`);
  }
  if (config.default_mode === 'anthropic-only' && !config.allow_anthropic_only) {
    problems.keep(
      `${place('default_mode')}: default_mode = "anthropic-only" needs the launch flag --allow-anthropic-only`,
    );
  }
  const { env_key, key_file, api_key, token, passthrough_auth } = config.passthrough;
  if (!passthrough_auth && !env_key && !key_file && !api_key && !token) {
    problems.keep(
      `${place('passthrough.passthrough_auth')}: passthrough_auth = false needs passthrough.env_key, the variable that holds the key, or passthrough.token`,
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
