// The simulator's public face: starts it, and lets tests in the same process say what it plays and ask what it saw.
import type { AddressInfo } from 'node:net';
import type { RunningService } from '#shared/lifecycle.ts';
import { type SimulatorConfig, type SimulatorOptions, toSimulatorConfig } from './config.ts';
import { anthropic } from './protocols/anthropic.ts';
import { gemini } from './protocols/gemini.ts';
import { ollama } from './protocols/ollama.ts';
import { openaiChat } from './protocols/openai-chat.ts';
import { openaiResponses } from './protocols/openai-responses.ts';
import { searchEngines } from './protocols/search-engines.ts';
import { SCENARIOS } from './scenarios/index.ts';
import { SeenBook, type SeenRequest } from './seen.ts';
import { createSimulatorServer } from './server.ts';
import { type SceneSource, Stage } from './stage.ts';

export type { SimulatorOptions } from './config.ts';
export type { Scene } from './script.ts';
export type { SeenRequest } from './seen.ts';
export type { SceneSource } from './stage.ts';

export interface Simulator extends RunningService {
  /** Plays the scene from now on, or for the next `times` requests only. @throws on the name of no scene. */
  use(scene: SceneSource, times?: number): void;
  /** Requests since the last reset, oldest first; the control paths are not among them. */
  seen(): SeenRequest[];
  /** Resolves once the condition holds for what was seen. @throws after `timeoutMs` (15 s by default). */
  until(condition: (seen: SeenRequest[]) => boolean, timeoutMs?: number): Promise<SeenRequest[]>;
  /** As after the start: nothing seen, first scene, ids from the beginning. Open connections stay. */
  reset(): void;
  /** TCP connections accepted so far; a reset does not change it. */
  connections(): number;
}

const PROTOCOLS = [openaiChat, openaiResponses, gemini, ollama, anthropic, searchEngines];

/** Resolves when it listens. @throws when the address cannot be used or the first scene does not exist. */
export async function createSimulator(options: SimulatorOptions): Promise<Simulator> {
  const config = toSimulatorConfig(options);
  const stage = new Stage(SCENARIOS, config.defaultScene, config.seed);
  const seen = new SeenBook(config.keepSeen);
  const http = createSimulatorServer({ config, protocols: PROTOCOLS, stage, seen, logger: options.logger });
  const url = await listen(http.server, config);
  options.logger?.info('simulator.listening', { url, seed: config.seed });
  let stopped: Promise<void> | undefined;
  return {
    url,
    use: (scene, times) => stage.use(scene, times),
    seen: () => seen.list(),
    until: (condition, timeoutMs = 15_000) => seen.until(condition, timeoutMs),
    reset: () => {
      stage.reset();
      seen.reset();
    },
    connections: () => http.connections(),
    stop: () => {
      stopped ??= new Promise((resolve) => {
        http.server.close(() => resolve());
        http.abandon();
        http.server.closeAllConnections();
      });
      return stopped;
    },
  };
}

function listen(server: ReturnType<typeof createSimulatorServer>['server'], config: SimulatorConfig): Promise<string> {
  return new Promise((resolve, reject) => {
    const refuse = (error: Error): void =>
      reject(new Error(`the simulator cannot listen on ${config.host}:${config.port}`, { cause: error }));
    server.once('error', refuse);
    server.listen(config.port, config.host, () => {
      server.off('error', refuse);
      const { address, port, family } = server.address() as AddressInfo;
      resolve(`http://${family === 'IPv6' ? `[${address}]` : address}:${port}`);
    });
  });
}
