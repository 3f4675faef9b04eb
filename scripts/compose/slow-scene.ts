// Slow streams: what the simulator behind the gateway plays, and a client that reads one to its end.
import { Agent, type IncomingMessage, request } from 'node:http';
import type { Stack } from './stack.ts';

/** Makes the simulator answer with as many events, so far apart. @returns what went wrong, or nothing */
export function playSlowly(stack: Stack, events: number, betweenMs: number): string {
  const content = [{ type: 'text', text: 'word '.repeat(events) }];
  const scene = JSON.stringify({ scene: { content, deltaChars: 5, delays: { betweenMs } } });
  return stack.evaluate(
    'simulator-primary',
    `const r = await fetch('http://127.0.0.1:3090/__scene', { method: 'PUT', body: ${JSON.stringify(scene)} });
     if (!r.ok) throw new Error(await r.text());`,
  ).stderr;
}

export interface SlowStream {
  isBegun: boolean;
  /** All that was received, once it has ended; what broke it otherwise. */
  ended: Promise<string>;
}

/** Asks for one stream, over a connection of its own. */
export function openSlowStream(url: string): SlowStream {
  const stream: SlowStream = { isBegun: false, ended: Promise.resolve('') };
  stream.ended = post(url)
    .then(async (response) => {
      let text = `${response.statusCode}\n`;
      for await (const chunk of response.setEncoding('utf8')) {
        text += chunk;
        stream.isBegun ||= text.includes('content_block_delta');
      }
      return text;
    })
    .catch((error: unknown) => `broken: ${error instanceof Error ? error.message : error}`);
  return stream;
}

export function isWhole(text: string): boolean {
  return text.startsWith('200\n') && /\nevent: message_stop\n/.test(text);
}

/** Whether a new request is turned away: by 529, or because nobody listens any more. */
export async function isRefused(url: string): Promise<boolean> {
  try {
    const response = await post(url);
    response.destroy();
    return response.statusCode === 529;
  } catch {
    // A listener that is closed refuses as well.
    return true;
  }
}

function post(url: string): Promise<IncomingMessage> {
  const body = JSON.stringify({
    ...{ model: 'claude-sonnet-4-5', max_tokens: 1024, stream: true },
    messages: [{ role: 'user', content: 'Count slowly.' }],
  });
  const headers = { 'content-type': 'application/json', 'anthropic-version': '2023-06-01', 'x-api-key': 'verify' };
  return new Promise((resolve, reject) => {
    request(`${url}/v1/messages`, { method: 'POST', headers, agent: new Agent({ keepAlive: false }) })
      .once('response', resolve)
      .once('error', reject)
      .end(body);
  });
}
