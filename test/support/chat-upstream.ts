// An upstream that speaks Chat Completions and always answers the same: what was asked of it is what a test looks at.
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface ChatUpstream {
  url: string;
  /** Bodies of the requests, in order. */
  asked: Array<Record<string, unknown>>;
  stop(): Promise<void>;
}

export async function startChatUpstream(): Promise<ChatUpstream> {
  const asked: ChatUpstream['asked'] = [];
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      asked.push(JSON.parse(Buffer.concat(chunks).toString('utf8')) as Record<string, unknown>);
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      const base = { id: 'chatcmpl-1', object: 'chat.completion.chunk', created: 1, model: 'served' };
      for (const choice of [
        { index: 0, delta: { role: 'assistant', content: 'hello' }, finish_reason: null },
        { index: 0, delta: {}, finish_reason: 'stop' },
      ])
        response.write(`data: ${JSON.stringify({ ...base, choices: [choice] })}\n\n`);
      const usage = { prompt_tokens: 9, completion_tokens: 1, total_tokens: 10 };
      response.end(`data: ${JSON.stringify({ ...base, choices: [], usage })}\n\ndata: [DONE]\n\n`);
    });
  });
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    asked,
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
