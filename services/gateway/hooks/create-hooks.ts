// [[hooks]] → what is done on the way of each request. A hook that is not configured is not called.
import type { IncomingHttpHeaders } from 'node:http';
import type { Config } from '#shared/config/load.ts';
import { ConfigError, createProblems } from '#shared/errors.ts';
import type { Targets } from '#shared/providers/target.ts';
import { looksLikeCredential, ownHeader } from '#shared/upstream/credentials.ts';
import { type CaptureHeaders, createCaptureHeaders } from './capture-headers.ts';

export interface Hooks {
  /** null = none are captured. */
  readonly captureHeaders: CaptureHeaders | null;
}

const KNOWN = ['capture-headers'];

/** @throws ConfigError that names every mistake */
export function createHooks(
  { hooks, placeOf }: Pick<Config, 'hooks' | 'placeOf'>,
  targets: Targets,
  redact: (text: string) => string,
): Hooks {
  const problems = createProblems();
  const secretOf = secretHeaders(targets);
  const captures = hooks.flatMap((settings, index) => {
    const refuse = (what: string): never => {
      throw new ConfigError(`${placeOf(`hooks.${index}`)}: [[hooks]] number ${index + 1}: ${what}`);
    };
    const made = problems.attempt(() =>
      KNOWN.includes(settings.use)
        ? createCaptureHeaders(settings.headers, { secretOf, redact, refuse })
        : refuse(`use = "${settings.use}" is no hook; there is ${KNOWN.join(', ')}`),
    );
    return made ?? [];
  });
  problems.raiseAny();
  return { captureHeaders: captures.length === 0 ? null : (headers) => captureAll(captures, headers) };
}

function captureAll(captures: readonly CaptureHeaders[], headers: IncomingHttpHeaders): Record<string, string> | null {
  const kept = captures.map((capture) => capture(headers)).filter((found) => found !== null);
  return kept.length === 0 ? null : Object.assign({}, ...kept);
}

function secretHeaders({ forced, passthrough, models }: Targets): (name: string) => string | null {
  const all = [...(forced ? [forced] : []), passthrough, ...models.values()];
  return (name) => {
    if (looksLikeCredential(name)) return 'may hold a credential';
    const target = all.find(({ credential }) => ownHeader(credential) === name);
    return target === undefined ? null : `carries the key of ${target.provider}`;
  };
}
