// Which log lines are written: a level for all, and others for single parts of the process. Changed while it runs; every
// logger made with it follows at once.
import { GatewayError } from '#shared/errors.ts';

export const LOG_LEVELS = ['error', 'warn', 'info', 'debug'] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

/** What a line's `component` may be: whose part of the process wrote it. */
export const LOG_COMPONENTS = ['gateway', 'comparator', 'console', 'bus', 'control', 'store', 'tracing'] as const;
export type LogComponent = (typeof LOG_COMPONENTS)[number];

export interface LogSettings {
  readonly level: LogLevel;
  /** The components that have a level of their own. */
  readonly components: Readonly<Partial<Record<LogComponent, LogLevel>>>;
}

export interface LogLevels {
  admits(level: LogLevel, component: unknown): boolean;
  current(): LogSettings;
  set(settings: LogSettings): void;
  /**
   * The levels after a change, which are not set yet. What it does not name stays; a component that is null follows the
   * level of all again. @throws GatewayError 400 that names what is no level and no component
   */
  changed(change: Readonly<Record<string, unknown>>): LogSettings;
  /** Levels that were kept as JSON; null when it holds none. */
  parse(text: string): LogSettings | null;
}

const RANKS: Record<LogLevel, number> = { error: 0, warn: 1, info: 2, debug: 3 };

export function createLogLevels(initial: LogSettings): LogLevels {
  let settings = initial;
  let general = RANKS[initial.level];
  let ranks = ranksOf(initial);
  return {
    admits: (level, component) => RANKS[level] <= (ranks?.get(component) ?? general),
    current: () => settings,
    set: (next) => {
      settings = next;
      general = RANKS[next.level];
      ranks = ranksOf(next);
    },
    changed: (change) => applyChange(settings, change),
    parse: parseKept,
  };
}

function ranksOf({ components }: LogSettings): ReadonlyMap<unknown, number> | null {
  const entries = Object.entries(components);
  return entries.length === 0 ? null : new Map(entries.map(([name, level]) => [name, RANKS[level]]));
}

function applyChange(settings: LogSettings, change: Readonly<Record<string, unknown>>): LogSettings {
  const { level = settings.level, components = {}, ...rest } = change;
  const [unknown] = Object.keys(rest);
  if (unknown !== undefined) throw refuse(unknown, 'unknown; known are "level", "components"');
  if (!isLogLevel(level)) throw refuse('level', `must be one of ${quoted(LOG_LEVELS)}`);
  if (typeof components !== 'object' || components === null || Array.isArray(components))
    throw refuse('components', 'must be an object, a level by component');
  const next: Partial<Record<LogComponent, LogLevel>> = { ...settings.components };
  for (const [name, value] of Object.entries<unknown>({ ...components })) {
    if (!isLogComponent(name)) throw refuse(`components.${name}`, `known are ${quoted(LOG_COMPONENTS)}`);
    if (value === null) delete next[name];
    else if (isLogLevel(value)) next[name] = value;
    else throw refuse(`components.${name}`, `must be null or one of ${quoted(LOG_LEVELS)}`);
  }
  return { level, components: next };
}

function parseKept(text: string): LogSettings | null {
  try {
    const kept = JSON.parse(text) as Partial<LogSettings> | null;
    if (kept === null || !isLogLevel(kept.level)) return null;
    const components = Object.entries(kept.components ?? {}).filter(
      ([name, level]) => isLogComponent(name) && isLogLevel(level),
    );
    return { level: kept.level, components: Object.fromEntries(components) };
  } catch {
    return null; // what no version of this wrote counts as nothing kept
  }
}

function isLogLevel(value: unknown): value is LogLevel {
  return LOG_LEVELS.some((level) => level === value);
}

function isLogComponent(value: unknown): value is LogComponent {
  return LOG_COMPONENTS.some((component) => component === value);
}

const LONGEST_NAME = 60;

function refuse(field: string, why: string): GatewayError {
  return new GatewayError('invalid_request_error', `${field.slice(0, LONGEST_NAME)}: ${why}`);
}

function quoted(words: readonly string[]): string {
  return words.map((word) => JSON.stringify(word)).join(', ');
}
