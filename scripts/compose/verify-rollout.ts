// What a rollout does to clients, with containers in place of pods: requests arrive all the while through one address; a
// second gateway becomes ready, the address leads to it a moment later, the first one waits as the chart's preStop does
// and is then told to stop. Every answer has to be whole.
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { poll, run } from './docker.ts';
import type { Report } from './report.ts';
import { isWhole, openSlowStream, playSlowly, type SlowStream } from './slow-scene.ts';
import type { Stack } from './stack.ts';
import { exitCodeOf, stopGateway } from './verify-drain.ts';

/** A stream takes four seconds: many are open at every moment of the rollout. */
const EVENTS = 40;
const BETWEEN_MS = 100;
const PAUSE_MS = 150;
/** How long a load balancer goes on sending to a pod that is to leave; less than the chart's preStop. */
const NOTICED_AFTER_MS = 3000;
const PRE_STOP_MS = 5000;

interface Gateway {
  id: string;
  address: string;
}

export async function verifyRollout(stack: Stack, report: Report): Promise<void> {
  const trouble = playSlowly(stack, EVENTS, BETWEEN_MS);
  if (trouble !== '') return report.check('slow streams can be played', [trouble]);
  const gateways: Gateway[] = [];
  const door = createDoor();
  try {
    const old = await startGateway(stack, gateways);
    const url = await door.open(old.address);
    const load = createLoad(url);
    await poll(30, 50, async () => (load.streams.some(({ isBegun }) => isBegun) ? true : null));
    const next = await startGateway(stack, gateways);
    const leavingMs = Date.now();
    await sleep(NOTICED_AFTER_MS);
    door.leadTo(next.address);
    await sleep(PRE_STOP_MS - (Date.now() - leavingMs));
    const openAtSignal = load.streams.length - load.endedCount();
    await stopGateway(old.id);
    await sleep(PRE_STOP_MS);
    const texts = await load.finish();
    const broken = texts.filter((text) => !isWhole(text)).map((text) => text.slice(-200));
    const note = `${texts.length} streams, ${openAtSignal} of them open at the signal`;
    report.check('a rollout breaks no stream', openAtSignal > 0 ? broken : ['none was open at the signal'], note);
    const code = exitCodeOf(old.id);
    report.check('and the gateway that left ends with 0', code === 0 ? [] : [`exit code ${code}`]);
  } finally {
    door.close();
    for (const { id } of gateways) run('docker', ['rm', '-f', '-v', id]);
  }
}

/** One more container of the service, reached by its own address. */
async function startGateway(stack: Stack, gateways: Gateway[]): Promise<Gateway> {
  const name = `${stack.project}-rollout-${gateways.length + 1}`;
  const started = stack.compose('run', '--detach', '--no-deps', '--name', name, 'gateway');
  if (!started.ok) throw new Error(`a second gateway did not start: ${started.stderr}`);
  const inspect = (format: string): string => run('docker', ['inspect', '--format', format, name]).stdout.trim();
  const gateway = {
    id: name,
    address: inspect(`{{(index .NetworkSettings.Networks "${stack.project}_edge").IPAddress}}`),
  };
  gateways.push(gateway);
  await poll(60, 200, async () => (inspect('{{.State.Health.Status}}') === 'healthy' ? true : null));
  return gateway;
}

/** A load balancer: a connection once made stays where it led. */
function createDoor(): { open(address: string): Promise<string>; leadTo(address: string): void; close(): void } {
  let to = '';
  const server: Server = createServer((client) => {
    const gateway = connect(3080, to);
    for (const [one, other] of [
      [client, gateway],
      [gateway, client],
    ] as const) {
      one.pipe(other);
      // The client of it sees a stream without its end, and that is counted.
      one.on('error', () => other.destroy());
    }
  });
  return {
    async open(address) {
      to = address;
      await once(server.listen(0, '127.0.0.1'), 'listening');
      return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    },
    leadTo(address) {
      to = address;
    },
    close: () => void server.close(),
  };
}

function createLoad(url: string): { streams: SlowStream[]; endedCount(): number; finish(): Promise<string[]> } {
  const streams: SlowStream[] = [];
  let ended = 0;
  const timer = setInterval(() => {
    const stream = openSlowStream(url);
    streams.push(stream);
    void stream.ended.then(() => ended++);
  }, PAUSE_MS);
  return {
    streams,
    endedCount: () => ended,
    finish() {
      clearInterval(timer);
      return Promise.all(streams.map((stream) => stream.ended));
    },
  };
}
