// Run by `helm test`: asks the services of a release as their clients do. Each check is one line; any that fails ends the
// pod with 1. Addresses come by variable, a service that is not there has none.
import { setTimeout as sleep } from 'node:timers/promises';

const { GATEWAY, GATEWAY_OPS, COMPARATOR_OPS, CONSOLE, CONSOLE_OPS, MODEL, ADMIN_TOKEN } = process.env;
const ATTEMPTS = Number(process.env.ATTEMPTS ?? 20);
const PAUSE_MS = 1000;

const expectStatus = (url, status) => async () => {
  const response = await fetch(url);
  await response.body?.cancel();
  if (response.status !== status) throw new Error(`${url} answered ${response.status}, not ${status}`);
};

const ready = (url) => async () => {
  const response = await fetch(`${url}/readyz`);
  const body = await response.text();
  if (!response.ok) throw new Error(`${url}/readyz answered ${response.status}: ${body.trim()}`);
};

/** A whole streamed turn, its last event included. */
async function askModel() {
  const response = await fetch(`${GATEWAY}/v1/messages`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'anthropic-version': '2023-06-01', 'x-api-key': 'helm-test' },
    body: JSON.stringify({
      model: MODEL,
      max_tokens: 64,
      stream: true,
      messages: [{ role: 'user', content: 'Say hello.' }],
    }),
  });
  const body = await response.text();
  if (!response.ok) throw new Error(`the gateway answered ${response.status}: ${body.slice(0, 300)}`);
  if (!/^event: message_stop$/m.test(body)) throw new Error('the stream ended without message_stop');
}

async function readMode() {
  const response = await fetch(`${GATEWAY}/api/mode`, { headers: { authorization: `Bearer ${ADMIN_TOKEN}` } });
  if (!response.ok) throw new Error(`/api/mode with the admin token answered ${response.status}`);
}

const checks = [
  ['the gateway is alive', expectStatus(`${GATEWAY_OPS}/healthz`, 200)],
  ['the gateway is ready', ready(GATEWAY_OPS)],
  ['clients are greeted', expectStatus(`${GATEWAY}/health`, 200)],
  ['the admin API refuses who has no token', expectStatus(`${GATEWAY}/api/mode`, 401)],
  ['the admin API knows its token', readMode],
  ...(MODEL ? [['a model streams a whole answer', askModel]] : []),
  ...(CONSOLE_OPS ? [['the console reaches Redis and the store, and the schema is there', ready(CONSOLE_OPS)]] : []),
  ...(CONSOLE ? [['the console refuses who has no token', expectStatus(`${CONSOLE}/api/history`, 401)]] : []),
  ...(COMPARATOR_OPS ? [['the comparator reaches Redis and the store', ready(COMPARATOR_OPS)]] : []),
];

let failed = 0;
for (const [name, check] of checks) {
  for (let attempt = 1; ; attempt++) {
    try {
      await check();
      console.log(`ok: ${name}`);
      break;
    } catch (error) {
      if (attempt < ATTEMPTS) {
        await sleep(PAUSE_MS);
        continue;
      }
      console.log(`FAILED: ${name}: ${error.cause?.message ?? error.message}`);
      failed++;
      break;
    }
  }
}
console.log(`${checks.length - failed} of ${checks.length} passed`);
process.exitCode = failed === 0 ? 0 : 1;
