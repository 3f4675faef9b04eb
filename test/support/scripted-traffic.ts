// Traffic in every mode with every kind of fault, so that each panel and rule has something to say. Each step names itself
// in its prompt, by which both simulated models know what to play.
import { request as httpRequest } from 'node:http';
import type { Scene, SeenRequest, Simulator } from '#services/simulator/service.ts';
import { DEFAULT_BUS_LIMITS } from '#shared/bus/limits.ts';
import { createRedisBus } from '#shared/bus/redis.ts';
import type { Mode } from '#shared/exchange/exchange.ts';
import { type MessageRequest, messagesRequest, type RawRequest, send } from './raw-client.ts';
import type { ServiceBed } from './service-bed.ts';
import type { ServiceProcess } from './service-process.ts';

type Play = Scene | string;

interface Step extends MessageRequest {
  model?: 'native' | 'chat' | 'gemini' | 'gone';
  /** What the passthrough plays, and what the target. */
  primary?: Play;
  target?: Play;
  /** The client hangs up after the first bytes. */
  leaves?: boolean;
}

const USAGE = { input_tokens: 400, output_tokens: 60, cache_read_input_tokens: 900, cache_creation_input_tokens: 80 };
const TOOLS = ['Bash', 'Read'].map((name) => ({ name, input_schema: { type: 'object' } }));

const says = (text: string): Scene => ({ content: [{ type: 'text', text }], usage: USAGE });
const calls = (name: string, input: unknown): Scene => ({
  content: [
    { type: 'text', text: 'One moment.' },
    { type: 'tool_use', name, input },
  ],
  usage: USAGE,
});
const LISTS = calls('Bash', { command: 'ls' });
const THINKS: Scene = {
  content: [
    { type: 'thinking', thinking: 'What would be right here? '.repeat(20), signature: 'c2lnbmVk' },
    { type: 'text', text: 'This.' },
  ],
};
/** One rule of the stream protocol broken, and still readable. */
const BREAKS_A_RULE: Scene = {
  ...says('fine'),
  extraEvents: [{ at: 2, event: 'message_start', data: { type: 'message_start', message: {} } }],
};
const STALLS: Scene = { ...says('never whole'), fault: { kind: 'silence', after: 4 } };

const STEPS: Record<Mode, Record<string, Step>> = {
  target: {
    'native-stream': { target: { ...LISTS, delays: { betweenMs: 5 } } },
    'native-whole': { target: LISTS, stream: false },
    'native-400': { target: 'error-400' },
    'native-429': { target: 'error-429' },
    'native-500': { target: 'error-500' },
    'native-529': { target: 'error-529', stream: false },
    'own-key-refused': { target: 'error-401' },
    cut: { target: 'cut-between-events' },
    'no-stop': { target: 'no-message-stop' },
    'error-event': { target: 'mid-error' },
    stalled: { target: STALLS },
    'rule-broken': { target: BREAKS_A_RULE },
    gone: { model: 'gone' },
    left: { target: STALLS, leaves: true },
    'chat-stream': { model: 'chat', target: THINKS },
    'chat-whole': { model: 'chat', target: LISTS, stream: false },
    'gemini-stream': { model: 'gemini', target: says('hello') },
    new: { target: says('fine'), headers: ['anthropic-beta', 'warp-2027-01-01'], body: { brand_new: 1 } },
  },
  compare: {
    same: { primary: LISTS, target: LISTS },
    'same-whole': { primary: LISTS, target: LISTS, stream: false },
    'other-words': { primary: says('It is the first of them.'), target: says('Take the second one, I would say.') },
    'other-tool': { primary: LISTS, target: calls('Read', { file_path: 'a.txt' }) },
    'other-arguments': { primary: LISTS, target: calls('Bash', { command: 'ls -la /tmp' }) },
    'acts-instead': { primary: says('Done.'), target: LISTS },
    'says-instead': { primary: LISTS, target: says('Done.') },
    'shadow-thinks': { model: 'chat', primary: THINKS, target: THINKS },
    'shadow-500': { primary: LISTS, target: 'error-500' },
    'shadow-401': { primary: LISTS, target: 'error-401' },
    'shadow-overflow': { primary: LISTS, target: 'context-overflow' },
    'primary-529': { primary: 'error-529' },
    shadow: { primary: LISTS, headers: ['x-ccproxy-shadow', '1'] },
    'left-again': { primary: STALLS, leaves: true },
  },
  'anthropic-only': { only: { primary: LISTS }, 'only-whole': { primary: LISTS, stream: false } },
};

