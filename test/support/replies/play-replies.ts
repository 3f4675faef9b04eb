// A server that plays replies byte for byte, in pieces that are read one by one, and what a leg makes of them.
import { once } from 'node:events';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import type { Dispatcher } from 'undici';
import type { ReplyHandler, UpstreamRequestOptions } from '#shared/upstream/upstream-agent.ts';

export interface Reply {
  /** Each is a read of its own, as far as a loopback connection goes. */
  pieces: Buffer[];
  /** What the server does after the last. */
  ending: 'keep' | 'close' | 'reset';
}

export interface Outcome {
  status: number;
  rawHeaders: string[];
  body: string;
  end: 'whole' | 'broken' | 'open';
}

/** Undici's dispatchers and ours. */
export interface Leg {
  dispatch(request: UpstreamRequestOptions, handler: ReplyHandler): unknown;
}

export interface ReplyPlayer {
  origin: string;
  /** What was sent to it, oldest first; for one leg at a time. */
  requests: Buffer[];
  /** How many connections were opened. */
  connections: number;
  /** Plays `reply` to a request over `leg`. */
  ask(leg: Leg, reply: Reply, request?: Partial<UpstreamRequestOptions>): Promise<Outcome>;
  stop(): Promise<void>;
}

/** A leg needs some turns of the loop to read what is there. */
const TURNS_AFTER = 12;
const HEAD_END = Buffer.from('\r\n\r\n');

export async function startReplyPlayer(): Promise<ReplyPlayer> {
  const replies = new Map<string, { reply: Reply; played: () => void }>();
  const playing = new Set<string>();
  const sockets = new Set<Socket>();
  let asked = 0;
  const server: Server = createServer({ noDelay: true }, (socket) => {
    player.connections++;
    sockets.add(socket);
    let seen = Buffer.alloc(0);
    socket.on('close', () => sockets.delete(socket));
    socket.on('error', () => socket.destroy());
    socket.on('data', (bytes) => {
      seen = Buffer.concat([seen, bytes]);
      const end = seen.indexOf(HEAD_END);
      const length = Number(/\r\ncontent-length: (\d+)/.exec(seen.toString('latin1', 0, end + 2))?.[1] ?? 0);
      if (end === -1 || seen.length < end + 4 + length) return;
      player.requests.push(seen);
      const path = seen.toString('latin1').split(' ')[1] ?? '';
      seen = Buffer.alloc(0);
      const wanted = replies.get(path);
      if (!wanted) return;
      playing.add(path);
      void play(socket, wanted.reply).then(wanted.played);
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const player: ReplyPlayer = {
    origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    requests: [],
    connections: 0,
    ask: async (leg, reply, request = {}) => {
      const path = `/${asked++}`;
      const outcome: Outcome = { status: 0, rawHeaders: [], body: '', end: 'open' };
      const played = new Promise<void>((resolve) => {
        replies.set(path, { reply, played: resolve });
      });
      let controller: Dispatcher.DispatchController | undefined;
      const ended = new Promise<void>((resolve) => {
        const full = { origin: player.origin, path, method: 'POST', headers: [], body: Buffer.from('{}') } as const;
        leg.dispatch(
          { ...full, headersTimeout: 0, bodyTimeout: 0, ...request, headers: request.headers ?? [] },
          {
            onRequestStart: (begun) => {
              controller = begun;
            },
            onResponseStart: (begun, status) => {
              outcome.status = status;
              outcome.rawHeaders = ((begun.rawHeaders ?? []) as Array<string | Buffer>).map((text) =>
                typeof text === 'string' ? text : text.toString('latin1'),
              );
            },
            onResponseData: (_controller, chunk) => {
              outcome.body += chunk.toString('latin1');
            },
            onResponseEnd: () => {
              outcome.end = 'whole';
              resolve();
            },
            onResponseError: () => {
              if (outcome.end === 'open') outcome.end = 'broken';
              resolve();
            },
          },
        );
      });
      await Promise.race([ended, played.then(() => turns(TURNS_AFTER))]);
      // What the server does after its reply is done before the next request.
      if (playing.delete(path)) await played;
      await turns(2);
      replies.delete(path);
      const seen = { ...outcome };
      if (outcome.end === 'open') controller?.abort(new Error('seen enough'));
      return seen;
    },
    stop: async () => {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };
  return player;
}

async function play(socket: Socket, { pieces, ending }: Reply): Promise<void> {
  for (const [index, piece] of pieces.entries()) {
    if (index > 0) await turns(2);
    if (socket.destroyed) return;
    socket.write(piece);
  }
  if (ending === 'keep') return;
  await turns(2);
  if (ending === 'close') socket.end();
  else socket.resetAndDestroy();
}

async function turns(count: number): Promise<void> {
  for (let turn = 0; turn < count; turn++) await new Promise((resolve) => setImmediate(resolve));
}
