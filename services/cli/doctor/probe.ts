// Is a server there? Whatever it answers, it is.
import { connect } from 'node:net';

const WAIT_MS = 5000;

/** null = it answered; else why not. */
export async function probe(url: string): Promise<string | null> {
  try {
    const answer = await fetch(url, { redirect: 'manual', signal: AbortSignal.timeout(WAIT_MS) });
    await answer.body?.cancel();
    return null;
  } catch (error) {
    return reasonOf(error);
  }
}

/** The same for a server that speaks another protocol: that it takes the connection must do. */
export function probePort(host: string, port: number): Promise<string | null> {
  return new Promise((resolve) => {
    const socket = connect({ host, port, timeout: WAIT_MS });
    const end = (trouble: string | null): void => {
      socket.destroy();
      resolve(trouble);
    };
    socket.once('connect', () => end(null));
    socket.once('timeout', () => end('TimeoutError'));
    socket.once('error', (error) => end('code' in error ? String(error.code) : error.message));
  });
}

/** `fetch failed` says nothing; what lies under it does. */
export function reasonOf(error: unknown): string {
  const cause = error instanceof Error ? error.cause : undefined;
  if (cause instanceof Error) return 'code' in cause ? String(cause.code) : cause.message;
  return error instanceof Error ? error.name : String(error);
}