/** A request that is not answered before its client leaves. */
const HELD = 'held';

/** Settings of the gateway and of the comparator. */
export function trafficSettings(bed: Pick<ServiceBed, 'target'>): Record<string, string> {
  const providers = {
    native: { type: 'anthropic', timeout_secs: '1' },
    chat: { type: 'openai-chat' },
    gemini: { type: 'gemini' },
    narrow: { type: 'anthropic', max_concurrent: '1' },
    // Port 9 is "discard": nothing listens there.
    gone: { type: 'anthropic', base_url: 'http://127.0.0.1:9' },
  };
  const settings: Record<string, string> = { CC_DEFAULT_MODE: 'target', CC_TARGET__URL: '', CC_TARGET__MODEL: '' };
  for (const [name, provider] of Object.entries(providers)) {
    const all = { base_url: bed.target.url, api_key: 'a-key-of-ours', ...provider };
    for (const [key, value] of Object.entries(all)) {
      settings[`CC_PROVIDERS__${name.toUpperCase()}__${key.toUpperCase()}`] = value;
    }
    settings[`CC_MODELS__${name.toUpperCase()}__PROVIDER`] = name;
  }
  // Of the others no price is known.
  for (const model of ['NATIVE', 'CHAT']) {
    settings[`CC_PRICES__${model}__INPUT`] = '3';
    settings[`CC_PRICES__${model}__OUTPUT`] = '15';
  }
  return settings;
}

/** One request that stays in flight: the only one that its upstream may have. */
export interface HeldRequest {
  end(): void;
}

/** Runs all steps, mode after mode. The gateway begins, and ends, in mode `target`. */
export async function driveTraffic(bed: ServiceBed, gateway: ServiceProcess): Promise<void> {
  bed.passthrough.use(played((step) => step.primary));
  bed.target.use(played((step) => step.target));
  await publishPoison(bed);
  await drive(gateway, STEPS.target);
  await refuseForWantOfASlot(bed, gateway);
  await count(bed.target, gateway);
  await setMode(gateway, 'compare');
  await drive(gateway, STEPS.compare);
  await setMode(gateway, 'anthropic-only');
  await drive(gateway, STEPS['anthropic-only']);
  for (const path of ['/v1/models', '/v1/organizations/me']) await send(gateway.url, get(path));
  await setMode(gateway, 'target');
  await send(gateway.url, get('/nowhere'));
}

/** Takes the only slot of an upstream and keeps it. */
export async function holdRequest({ target }: ServiceBed, gateway: ServiceProcess): Promise<HeldRequest> {
  const held = (): number => target.seen().filter((request) => stepOf(request) === HELD).length;
  const before = held();
  const leave = new AbortController();
  void exchange(gateway, toRequest(HELD, {}, 'narrow'), leave.signal);
  await target.until(() => held() > before, 10_000);
  return { end: () => leave.abort() };
}

export async function setMode(gateway: ServiceProcess, mode: Mode): Promise<void> {
  const headers = { 'content-type': 'application/json' };
  const answer = await fetch(`${gateway.url}/api/mode`, { method: 'PUT', headers, body: JSON.stringify({ mode }) });
  if (!answer.ok) throw new Error(`mode ${mode}: ${answer.status} ${await answer.text()}`);
}

