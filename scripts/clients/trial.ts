// One client before one server in one scene: a simulator that answers as that server, the gateway in target mode before
// it, and a record of what each side saw.
import { randomBytes } from 'node:crypto';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type StartedAll, startAll } from '#services/cli/commands/start.ts';
import { anthropic } from '#services/simulator/protocols/anthropic.ts';
import { gemini } from '#services/simulator/protocols/gemini.ts';
import { ollama } from '#services/simulator/protocols/ollama.ts';
import { openaiChat } from '#services/simulator/protocols/openai-chat.ts';
import { openaiResponses } from '#services/simulator/protocols/openai-responses.ts';
import { searchEngines } from '#services/simulator/protocols/search-engines.ts';
import type { Scene as Answer } from '#services/simulator/script.ts';
import { createSimulator, type SeenRequest, type Simulator } from '#services/simulator/service.ts';
import { loadConfig } from '#shared/config/load.ts';
import { answerAside, type Scene, type Secrets, searchResults } from './scenes.ts';
import { startTap, type Tap } from './tap.ts';
import type { Upstream } from './upstreams.ts';

export interface Trial {
  /** What the client is given as its base URL. */
  url: string;
  /** The client's home and its working folder, where a.txt and b.txt are. */
  home: string;
  work: string;
  scene: Scene;
  secrets: Secrets;
  simulator: Simulator;
  tap: Tap;
  /** Status of each request that the simulator saw, by its number. */
  statuses: ReadonlyMap<number, number>;
  stop(): Promise<void>;
}

const PROTOCOLS = [openaiChat, openaiResponses, gemini, ollama, anthropic];

export async function startTrial(upstream: Upstream, scene: Scene): Promise<Trial> {
  const folder = mkdtempSync(join(tmpdir(), 'cc-proxy-client-'));
  const [home, work] = [join(folder, 'home'), join(folder, 'work')];
  for (const each of [home, work]) mkdirSync(each);
  const secrets = inventSecrets();
  writeFileSync(join(work, 'a.txt'), `The first word is ${secrets.fileA}\n`);
  writeFileSync(join(work, 'b.txt'), `The second word is ${secrets.fileB}\n`);

  const statuses = new Map<number, number>();
  const simulator = await startSimulator(statuses);
  simulator.use((request) => chooseAnswer(request, upstream, { scene, secrets, work }));
  const started = await startGateway(upstream.settings(simulator.url), simulator.url, folder);
  const tap = await startTap(started.gatewayUrl);
  const stop = async (): Promise<void> => {
    await tap.stop();
    await started.stop();
    await simulator.stop();
    rmSync(folder, { recursive: true, force: true });
  };
  return { url: tap.url, home, work, scene, secrets, simulator, tap, statuses, stop };
}

/** Words no prompt of a client's own holds. */
function inventSecrets(): Secrets {
  const word = (start: string): string => `${start}${randomBytes(5).toString('hex')}`;
  return { fileA: word('alder'), fileB: word('birch'), page: word('cedar'), summary: word('durian') };
}

function startSimulator(statuses: Map<number, number>): Promise<Simulator> {
  const ignore = (): void => undefined;
  const note = (event: string, fields: Record<string, unknown> = {}): void => {
    if (event === 'simulator.request') statuses.set(Number(fields.seq), Number(fields.status));
  };
  const logger = { debug: note, info: ignore, warn: ignore, error: ignore };
  return createSimulator({ listenAddress: '127.0.0.1:0', seed: 1, delayScale: 0, logger });
}

/** Asked where a provider cannot search the web itself. */
const ENGINE = 'tavily';

function startGateway(target: Record<string, unknown>, simulatorUrl: string, folder: string): Promise<StartedAll> {
  const anyPort = '127.0.0.1:0';
  const settings = Object.entries(target).map(([key, value]) => [`target.${key}`, value]);
  return startAll(
    loadConfig({
      env: { CC_LOG__LEVEL: 'error', HOME: folder },
      cwd: folder,
      flags: {
        default_mode: 'target',
        state_dir: join(folder, 'state'),
        ...Object.fromEntries(settings),
        'web_search.mode': 'emulate',
        'web_search.provider': ENGINE,
        'web_search.url': `${simulatorUrl}/search-engines/${ENGINE}`,
        'web_search.api_key': 'key-of-the-search',
        'server.listen_address': anyPort,
        'comparator.listen_address': anyPort,
        'console.listen_address': anyPort,
        'ops.listen_address': anyPort,
      },
    }),
  );
}

function chooseAnswer(
  request: SeenRequest,
  upstream: Upstream,
  { scene, secrets, work }: { scene: Scene; secrets: Secrets; work: string },
): Answer {
  if (isEngineRequest(request)) return searchResults(secrets);
  const protocol = PROTOCOLS.find((candidate) => candidate.claims(request.method, request.path));
  const ask = protocol?.readAsk(request);
  if (ask === undefined) return {};
  const asked = { ask, raw: request.raw.toString('utf8'), folder: work, secrets };
  return { ...(answerAside(asked) ?? scene.answer(asked)), ...upstream.manner(ask) };
}

/** A search engine was asked, by the gateway. */
export function isEngineRequest({ method, path }: SeenRequest): boolean {
  return searchEngines.claims(method, path);
}

/** Requests that a model was to answer, as the simulator has them. */
export function modelRequests({ simulator }: Trial): SeenRequest[] {
  return simulator.seen().filter(({ method, path }) => PROTOCOLS.some((protocol) => protocol.claims(method, path)));
}
