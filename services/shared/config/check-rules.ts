// What is wrong with [[rules]] as a whole: names, where they lead, and rules that no request can reach. Pure.
import { ConfigError } from '#shared/errors.ts';
import type { Values } from './schema.ts';
import type { rule } from './sections/rules.ts';
import type { model, target } from './sections/upstreams.ts';

export interface RoutingSettings {
  readonly rules: ReadonlyArray<Values<typeof rule>>;
  readonly models: Readonly<Record<string, Values<typeof model>>>;
  readonly target: Values<typeof target>;
}

/** `where` names the place of a setting. Returns warnings. @throws ConfigError */
export function checkRules(settings: RoutingSettings, where: (path: string) => string): string[] {
  const { rules, models, target } = settings;
  const names = new Map<string, number>();
  const problems: string[] = [];
  for (const [index, { name, when, use }] of rules.entries()) {
    const complain = (what: string): void => {
      const called = name === '' ? `number ${index + 1}` : `"${name}"`;
      problems.push(`${where(`rules.${index}`)}: [[rules]] ${called}: ${what}`);
    };
    if (name === '') complain('name is missing: headers and logs call the rule by it');
    const first = names.get(name);
    if (name !== '' && first !== undefined)
      complain(`name = "${name}" is also that of number ${first}; give each its own`);
    names.set(name, index + 1);
    if (use === '') complain('use is missing: name a model or an alias');
    else if (findModel(use, models) === undefined) {
      const known = Object.keys(models);
      const hint = known.length === 0 ? '[models] has no entry' : `there are ${known.join(', ')}`;
      complain(`use = "${use}" is no entry of [models] and no alias of one; ${hint}`);
    }
    const next = rules[index + 1];
    if (next !== undefined && hasNoCondition(when)) {
      complain(
        `when has no condition, so that no request reaches "${next.name}"; move the rule to the end or give it one`,
      );
    }
  }
  if (problems.length > 0) throw new ConfigError(problems);
  if (rules.length > 0 && target.url !== null)
    return [`${where('rules')}: [[rules]] have no effect: target.url (--target-url) answers every request`];
  return rules.flatMap(({ name, when }, index) => {
    const before = rules.slice(0, index).find((earlier) => isMetWith(when, earlier.when));
    if (before === undefined) return [];
    const why = `whatever meets it has met "${before.name}" before; put it ahead of that one or take it out`;
    return [`${where(`rules.${index}`)}: [[rules]] "${name}" is never reached: ${why}`];
  });
}

type When = Values<typeof rule>['when'];

/** Does the first ask for all that the second asks for, or for more? */
function isMetWith(when: When, earlier: When): boolean {
  const asked = Object.keys(earlier) as Array<keyof When>;
  return asked.every((key) => earlier[key] === null || isWithin(when[key], earlier[key]));
}

type Wanted = When[keyof When];

function isWithin(wanted: Wanted, wider: Wanted): boolean {
  if (typeof wanted === 'number' && typeof wider === 'number') return wanted >= wider;
  if (Array.isArray(wanted) && Array.isArray(wider)) return wanted.every((one) => wider.includes(one));
  if (typeof wanted === 'string' && typeof wider === 'string') return isPatternWithin(wanted, wider);
  return wanted === wider;
}

/** Of patterns with more than one `*` only equal ones are known to be. */
function isPatternWithin(wanted: string, wider: string): boolean {
  const [start = '', end, ...more] = wider.split('*');
  if (end === undefined || more.length > 0) return wanted === wider;
  return wanted.length >= start.length + end.length && wanted.startsWith(start) && wanted.endsWith(end);
}

/** The [models] entry that the name is, or is an alias of. */
function findModel(name: string, models: RoutingSettings['models']): string | undefined {
  if (Object.hasOwn(models, name)) return name;
  return Object.keys(models).find((key) => models[key]?.aliases.includes(name));
}

function hasNoCondition(when: Readonly<Record<string, unknown>>): boolean {
  return Object.values(when).every((wanted) => wanted === null);
}
