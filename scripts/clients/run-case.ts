// One cell of the table: a client before a server in a scene, from start to verdict.
import type { Client } from './client.ts';
import { judge, type Verdict } from './judge.ts';
import { SCENES, type SceneName } from './scenes.ts';
import { startTrial, type Trial } from './trial.ts';
import { findUpstream } from './upstreams.ts';

export interface Case {
  client: Client;
  provider: string;
  scene: SceneName;
}

export interface CaseResult extends Case {
  verdict: Verdict;
  output: string;
  tookMs: number;
}

export const CASE_LIMIT_MS = 30_000;

/** @param look is called before the trial is taken down */
export async function runCase(
  { client, provider, scene }: Case,
  look: (trial: Trial) => void = () => undefined,
): Promise<CaseResult> {
  const startedMs = performance.now();
  const trial = await startTrial(findUpstream(provider), SCENES[scene]);
  try {
    const run = await client.run(trial, CASE_LIMIT_MS);
    const verdict = judge(trial, run);
    look(trial);
    return { client, provider, scene, verdict, output: run.output, tookMs: performance.now() - startedMs };
  } finally {
    await trial.stop();
  }
}
