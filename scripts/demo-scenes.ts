// How the demo's first model answers: as the recording was answered, at the pace of a model and not of a test.
import { createRandom } from '#services/simulator/random.ts';
import { readAsk } from '#services/simulator/read-ask.ts';
import { SCENARIOS } from '#services/simulator/scenarios/index.ts';
import type { Scene, SceneSource } from '#services/simulator/service.ts';

/** Names the scene of a replayed request; the gateway passes it on to the primary, and to nobody else. */
export const DEMO_SCENE_HEADER = 'x-demo-scene';

export function createDemoScenes(seed: number): SceneSource {
  return (request): Scene | string => {
    const name = request.headers[DEMO_SCENE_HEADER];
    const ask = readAsk(request);
    const scenario = name === undefined ? undefined : SCENARIOS.get(name);
    if (!scenario || !ask) return 'agent';
    const random = createRandom('demo', seed, request.sha256);
    const delays = { headersMs: random.integer(15, 60), firstByteMs: random.integer(80, 350), betweenMs: 5 };
    return { delays, ...scenario(ask, { random, seed }) };
  };
}
