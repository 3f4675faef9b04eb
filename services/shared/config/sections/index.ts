// Every setting there is. Maps with free keys ([providers], [models], [prices], [tokens]) have one schema an entry.
import { choice, optionalText } from '../schema.ts';
import { compare, exchange } from './comparison.ts';
import { hook } from './hooks.ts';
import { cache, limits, price } from './limits.ts';
import { capture, log, redis, slo, store, tracing } from './observing.ts';
import { pipeline } from './pipelines.ts';
import { rule } from './rules.ts';
import { webSearch } from './search.ts';
import { admin, comparator, console, ops, server, simulator } from './server.ts';
import { token } from './tokens.ts';
import { model, passthrough, provider, target, upstream } from './upstreams.ts';

export const MODES = ['target', 'compare', 'anthropic-only'] as const;

export const topLevel = {
  default_mode: choice('Mode at the start.', MODES, 'target'),
  state_dir: optionalText('State folder; unset = $XDG_STATE_HOME/cc-proxy or ~/.local/state/cc-proxy.'),
};

export const SECTIONS = {
  server,
  upstream,
  target,
  passthrough,
  tracing,
  slo,
  log,
  admin,
  redis,
  store,
  ops,
  comparator,
  console,
  simulator,
  capture,
  compare,
  exchange,
  limits,
  cache,
  web_search: webSearch,
};

export const MAPS = { providers: provider, models: model, prices: price, pipelines: pipeline, tokens: token };

/** Tables in the order of the file, which is the only place for them: [[rules]], [[hooks]]. One schema an entry. */
export const LISTS = { rules: rule, hooks: hook };

/** Spellings of older files, and where the value belongs. */
export const ALIASES: ReadonlyArray<{ from: [string, string]; to: [string, string] }> = [
  { from: ['tracing', 'otlp_endpoint'], to: ['tracing', 'endpoint'] },
  { from: ['tracing', 'log_level'], to: ['log', 'level'] },
];
