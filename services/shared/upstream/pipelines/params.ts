// Parameters of steps: one constructor a kind of value, each with the sentence that refuses another.
import { isFields } from '#shared/providers/fields.ts';
import { headerComplaint } from '../constant-headers.ts';
import { parsePath, topName } from './json-path.ts';
import type { Param } from './step.ts';

function param(name: string, about: string, check: Param['check'], more: Partial<Param> = {}): Param {
  return { name, about, check, isRequired: true, isSecret: false, ...more };
}

export function optional(given: Param): Param {
  return { ...given, isRequired: false };
}

/** Members of a body that no step may write: which model is asked, and whether for a stream. */
export const DECIDED: ReadonlyMap<string, string> = new Map([
  ['model', 'is decided by models.<name>.upstream_name'],
  ['stream', 'is decided by the gateway'],
]);

export function path(about: string, { mayBeRoot = false } = {}): Param {
  return param('path', about, (value) => {
    const parsed = typeof value === 'string' ? parsePath(value) : null;
    if (parsed === null) return 'must be a path such as "$.metadata.user_id", "$.tools[0].name" or "$[\\"a b\\"][*]"';
    if (parsed.segments.length === 0 && !mayBeRoot) return 'must lead to a member, e.g. "$.service_tier"';
    const decided = DECIDED.get(topName(parsed) ?? '');
    return decided === undefined ? undefined : `must not be ${String(value)}, which ${decided}`;
  });
}

export function jsonValue(about: string): Param {
  return param('value', about, (value) =>
    isJson(value) ? undefined : 'must be text, a number, true, false, a list or a table',
  );
}

export function table(about: string): Param {
  return param('value', about, (value) =>
    isFields(value) && isJson(value) ? undefined : 'must be a table, e.g. { service_tier = "flex" }',
  );
}

/** TOML's dates are none of JSON's values. */
function isJson(value: unknown): boolean {
  if (typeof value === 'string' || typeof value === 'boolean') return true;
  if (typeof value === 'number') return Number.isFinite(value);
  if (Array.isArray(value)) return value.every(isJson);
  if (!isFields(value) || value instanceof Date) return false;
  return Object.entries(value).every(([name, member]) => name !== '__proto__' && isJson(member));
}

export function headerName(about: string): Param {
  return param('name', about, (value) =>
    typeof value === 'string' ? headerComplaint(value) : 'must be the name of a header, e.g. "x-team"',
  );
}

export function headerValue(about: string): Param {
  const isValue = (value: unknown): boolean =>
    typeof value === 'string' && /^[\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?$/.test(value);
  return param('value', about, (value) => (isValue(value) ? undefined : 'must be visible ASCII in one line'), {
    isSecret: true,
  });
}

export function whole(name: string, about: string, min: number, max: number): Param {
  return optional(
    param(name, about, (value) =>
      Number.isInteger(value) && Number(value) >= min && Number(value) <= max
        ? undefined
        : `must be a whole number from ${min} to ${max}`,
    ),
  );
}

export function choice(name: string, about: string, options: readonly string[]): Param {
  const names = options.map((option) => `"${option}"`).join(', ');
  return optional(
    param(name, about, (value) =>
      options.includes(String(value)) && typeof value === 'string' ? undefined : `must be one of ${names}`,
    ),
  );
}

export function choices(name: string, about: string, options: readonly string[]): Param {
  const names = options.map((option) => `"${option}"`).join(', ');
  const isSome = (value: unknown): boolean =>
    Array.isArray(value) && value.length > 0 && value.every((item) => options.includes(item as string));
  return optional(
    param(name, about, (value) => (isSome(value) ? undefined : `must be a list of one or more of ${names}`)),
  );
}
