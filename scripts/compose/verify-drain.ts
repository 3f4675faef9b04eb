// `docker compose stop` under running streams: each gets its last event, a new request is turned away, the exit code is 0.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { dig, poll, run } from './docker.ts';
import type { Report } from './report.ts';
import type { Stack } from './stack.ts';

const STREAMS = 8;
const EVENTS = 60;
const BETWEEN_MS = 250;

interface Open {
  isBegun: boolean;
  /** All that was received, once it has ended; the error where it broke. */
  ended: Promise<string>;
}

export async function verifyDrain(stack: Stack, report: Report): Promise<void> {
  const scene = {
    content: [{ type: 'text', text: 'word '.repeat(EVENTS) }],
    deltaChars: 5,
    delays: { betweenMs: BETWEEN_MS },
  };
  const order = stack.evaluate(
    'simulator-primary',
    `const r = await fetch('http://127.0.0.1:3090/__scene', { method: 'PUT', body: ${JSON.stringify(JSON.stringify({ scene }))} });
     if (!r.ok) throw new Error(await r.text());`,
  );
  if (order.stderr !== '') return report.check('slow streams can be played', [order.stderr]);
  const streams = Array.from({ length: STREAMS }, () => open(stack));
  const begun = await poll(30, 50, async () => (streams.every(({ isBegun }) => isBegun) ? true : null));
  const startedMs = Date.now();
  const stopping = stop(stack);
  const refused = await poll(10, 100, async () => ((await isRefused(stack)) ? true : null));
  const texts = await Promise.all(streams.map(({ ended }) => ended));
  const seconds = ((Date.now() - startedMs) / 1000).toFixed(1);
  await stopping;
  const broken = texts.filter((text) => !/\nevent: message_stop\n/.test(text)).map((text) => text.slice(-200));
  report.check(
    'streams that run are ended whole by `docker compose stop`',
    begun ? broken : ['the streams did not begin'],
    `${STREAMS} streams, the last ${seconds} s after the signal`,
  );
  report.check('meanwhile a new request is turned away', refused ? [] : ['it was taken']);
  const id = stack.compose('ps', '-aq', 'gateway').stdout.trim();
  const state: unknown = JSON.parse(run('docker', ['inspect', '--format', '{{json .State}}', id]).stdout);
  report.check('the gateway ends with 0', dig(state, 'ExitCode') === 0 ? [] : [`exit code ${dig(state, 'ExitCode')}`]);
}

/** Not by spawnSync: the streams have to be read meanwhile. */
async function stop(stack: Stack): Promise<void> {
  const id = stack.compose('ps', '-q', 'gateway').stdout.trim();
  await once(spawn('docker', ['stop', '--time', '60', id], { stdio: 'ignore' }), 'close');
}

function open(stack: Stack): Open {
  const stream: Open = { isBegun: false, ended: Promise.resolve('') };
  stream.ended = (async () => {
    const response = await post(stack);
    const decoder = new TextDecoder();
    let text = '';
    for await (const chunk of response.body ?? []) {
      text += decoder.decode(chunk, { stream: true });
      stream.isBegun ||= text.includes('content_block_delta');
    }
    return text;
  })().catch((error: unknown) => `broken: ${error instanceof Error ? `${error.message} ${error.cause}` : error}`);
  return stream;
}

async function isRefused(stack: Stack): Promise<boolean> {
  try {
    const response = await post(stack);
    await response.body?.cancel();
    return response.status === 529;
  } catch {
    // A listener that is closed refuses as well.
    return true;
  }
}

function post(stack: Stack): Promise<Response> {
  return fetch(`${stack.url('GATEWAY_PORT')}/v1/messages`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'anthropic-version': '2023-06-01', 'x-api-key': 'verify' },
    body: JSON.stringify({
      ...{ model: 'claude-sonnet-4-5', max_tokens: 1024, stream: true },
      messages: [{ role: 'user', content: 'Count slowly.' }],
    }),
  });
}
