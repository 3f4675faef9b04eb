// Run in a pod while gateways are replaced: slow streams, one after another and many at a time, through the Service as a
// client takes it. Ends with 1 when one of them was not whole. Every connection is new, so that each pod gets its share.
import { Agent, request } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';

const { GATEWAY, SIMULATOR, SECONDS = '60', EVENTS = '40', BETWEEN_MS = '100' } = process.env;
const PAUSE_MS = 150;

const BODY = JSON.stringify({
  model: 'claude-sonnet-4-5',
  max_tokens: 1024,
  stream: true,
  messages: [{ role: 'user', content: 'Count slowly.' }],
});

/** @returns what was wrong with it, or nothing */
function readStream() {
  const headers = { 'content-type': 'application/json', 'anthropic-version': '2023-06-01', 'x-api-key': 'rollout' };
  return new Promise((resolve) => {
    const call = request(
      `${GATEWAY}/v1/messages`,
      { method: 'POST', headers, agent: new Agent() },
      async (response) => {
        let text = '';
        try {
          for await (const chunk of response.setEncoding('utf8')) text += chunk;
        } catch (error) {
          return resolve(`broke off: ${error.message}`);
        }
        const isWhole = response.statusCode === 200 && /\nevent: message_stop\n/.test(text);
        resolve(isWhole ? '' : `status ${response.statusCode}, ended with ${JSON.stringify(text.slice(-200))}`);
      },
    );
    call.once('error', (error) => resolve(`no answer: ${error.message}`));
    call.end(BODY);
  });
}

const content = [{ type: 'text', text: 'word '.repeat(Number(EVENTS)) }];
const scene = { content, deltaChars: 5, delays: { betweenMs: Number(BETWEEN_MS) } };
const order = await fetch(`${SIMULATOR}/__scene`, { method: 'PUT', body: JSON.stringify({ scene }) });
if (!order.ok) throw new Error(`${SIMULATOR}/__scene answered ${order.status}: ${await order.text()}`);

const streams = [];
for (const endMs = Date.now() + Number(SECONDS) * 1000; Date.now() < endMs; await sleep(PAUSE_MS)) {
  streams.push(readStream());
  if (streams.length === 1) console.log('streams are running');
}
const problems = (await Promise.all(streams)).filter((problem) => problem !== '');
for (const problem of problems.slice(0, 10)) console.log(problem);
console.log(`${streams.length} streams, ${problems.length} broken`);
process.exitCode = problems.length === 0 && streams.length > 0 ? 0 : 1;
