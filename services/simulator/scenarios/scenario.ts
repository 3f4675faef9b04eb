// What a named scene is: a function of the request, so that one name can answer a whole conversation.
import type { Random } from '../random.ts';
import type { Ask } from '../read-ask.ts';
import type { Scene } from '../script.ts';

export interface ScenarioContext {
  /** Differs from request to request, repeats with the simulator's seed. */
  random: Random;
  /** The simulator's seed, for choices that must not depend on the order of requests. */
  seed: number;
}

export type Scenario = (ask: Ask, context: ScenarioContext) => Scene;
