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

/** What stands in place of the configured levels: what it leaves out is as configured, a null component follows `level`. */
export interface LogChange {
  readonly level?: LogLevel;
  readonly components?: Readonly<Partial<Record<LogComponent, LogLevel | null>>>;
}

export interface LogLevels {
  admits(level: LogLevel, component: unknown): boolean;
  current(): LogSettings;
  /** In place of the change before. */
  change(change: LogChange): void;
  /**
   * The change that a person asks for on top of one before. @throws GatewayError 400 that names what is no level and no
   * component
   */
  readChange(asked: Readonly<Record<string, unknown>>, before: LogChange): LogChange;
  /** A change that was kept as JSON; an empty one when it holds none. */
  parseChange(text: string): LogChange;
}

const RANKS: Record<LogLevel, number> = { error: 0, warn: 1, info: 2, debug: 3 };

export function createLogLevels(configured: LogSettings): LogLevels {
  let settings = configured;
  let general = RANKS[configured.level];
  let ranks = ranksOf(configured);
  return {
    admits: (level, component) => RANKS[level] <= (ranks?.get(component) ?? general),
    current: () => settings,
    change: (change) => {
      settings = applyChange(configured, change);
      general = RANKS[settings.level];
      ranks = ranksOf(settings);
    },
    readChange,
    parseChange,
  };
}

function ranksOf({ components }: LogSettings): ReadonlyMap<unknown, number> | null {
  const entries = Object.entries(components);
  return entries.length === 0 ? null : new Map(entries.map(([name, level]) => [name, RANKS[level]]));
}

function applyChange(configured: LogSettings, { level, components }: LogChange): LogSettings {
  const merged = Object.entries({ ...configured.components, ...components }).filter(([, own]) => own !== null);
  return { level: level ?? configured.level, components: Object.fromEntries(merged) };
}

function readChange(asked: Readonly<Record<string, unknown>>, before: LogChange): LogChange {
  const { level, components = {}, ...rest } = asked;
  const [unknown] = Object.keys(rest);
  if (unknown !== undefined) throw refuse(unknown, 'unknown; known are "level", "components"');
  if (level !== undefined && !isLogLevel(level)) throw refuse('level', `must be one of ${quoted(LOG_LEVELS)}`);
  if (typeof components !== 'object' || components === null || Array.isArray(components))
    throw refuse('components', 'must be an object, a level by component');
  const next: Partial<Record<LogComponent, LogLevel | null>> = { ...before.components };
  for (const [name, value] of Object.entries<unknown>({ ...components })) {
    if (!isLogComponent(name)) throw refuse(`components.${name}`, `known are ${quoted(LOG_COMPONENTS)}`);
    if (value !== null && !isLogLevel(value))
      throw refuse(`components.${name}`, `must be null or one of ${quoted(LOG_LEVELS)}`);
    next[name] = value;
  }
  const general = level ?? before.level;
  return { ...(general === undefined ? {} : { level: general }), components: next };
}

function parseChange(text: string): LogChange {
  try {
    return readChange(JSON.parse(text) as Record<string, unknown>, {});
  } catch {
    return {}; // what this version would not have written counts as nothing kept
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
