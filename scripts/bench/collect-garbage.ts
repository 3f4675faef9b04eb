// Asks a process that was started with --inspect to collect all its garbage, so that what it holds can be told from what
// it has not yet let go of.

interface Inspected {
  webSocketDebuggerUrl: string;
}

/** @param port of its inspector */
export async function collectGarbage(port: number): Promise<void> {
  const [inspected] = (await (await fetch(`http://127.0.0.1:${port}/json/list`)).json()) as Inspected[];
  if (!inspected) throw new Error('the process cannot be inspected');
  const socket = new WebSocket(inspected.webSocketDebuggerUrl);
  const done = Promise.withResolvers<void>();
  socket.onopen = () => socket.send(JSON.stringify({ id: 1, method: 'HeapProfiler.collectGarbage' }));
  socket.onmessage = () => done.resolve();
  socket.onerror = () => done.reject(new Error('the inspector does not answer'));
  await done.promise;
  socket.close();
}
