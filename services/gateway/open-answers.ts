// Which answers are under way, of whatever path, by connection: shutdown waits for them, and cuts what is left so that
// nobody takes it for whole.
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { GatewayError } from '#shared/errors.ts';

export interface OpenAnswers {
  readonly count: number;
  /** Ends each in the middle. */
  breakOff(): void;
}

export function watchAnswers(server: Server): OpenAnswers {
  // An answer that waits behind another one on its connection ends without an event of its own when that closes. In a list:
  // a set drags what passed through it into the old heap.
  const byConnection = new Map<Socket, ServerResponse[]>();
  server.on('connection', (socket: Socket) => {
    byConnection.set(socket, []);
    socket.once('close', () => byConnection.delete(socket));
  });
  server.on('request', (request: IncomingMessage, response: ServerResponse) => {
    const answers = byConnection.get(request.socket) ?? [];
    answers.push(response);
    response.once('close', () => answers.splice(answers.indexOf(response), 1));
  });
  return {
    get count() {
      let count = 0;
      for (const answers of byConnection.values()) count += answers.length;
      return count;
    },
    breakOff: () => {
      for (const answers of byConnection.values()) for (const response of [...answers]) breakOff(response);
    },
  };
}

/** Ends the connection in the middle of the answer. To a client of HTTP/1.0 an orderly close is an orderly end. */
export function breakOff(response: ServerResponse): void {
  const { req } = response;
  if (req.httpVersion === '1.0') req.socket.resetAndDestroy();
  else response.destroy();
}

/** @throws GatewayError 529 once shutdown has begun */
export function refuseWhileDraining(isDraining: boolean): void {
  if (!isDraining) return;
  throw new GatewayError('overloaded_error', 'the gateway is shutting down; send the request again', {
    headers: { 'retry-after': '1' },
    closeConnection: true,
  });
}
