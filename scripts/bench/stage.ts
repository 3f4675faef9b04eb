// Generator and upstream together: whoever wants a load orders it here and gets back what the clients saw.
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import type { ClientView, GeneratorOrder } from './client-view.ts';
import type { Load } from './loads.ts';
import type { Peer } from './peer.ts';
import type { Processes } from './processes.ts';
import type { UpstreamOrder } from './upstream.ts';

export interface Stage {
  readonly upstreamPort: number;
  /** Sends a load to a peer for so long. */
  send(peer: Peer, load: Load, seconds: number): Promise<ClientView>;
  /** Opens so many streams, which stay silent once they have begun. */
  hold(peer: Peer, streams: number, requestBodyBytes: number): Promise<ClientView>;
  /** Lets the streams that are held end, and waits for it. */
  release(): Promise<ClientView>;
}

export async function createStage(processes: Processes): Promise<Stage> {
  const upstream = await processes.script('upstream.ts', [], 'beside');
  const generator = await processes.script('generator.ts', [], 'beside');
  const tellUpstream = (what: UpstreamOrder): Promise<unknown> => order(upstream.child, what);
  const tellGenerator = (what: GeneratorOrder): Promise<ClientView> =>
    order(generator.child, what) as Promise<ClientView>;
  let nextTurn = 1;
  const counted = (view: ClientView): ClientView => {
    nextTurn += view.sent;
    return view;
  };
  return {
    upstreamPort: upstream.port,
    send: async ({ to }, { name, answer }, seconds) => {
      await tellUpstream({ answer });
      return counted(await tellGenerator({ order: 'load', to, load: name, seconds, firstTurn: nextTurn }));
    },
    hold: async ({ to }, streams, requestBodyBytes) => {
      await tellUpstream({ answer: 'held' });
      const what = { order: 'hold', to, streams, answer: 'held', requestBodyBytes, firstTurn: nextTurn } as const;
      return counted(await tellGenerator(what));
    },
    release: async () => {
      const finished = tellGenerator({ order: 'finish' });
      await tellUpstream({ release: true });
      return finished;
    },
  };
}

async function order(child: ChildProcess, what: object): Promise<unknown> {
  const listening = new AbortController();
  const { signal } = listening;
  const answer = once(child, 'message', { signal });
  const gone = once(child, 'exit', { signal }).then(() => null);
  if (child.connected) child.send(what);
  const first = child.connected ? await Promise.race([answer, gone]) : null;
  for (const other of [answer, gone]) other.catch(() => {}); // what is aborted rejects
  listening.abort();
  if (first === null) throw new Error(`${child.spawnfile} ${child.spawnargs.at(-1) ?? ''} ended`);
  return first[0];
}
