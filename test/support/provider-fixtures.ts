// The fixtures of providers, one folder a protocol: requests, streams and errors with what we make of each, and
// `provider.json`, which names the servers that stand for the protocol and what tells the end of its streams.
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { expect } from 'chai';
import { GatewayError } from '#shared/errors.ts';
import { findProvider } from '#shared/providers/index.ts';
import type { ConversionMemory, Provider, UpstreamError } from '#shared/providers/provider.ts';
import type { Target } from '#shared/providers/target.ts';
import type { MessagesRequest } from '#shared/wire/anthropic.ts';
import { compactJson } from './compact-json.ts';
import { testTarget } from './target.ts';

const ROOT = new URL('../fixtures/', import.meta.url);
const IS_UPDATE = process.env.UPDATE_FIXTURES === '1';

/** One server that stands for its protocol. */
export interface Variant {
  name: string;
  provider: Provider;
  target: Target;
  model: string;
}

export interface ProviderFixtures {
  type: string;
  variants: readonly Variant[];
  /** Matches the part of a stream that says the answer is whole. */
  finish: RegExp;
  /** The protocol whose streams it reads beside its own. */
  alsoReads: string | null;
  /** Scenes of the simulator that its streams come from. */
  scenes: readonly string[];
  /** By the name of a stream: what of the request it answers, and of the server, is not the usual. */
  asks: Readonly<Record<string, Ask>>;
}

export interface Ask {
  request?: Partial<MessagesRequest>;
  target?: string;
}

interface Description {
  finish: string;
  alsoReads?: string;
  scenes?: string[];
  asks?: Record<string, Ask>;
  targets: Record<string, { model: string; target: Partial<Target> }>;
}

/** Every folder with a `provider.json`. */
export function loadProviderFixtures(): ProviderFixtures[] {
  return readdirSync(ROOT)
    .filter((type) => existsSync(new URL(`${type}/provider.json`, ROOT)))
    .map((type) => {
      const { finish, alsoReads = null, scenes = [], asks = {}, targets } = readDescription(type);
      const variants = Object.entries(targets).map(([name, { model, target }]) => toVariant(type, name, model, target));
      return { type, variants, finish: new RegExp(finish), alsoReads, scenes, asks };
    });
}

function readDescription(type: string): Description {
  return readJson(`${type}/provider.json`) as Description;
}

function toVariant(type: string, name: string, model: string, fields: Partial<Target>): Variant {
  const target = testTarget({ type, provider: name, ...fields });
  const provider = findProvider(target);
  if (provider === null) throw new Error(`${type}/provider.json: nobody converts for the target ${name}`);
  return { name, provider, target, model };
}

/** Names of the requests every provider is given. */
export function scenarioNames(): string[] {
  return filesIn('requests/').map((file) => file.slice(0, -'.json'.length));
}

export function loadScenario(name: string): MessagesRequest {
  return readJson(`requests/${name}.json`) as MessagesRequest;
}

/** What is made of a request: what to send, or why it cannot be sent. */
export type Outcome = { path: string; notes: string[]; body: unknown } | { unsupported: string };

export interface Converted {
  outcome: Outcome;
  headers: readonly string[];
  memory: ConversionMemory | null;
}

/** @throws what is no refusal */
export function convertFor({ provider, target, model }: Variant, request: MessagesRequest): Converted {
  const input = { target, model, modelAsked: request.model, sessionKey: 'session-key', inputTokens: 42 };
  try {
    const { path, headers, notes, body, memory } = provider.toUpstreamRequest(request, input);
    return { outcome: { path, notes, body: JSON.parse(body.toString('utf8')) }, headers, memory };
  } catch (error) {
    if (!(error instanceof GatewayError) || error.status !== 400) throw error;
    return { outcome: { unsupported: error.message }, headers: [], memory: null };
  }
}

const USUAL_ASK: MessagesRequest = {
  model: 'claude-x',
  max_tokens: 4096,
  thinking: { type: 'enabled', budget_tokens: 2048 },
  tools: ['Read', 'Bash', 'Write'].map((name) => ({ name, input_schema: { type: 'object', properties: {} } })),
  messages: [{ role: 'user', content: 'Look at /a.txt' }],
};

/** The server a stream comes from, and the request it answers. */
export function askFor(
  { type, variants, asks }: ProviderFixtures,
  stream: string,
): { variant: Variant; request: MessagesRequest } {
  const { request, target } = asks[stream] ?? {};
  const variant = target === undefined ? variants[0] : variants.find(({ name }) => name === target);
  if (variant === undefined) throw new Error(`${type}/provider.json names no server for ${stream}`);
  return { variant, request: { ...USUAL_ASK, ...request } };
}

/** What a stream is called that the simulator gave. */
export function simulatedName(scene: string): string {
  return `synthetic-simulator-${scene}`;
}

export interface StreamFixture {
  /** File name without ending. */
  name: string;
  bytes: Buffer;
}

/** `streams/` and, from the simulator, `simulated/`: `.sse`, `.ndjson` or, for an answer in one document, `.json`. */
export function loadStreams(type: string): StreamFixture[] {
  return ['streams', 'simulated'].flatMap((folder) =>
    filesIn(`${type}/${folder}/`).map((file) => ({
      name: file.replace(/\.\w+$/, ''),
      bytes: readFileSync(new URL(`${type}/${folder}/${file}`, ROOT)),
    })),
  );
}

export interface ErrorFixture extends UpstreamError {
  name: string;
}

/** The status is in the name. A file holds the body, or `rawHeaders` and `body`. */
export function loadErrors(type: string): ErrorFixture[] {
  return filesIn(`${type}/errors/`).map((file) => {
    const said = readJson(`${type}/errors/${file}`) as { rawHeaders?: string[]; body?: unknown };
    const { rawHeaders = [], body = said } = Array.isArray(said) ? {} : said;
    return {
      name: file.replace(/\.json$/, ''),
      status: Number(/\d{3}/.exec(file)?.[0]),
      rawHeaders,
      body: Buffer.from(typeof body === 'string' ? body : JSON.stringify(body)),
    };
  });
}

/** Compares with what a file holds, order of keys included; with UPDATE_FIXTURES=1 writes it. */
export function expectGolden(path: string, text: string): void {
  const url = new URL(path, ROOT);
  if (IS_UPDATE) {
    mkdirSync(new URL('.', url), { recursive: true });
    writeFileSync(url, text);
  }
  expect(existsSync(url), `${path} is missing: UPDATE_FIXTURES=1 writes it, read it before it is committed`).to.equal(
    true,
  );
  expect(text, path).to.equal(readFileSync(url, 'utf8'));
}

export function toFixtureJson(value: unknown): string {
  return `${compactJson(value)}\n`;
}

function filesIn(folder: string): string[] {
  if (!existsSync(new URL(folder, ROOT))) return [];
  return readdirSync(new URL(folder, ROOT))
    .filter((file) => /\.(?:sse|ndjson|json)$/.test(file))
    .sort();
}

function readJson(path: string): unknown {
  return JSON.parse(readFileSync(new URL(path, ROOT), 'utf8'));
}
