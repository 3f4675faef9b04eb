// One-shot service of docker-compose.yml: sends the turns of a few short coding sessions through the gateway, as a client
// does, so that there are pairs to look at. Once only, which the file MARK says; with SESSIONS_PER_MINUTE without end.
// Sends nothing when an upstream is not simulated: turns that nobody asked for cost money there.
import { randomUUID } from 'node:crypto';
import { existsSync, writeFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';

const { GATEWAY = 'http://127.0.0.1:3080', UPSTREAMS = '', MARK = '', SESSIONS_PER_MINUTE } = process.env;
const ATTEMPTS = 20;
const PATIENCE_MS = 120_000;
const TURNS_AT_MOST = 6;

const SESSIONS = [
  ['Run the tests and tell me which fail.', 'Fix the first one.'],
  ['Find where the retry limit is set.', 'Read that file and explain it.'],
  ['List the files in src/.', 'Rename getUser to fetchUser everywhere.', 'Show me what you changed.'],
];

const tool = (name, description, properties) => ({
  name,
  description,
  input_schema: { type: 'object', properties, required: Object.keys(properties) },
});
const TEXT = { type: 'string' };
const TOOLS = [
  tool('Bash', 'Runs a command in a shell.', { command: TEXT }),
  tool('Read', 'Reads a file.', { file_path: TEXT }),
  tool('Grep', 'Searches files for a pattern.', { pattern: TEXT }),
  tool('Edit', 'Replaces a text in a file.', { file_path: TEXT, old_string: TEXT, new_string: TEXT }),
];

/** @returns the data of every event of one streamed answer. @throws on an answer that is not whole */
async function ask(session, messages) {
  const response = await fetch(`${GATEWAY}/v1/messages`, {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      'anthropic-version': '2023-06-01',
      'x-api-key': 'demo',
      'x-claude-code-session-id': session,
    },
    body: JSON.stringify({
      model: 'claude-sonnet-4-5',
      max_tokens: 2048,
      stream: true,
      system: 'You are a coding agent. Work in small steps.',
      tools: TOOLS,
      messages,
      metadata: { user_id: JSON.stringify({ session_id: session }) },
    }),
  });
  const body = await response.text();
  if (!response.ok) throw new Error(`the gateway answered ${response.status}: ${body.slice(0, 200)}`);
  const events = [...body.matchAll(/^data: (.+)$/gm)].map(([, data]) => JSON.parse(data));
  if (events.at(-1)?.type !== 'message_stop') throw new Error('the stream ended without message_stop');
  return events;
}

/** The content blocks that the events of an answer add up to. */
function contentOf(events) {
  const blocks = [];
  for (const { type, index, content_block: block, delta } of events) {
    if (type === 'content_block_start')
      blocks[index] = { ...block, ...(block.type === 'tool_use' ? { json: '' } : {}) };
    if (type !== 'content_block_delta') continue;
    if (delta.type === 'text_delta') blocks[index].text += delta.text;
    if (delta.type === 'thinking_delta') blocks[index].thinking += delta.thinking;
    if (delta.type === 'signature_delta') blocks[index].signature = delta.signature;
    if (delta.type === 'input_json_delta') blocks[index].json += delta.partial_json;
  }
  return blocks.map(({ json, ...block }) =>
    json === undefined ? block : { ...block, input: JSON.parse(json || '{}') },
  );
}

/** Every prompt, and after each the tool calls that the model makes. @returns how many turns it took */
async function play(prompts) {
  const session = randomUUID();
  const messages = [];
  let turns = 0;
  for (const prompt of prompts) {
    messages.push({ role: 'user', content: prompt });
    for (let calls = [null]; calls.length > 0 && turns < TURNS_AT_MOST * prompts.length; turns++) {
      const content = contentOf(await ask(session, messages));
      messages.push({ role: 'assistant', content });
      calls = content.filter(({ type }) => type === 'tool_use');
      if (calls.length === 0) continue;
      const results = calls.map(({ id }) => ({ type: 'tool_result', tool_use_id: id, content: 'done, exit code 0' }));
      messages.push({ role: 'user', content: results });
    }
  }
  return turns;
}

async function playOnce() {
  let turns = 0;
  for (const prompts of SESSIONS) turns += await play(prompts);
  if (MARK !== '') writeFileSync(MARK, `${new Date().toISOString()}\n`);
  console.log(`demo: ${turns} turns of ${SESSIONS.length} sessions sent`);
}

async function playForever() {
  for (let count = 0; ; count++) {
    const next = sleep(60_000 / Number(SESSIONS_PER_MINUTE));
    play(SESSIONS[count % SESSIONS.length]).catch((error) => console.log(`load: ${error.message}`));
    await next;
  }
}

/** Until the gateway and the models behind it answer at all: a session that breaks off would be sent twice. */
async function untilAllAnswer(urls) {
  for (const endMs = Date.now() + PATIENCE_MS; Date.now() < endMs; await sleep(250)) {
    const answers = await Promise.allSettled(urls.map((url) => fetch(url).then((response) => response.text())));
    if (answers.every(({ status }) => status === 'fulfilled')) return;
  }
}

async function main() {
  const strangers = UPSTREAMS.split(' ').filter((url) => !/^http:\/\/simulator-/.test(url));
  if (strangers.length > 0) return console.log(`demo: nothing sent, not simulated: ${strangers.join(', ')}`);
  if (SESSIONS_PER_MINUTE) return playForever();
  if (existsSync(MARK)) return console.log('demo: sent at an earlier start, nothing to do');
  await untilAllAnswer([`${GATEWAY}/health`, ...UPSTREAMS.split(' ')]);
  for (let attempt = 1; ; attempt++) {
    try {
      return await playOnce();
    } catch (error) {
      // What waits for this service is not stopped by a demo that failed.
      if (attempt === ATTEMPTS) return console.log(`demo: FAILED: ${error.cause?.message ?? error.message}`);
      await sleep(1000);
    }
  }
}

process.once('SIGTERM', () => process.exit(0));
await main();
