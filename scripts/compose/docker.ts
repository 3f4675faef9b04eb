// Calls of docker, and waiting for what it started.
import { spawnSync } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';

export interface Ran {
  ok: boolean;
  stdout: string;
  stderr: string;
}

export function run(program: string, args: readonly string[], env: Record<string, string> = {}): Ran {
  const done = spawnSync(program, args, {
    encoding: 'utf8',
    maxBuffer: 1 << 28,
    env: { ...process.env, DOCKER_BUILDKIT: '1', ...env },
  });
  return {
    ok: done.status === 0,
    stdout: done.stdout ?? '',
    stderr: (done.stderr ?? '') + (done.error ? `${done.error.message}\n` : ''),
  };
}

/** Asks until the answer is not null. @returns null when it never was */
export async function poll<Answer>(
  seconds: number,
  pauseMs: number,
  ask: () => Promise<Answer | null>,
): Promise<Answer | null> {
  const untilMs = Date.now() + seconds * 1000;
  for (;;) {
    const answer = await ask();
    if (answer !== null || Date.now() > untilMs) return answer;
    await sleep(pauseMs);
  }
}

/** The JSON at an address; null while nobody answers there, or not with 200. */
export async function getJson(url: string, headers: Record<string, string> = {}): Promise<unknown> {
  try {
    const response = await fetch(url, { headers });
    if (response.ok) return await response.json();
    await response.body?.cancel();
    return null;
  } catch (error) {
    // Not there yet is what the caller polls for; a page that is no JSON is a mistake of the caller.
    if (error instanceof SyntaxError) throw error;
    return null;
  }
}

/** A member some levels down; undefined where a level is missing. */
export function dig(value: unknown, ...path: ReadonlyArray<string | number>): unknown {
  return path.reduce<unknown>(
    (at, key) => (typeof at === 'object' && at !== null ? (at as Record<string | number, unknown>)[key] : undefined),
    value,
  );
}

export function listAt(value: unknown, ...path: ReadonlyArray<string | number>): unknown[] {
  const found = dig(value, ...path);
  return Array.isArray(found) ? found : [];
}
