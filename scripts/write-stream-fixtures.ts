// Writes test/fixtures/<provider>/simulated/: what the simulator streams for the scenes named in `provider.json`, asked as
// the provider asks. Run it when a scene or the simulator changed: node --conditions=source scripts/write-stream-fixtures.ts,
// then UPDATE_FIXTURES=1 npx mocha test/providers.test.ts, and read the difference.
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { createSimulator, type Simulator } from '#services/simulator/service.ts';
import {
  askFor,
  loadProviderFixtures,
  type ProviderFixtures,
  simulatedName,
} from '../test/support/provider-fixtures.ts';

const ROOT = new URL('../test/fixtures/', import.meta.url);

async function main(): Promise<void> {
  const simulator = await createSimulator({ listenAddress: '127.0.0.1:0', seed: 1, delayScale: 0 });
  try {
    for (const fixtures of loadProviderFixtures()) {
      const folder = new URL(`${fixtures.type}/simulated/`, ROOT);
      rmSync(folder, { recursive: true, force: true });
      if (fixtures.scenes.length > 0) mkdirSync(folder, { recursive: true });
      for (const scene of fixtures.scenes) {
        const ending = fixtures.variants[0]?.provider.framing ?? 'sse';
        writeFileSync(new URL(`${simulatedName(scene)}.${ending}`, folder), await play(scene, fixtures, simulator));
      }
    }
  } finally {
    await simulator.stop();
  }
}

/** One after the other from the start of the simulator's random numbers: a scene does not change its neighbours. */
async function play(scene: string, fixtures: ProviderFixtures, simulator: Simulator): Promise<Buffer> {
  simulator.reset();
  simulator.use(scene);
  const { variant, request } = askFor(fixtures, simulatedName(scene));
  const { provider, target, model } = variant;
  const input = { target, model, modelAsked: request.model, sessionKey: null, inputTokens: 42 };
  const { path, headers, body } = provider.toUpstreamRequest(request, input);
  const pairs = headers.flatMap(
    (name, at): Array<[string, string]> => (at % 2 === 0 ? [[name, headers[at + 1] ?? '']] : []),
  );
  const url = simulator.url + new URL(target.baseUrl).pathname.replace(/\/$/, '') + path;
  const response = await fetch(url, { method: 'POST', headers: pairs, body });
  if (!response.ok) throw new Error(`${fixtures.type} ${scene}: status ${response.status} ${await response.text()}`);
  return Buffer.from(await response.arrayBuffer());
}

await main();