function played(sceneOf: (step: Step) => Play | undefined): (request: SeenRequest) => Play {
  const steps = new Map(Object.values(STEPS).flatMap((ofMode) => Object.entries(ofMode)));
  return (request) => {
    const name = stepOf(request);
    if (name === HELD) return { fault: { kind: 'silence-before-headers' } };
    const step = steps.get(name);
    return (step && sceneOf(step)) ?? 'text';
  };
}

function stepOf({ raw }: SeenRequest): string {
  return /step:([\w-]+)/.exec(raw.toString('utf8'))?.[1] ?? '';
}

async function drive(gateway: ServiceProcess, steps: Record<string, Step>): Promise<void> {
  await Promise.all(
    Object.entries(steps).map(async ([name, step]) => {
      const request = toRequest(name, step);
      if (step.leaves !== true) await send(gateway.url, request);
      else await exchange(gateway, request, AbortSignal.abort());
    }),
  );
}

function toRequest(name: string, step: Step, model: string = step.model ?? 'native'): RawRequest {
  const { stream = true, headers = [], body = {} } = step;
  const messages = [{ role: 'user', content: `step:${name}` }];
  const session = `user_1_account_2_session_00000000-0000-4000-8000-${Buffer.from(name).toString('hex').padEnd(12, '0').slice(0, 12)}`;
  return messagesRequest({
    stream,
    headers,
    body: { model, messages, tools: TOOLS, metadata: { user_id: session }, ...body },
  });
}

/** Sends and reads until the answer is over or, from its first bytes on, the client is asked to leave. */
function exchange(gateway: ServiceProcess, raw: RawRequest, leave: AbortSignal): Promise<void> {
  const { hostname, port } = new URL(gateway.url);
  return new Promise((resolve) => {
    const headers = ['host', `${hostname}:${port}`, ...raw.headers];
    const options = { hostname, port, path: raw.path, method: raw.method, headers, agent: false };
    const request = httpRequest(options, (response) => {
      response.once('data', () => {
        if (leave.aborted) request.destroy();
      });
      response.resume();
    });
    leave.addEventListener('abort', () => request.destroy());
    request.on('error', () => {}); // cut here, on purpose
    request.on('close', resolve);
    request.end(raw.body);
  });
}

async function refuseForWantOfASlot(bed: ServiceBed, gateway: ServiceProcess): Promise<void> {
  const held = await holdRequest(bed, gateway);
  const { status } = await send(gateway.url, toRequest('one-too-many', {}, 'narrow'));
  held.end();
  if (status !== 503) throw new Error(`the upstream has one slot, which is taken, and the answer was ${status}`);
}

/** Counted by the upstream, by the gateway where the protocol cannot, and there again when the upstream fails. */
async function count(target: Simulator, gateway: ServiceProcess): Promise<void> {
  const ask = async (model: string, content: string): Promise<void> => {
    const request = messagesRequest({ body: { model, messages: [{ role: 'user', content }] } });
    await send(gateway.url, { ...request, path: '/v1/messages/count_tokens' });
  };
  await ask('gemini', 'how long is this?');
  await ask('chat', 'how long is this?');
  target.use({ status: 500, everyPath: true }, 1);
  await ask('gemini', 'and this?');
}

function get(path: string): RawRequest {
  return { method: 'GET', path, headers: ['x-api-key', 'client-key'], body: Buffer.alloc(0) };
}

/** An exchange of a version that nobody here can read: history and comparison both give it up. */
async function publishPoison({ redis }: ServiceBed): Promise<void> {
  const bus = createRedisBus({ url: redis.url, prefix: redis.prefix, limits: DEFAULT_BUS_LIMITS, onTrouble: () => {} });
  const id = '01939d2e-0000-7000-8000-000000000000';
  const result = await bus.publish({ id, fields: { v: '99' }, body: Buffer.from('?'), pairs: 1 });
  await bus.close();
  if (result !== 'ok') throw new Error(`the exchange that nobody can read was not published: ${result}`);
}
