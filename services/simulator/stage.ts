// Which scene plays next: the one a request names, else one ordered for a few requests, else the current one.
import type { Random } from './random.ts';
import type { Ask } from './read-ask.ts';
import type { Scenario } from './scenarios/scenario.ts';
import type { Scene } from './script.ts';
import type { SeenRequest } from './seen.ts';

/** A scene, the name of one, or a choice made anew for each request. */
export type SceneSource = Scene | string | ((request: SeenRequest) => Scene | string);

/** A scene was asked for that does not exist. */
export class InvalidSceneError extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'InvalidSceneError';
  }
}

export interface StagedScene {
  name: string;
  scene: Scene;
}

const SCENE_HEADER = 'x-simulator-scene';

export class Stage {
  readonly #scenarios: ReadonlyMap<string, Scenario>;
  readonly #first: SceneSource;
  readonly #seed: number;
  #current: SceneSource;
  #ordered: Array<{ source: SceneSource; left: number }> = [];

  /** @throws InvalidSceneError when `first` is the name of no scene. */
  constructor(scenarios: ReadonlyMap<string, Scenario>, first: SceneSource, seed: number) {
    this.#scenarios = scenarios;
    this.#seed = seed;
    this.#first = this.#checked(first);
    this.#current = this.#first;
  }

  /** From now on, or for the next `times` requests, after those that were ordered before. */
  use(source: SceneSource, times?: number): void {
    const checked = this.#checked(source);
    if (times === undefined) this.#current = checked;
    else if (times > 0) this.#ordered.push({ source: checked, left: times });
  }

  /** Back to the scene of the start. */
  reset(): void {
    this.#current = this.#first;
    this.#ordered = [];
  }

  /** The scene for a request that a model answers. Uses up one of the ordered ones. */
  sceneFor(request: SeenRequest, ask: Ask | undefined, random: Random): StagedScene {
    const named = request.headers[SCENE_HEADER];
    const source = named ?? this.#takeOrdered() ?? this.#current;
    return this.#resolve(source, request, ask, random);
  }

  /** The scene for any other path: one the request names, else one that plays on every path; undefined = none. */
  sceneElsewhere(request: SeenRequest, random: Random): StagedScene | undefined {
    const named = request.headers[SCENE_HEADER];
    if (named !== undefined) return this.#resolve(named, request, undefined, random);
    const next = this.#ordered[0]?.source ?? this.#current;
    if (typeof next !== 'object' || !next.everyPath) return undefined;
    return this.#resolve(this.#takeOrdered() ?? next, request, undefined, random);
  }

  describe(): Record<string, unknown> {
    const ordered = this.#ordered.map(({ source, left }) => ({ scene: nameOf(source), times: left }));
    return { scene: nameOf(this.#current), ordered, scenes: [...this.#scenarios.keys()] };
  }

  #takeOrdered(): SceneSource | undefined {
    const order = this.#ordered[0];
    if (!order) return undefined;
    order.left -= 1;
    if (order.left <= 0) this.#ordered.shift();
    return order.source;
  }

  #resolve(source: SceneSource, request: SeenRequest, ask: Ask | undefined, random: Random): StagedScene {
    const chosen = typeof source === 'function' ? source(request) : source;
    if (typeof chosen !== 'string') return { name: nameOf(chosen), scene: chosen };
    const scenario = this.#scenarios.get(chosen);
    if (!scenario) throw this.#unknown(chosen);
    return { name: chosen, scene: scenario(ask ?? NO_ASK, { random, seed: this.#seed }) };
  }

  #checked(source: SceneSource): SceneSource {
    if (typeof source === 'string' && !this.#scenarios.has(source)) throw this.#unknown(source);
    return source;
  }

  #unknown(name: string): InvalidSceneError {
    return new InvalidSceneError(
      `no scene ${JSON.stringify(name)}; there are ${[...this.#scenarios.keys()].join(', ')}`,
    );
  }
}

function nameOf(source: SceneSource): string {
  if (typeof source === 'string') return source;
  return typeof source === 'function' ? 'function' : (source.name ?? 'object');
}

/** What a named scene is told where a request is none that a model would answer. */
const NO_ASK: Ask = {
  model: '',
  stream: false,
  prompt: '',
  toolResults: [],
  tools: [],
  outputSchema: undefined,
  stopSequences: [],
  isClassifier: false,
  isSubagent: false,
  isLaterTurn: false,
  isNotified: false,
  hasSafeguards: false,
  marksCache: false,
};
