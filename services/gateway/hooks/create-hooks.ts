// [[hooks]] → what is done on the way of each request. A hook that is not configured is not called.
import type { IncomingHttpHeaders } from 'node:http';
import type { Config } from '#shared/config/load.ts';
import { ConfigError, createProblems } from '#shared/errors.ts';
import type { Target, Targets } from '#shared/providers/target.ts';
import { looksLikeCredential, ownHeader } from '#shared/upstream/credentials.ts';
import { type CaptureHeaders, createCaptureHeaders } from './capture-headers.ts';

export interface Hooks {
  /** null = none are captured. */
  readonly captureHeaders: CaptureHeaders | null;
}

const KNOWN = ['capture-headers'];

/** Without targets nobody's own key is known. @throws ConfigError that names every mistake */
export function createHooks(
  { hooks, placeOf }: Pick<Config, 'hooks' | 'placeOf'>,
  targets: Targets | null,
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

function secretHeaders(targets: Targets | null): (name: string) => string | null {
  const { forced = null, passthrough = null, models = new Map() } = targets ?? {};
  const all: Target[] = [forced, passthrough, ...models.values()].filter((target) => target !== null);
  return (name) => {
    if (looksLikeCredential(name)) return 'may hold a credential';
    const target = all.find(({ credential }) => ownHeader(credential) === name);
    return target === undefined ? null : `carries the key of ${target.provider}`;
  };
}
