// Asks a process that was started with --inspect to collect all its garbage, and what it then holds: that can be told from
// what it has not yet let go of, and from what its allocator keeps of freed memory.

interface Inspected {
  webSocketDebuggerUrl: string;
}

/** @param port of its inspector */
export async function collectGarbage(port: number): Promise<void> {
  await ask(port, 'HeapProfiler.collectGarbage');
}

/** Objects of JavaScript and the buffers that belong to them. */
export async function readLiveMb(port: number): Promise<number> {
  const expression = '(({ heapUsed, external }) => heapUsed + external)(process.memoryUsage())';
  const { result } = (await ask(port, 'Runtime.evaluate', { expression })) as { result: { value: number } };
  return result.value / 1024 / 1024;
}

async function ask(port: number, method: string, params: object = {}): Promise<unknown> {
  const [inspected] = (await (await fetch(`http://127.0.0.1:${port}/json/list`)).json()) as Inspected[];
  if (!inspected) throw new Error('the process cannot be inspected');
  const socket = new WebSocket(inspected.webSocketDebuggerUrl);
  const answer = Promise.withResolvers<string>();
  socket.onopen = () => socket.send(JSON.stringify({ id: 1, method, params }));
  socket.onmessage = ({ data }) => answer.resolve(String(data));
  socket.onerror = () => answer.reject(new Error('the inspector does not answer'));
  const { result } = JSON.parse(await answer.promise) as { result: unknown };
  socket.close();
  return result;
}
