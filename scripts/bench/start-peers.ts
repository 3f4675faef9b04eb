// Starts the peers that are asked for. One that cannot be started is missing and says why.
import { STARTERS } from './foreign-peers.ts';
import { type GatewaySurroundings, startGateway } from './gateway-peers.ts';
import type { MissingPeer, Peer } from './peer.ts';
import { isForeign, type PeerName } from './peer-list.ts';

export function startPeers(
  names: readonly PeerName[],
  around: GatewaySurroundings,
): Promise<Array<Peer | MissingPeer>> {
  return Promise.all(
    names.map((name) =>
      startPeer(name, around).catch((error: unknown) => ({
        name,
        problem: error instanceof Error ? error.message : String(error),
      })),
    ),
  );
}

async function startPeer(name: PeerName, around: GatewaySurroundings): Promise<Peer> {
  if (isForeign(name)) return STARTERS[name](around);
  if (name !== 'direct') return startGateway(name, around);
  return {
    ...{ name, pid: null, version: null, publishes: null, counters: async () => null },
    to: { port: around.upstreamPort, headers: {}, answers: 'bytes' },
  };
}
