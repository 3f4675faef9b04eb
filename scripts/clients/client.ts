// What every client under trial can do.
import type { SceneName } from './scenes.ts';
import type { Trial } from './trial.ts';

export interface ClientRun {
  /** 0 = it says that all went well; null = it was ended for taking too long. */
  code: number | null;
  /** What it said last. */
  output: string;
}

export interface Client {
  /** As `--only` takes it. */
  key: string;
  /** As the table shows it. */
  name: string;
  /** False for what the client has no part in. */
  plays(scene: SceneName): boolean;
  /** Installs what is missing. */
  prepare(): Promise<void>;
  run(trial: Trial, limitMs: number): Promise<ClientRun>;
}
