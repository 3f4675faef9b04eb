// How long the gateway takes from its start until it says that it is ready, and what it holds in memory then.
import type { CpuClock } from './cpu-clock.ts';
import { type GatewaySurroundings, startGateway } from './gateway-peers.ts';

export interface Start {
  readonly variant: 'target' | 'tracing';
  readonly readyMs: number;
  readonly idleMb: number;
}

export interface StartParts {
  readonly cpu: CpuClock;
  readonly around: GatewaySurroundings;
  onProgress(text: string): void;
}

/** Each variant so many times, in turn. */
export async function measureStarts(times: number, { cpu, around, onProgress }: StartParts): Promise<Start[]> {
  const starts: Start[] = [];
  for (let time = 1; time <= times; time++) {
    for (const variant of ['target', 'tracing'] as const) {
      onProgress(`start ${time} of ${times}: ${variant}`);
      const { pid, readyMs } = await startGateway(variant, around);
      await cpu.untilIdle(pid);
      starts.push({ variant, readyMs, idleMb: cpu.rssMb(pid) });
      await around.processes.stop(pid);
    }
  }
  return starts;
}
