// One gateway before one simulator, with a model for every protocol: what a client sees of each, and what each was sent.
import { request as httpRequest } from 'node:http';
import type { Scene } from '#services/simulator/script.ts';
import { createSimulator, type Simulator } from '#services/simulator/service.ts';
import { createMessageAccumulator } from '#shared/messages/accumulate-message.ts';
import type { AnthropicEvent } from '#shared/messages/message-writer.ts';
import { createSseReader } from '#shared/sse/read-sse.ts';
import type { Message } from '#shared/wire/anthropic.ts';
import { startTestGateway, type TestGateway } from './gateway.ts';
import { json, messagesRequest, type RawAnswer, send } from './raw-client.ts';

export interface Route {
  /** Also the name by which a client asks for it. */
  name: string;
  /** Settings of its provider, and of its model. */
  provider: Record<string, unknown>;
  model: Record<string, unknown>;
}

function route(name: string, upstreamName: string, provider: Record<string, unknown>): Route {
  return { name, provider, model: { provider: name, upstream_name: upstreamName } };
}

export const NATIVE_ROUTE = route('native', 'claude-opus-5-5', { type: 'anthropic' });

/** Of Chat Completions the servers that differ most. */
export const CONVERTED_ROUTES: readonly Route[] = [
  route('plain-chat', 'some-model', { type: 'openai-chat' }),
  route('openai', 'gpt-4.1', { type: 'openai-chat', vendor: 'openai' }),
  route('mistral', 'mistral-large-latest', { type: 'openai-chat', vendor: 'mistral' }),
  route('openrouter', 'anthropic/claude-sonnet-4.5', { type: 'openrouter' }),
  route('responses', 'gpt-5.4', { type: 'openai-responses' }),
  route('gemini', 'gemini-3-pro', { type: 'gemini' }),
  route('ollama', 'qwen3:8b', { type: 'ollama' }),
  route('vllm', 'qwen3', { type: 'anthropic', profile: 'vllm' }),
];

export interface AskOptions {
  /** Itself, or the name of a scenario. */
  scene?: Scene | string;
  body?: Record<string, unknown>;
  stream?: boolean;
  headers?: string[];
}

export interface EveryRoute {
  upstream: Simulator;
  gateway: TestGateway;
  ask(name: string, options?: AskOptions): Promise<RawAnswer>;
  /** The JSON that the upstream was sent last. @throws when it was not asked */
  sent(): Record<string, unknown>;
  stop(): Promise<void>;
}

export async function startEveryRoute(more: Record<string, unknown> = {}): Promise<EveryRoute> {
  const upstream = await createSimulator({ listenAddress: '127.0.0.1:0', seed: 3, delayScale: 0 });
  const settings: Record<string, unknown> = { 'passthrough.url': 'http://127.0.0.1:9' };
  for (const { name, provider, model } of [NATIVE_ROUTE, ...CONVERTED_ROUTES]) {
    for (const [key, value] of Object.entries({ base_url: upstream.url, api_key: `key-of-${name}`, ...provider }))
      settings[`providers.${name}.${key}`] = value;
    for (const [key, value] of Object.entries(model)) settings[`models.${name}.${key}`] = value;
  }
  const gateway = await startTestGateway({ settings: { ...settings, ...more } });
  return {
    upstream,
    gateway,
    ask: (name, { scene = {}, body = {}, stream = true, headers = [] } = {}) => {
      upstream.reset();
      upstream.use(scene);
      return send(gateway.url, messagesRequest({ stream, headers, body: { max_tokens: 1000, ...body, model: name } }));
    },
    sent: () => {
      const last = upstream.seen().at(-1);
      if (!last) throw new Error('the upstream was not asked');
      return JSON.parse(last.raw.toString()) as Record<string, unknown>;
    },
    stop: () => gateway.stop().then(() => upstream.stop()),
  };
}

export interface OpenAnswer {
  /** What came so far. */
  readonly text: string;
  readonly status: number;
  readonly hasEnded: boolean;
  leave(): void;
}

/** Asks for a stream and reads on until the client leaves. */
export function openAnswer({ gateway, upstream }: EveryRoute, name: string, scene: Scene): OpenAnswer {
  upstream.reset();
  upstream.use(scene);
  const seen = { text: '', status: 0, hasEnded: false, leave: () => request.destroy() };
  const { path, headers, body } = messagesRequest({ body: { model: name, max_tokens: 1000 } });
  const { hostname, port } = new URL(gateway.url);
  const request = httpRequest(
    { hostname, port, path, method: 'POST', headers: ['host', hostname, ...headers], agent: false },
    (response) => {
      seen.status = response.statusCode ?? 0;
      response.setEncoding('utf8').on('data', (chunk: string) => {
        seen.text += chunk;
      });
      response.on('error', () => {});
      response.on('close', () => {
        seen.hasEnded = true;
      });
    },
  );
  request.on('error', () => {});
  request.end(body);
  return seen;
}

export interface SeenStream {
  events: AnthropicEvent[];
  types: string[];
  /** As a strict client puts it together; null when it did not end. */
  message: Message | null;
}

/** @throws where the order of events is none, or an event has another name than its type */
export function readStream({ body }: RawAnswer): SeenStream {
  const events: AnthropicEvent[] = [];
  const accumulator = createMessageAccumulator({ order: 'strict' });
  const reader = createSseReader({
    onEvent: ({ event, data }) => {
      const parsed = JSON.parse(data) as AnthropicEvent;
      if (event !== parsed.type) throw new Error(`an event named ${event} is a ${parsed.type}`);
      events.push(parsed);
      if (parsed.type !== 'error') accumulator.add(parsed);
    },
  });
  reader.push(body, 0);
  return {
    events,
    types: events.map(({ type }) => type),
    message: accumulator.complete ? accumulator.message() : null,
  };
}

/** Streamed or not. @throws when there is no whole message */
export function wholeMessage(answer: RawAnswer, stream: boolean): Message {
  const message = stream ? readStream(answer).message : (json(answer) as unknown as Message);
  if (message?.type !== 'message') throw new Error(`no whole message: ${answer.body.toString().slice(0, 500)}`);
  return message;
}

/** Without ids and the state of thinking, which differ from answer to answer. */
export function bareContent({ content }: Pick<Message, 'content'>): unknown[] {
  return content.filter(({ type }) => type !== 'redacted_thinking').map(({ signature: _, id: __, ...block }) => block);
}
