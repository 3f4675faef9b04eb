// `cc-proxy simulator`: a model server that plays scenes, for demos, tests and benchmarks.
import { createSimulator } from '#services/simulator/service.ts';
import type { Config } from '#shared/config/load.ts';
import { untilSignalled } from '#shared/lifecycle.ts';
import { createLog } from '../parts.ts';

export async function runSimulator(config: Config): Promise<void> {
  const { listen_address, scene, seed } = config.simulator;
  const simulator = await createSimulator({
    listenAddress: listen_address,
    seed,
    ...(scene === null ? {} : { defaultScene: scene }),
    logger: createLog(config, 'cc-simulator'),
  });
  await untilSignalled();
  await simulator.stop();
}
