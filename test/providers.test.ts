// One runner for everything that converts: the registry × shared requests, streams and errors. What is particular to a
// provider is data in its folder of fixtures; UPDATE_FIXTURES=1 writes what is expected, to be read before it is kept.
import { expect } from 'chai';
import { GatewayError } from '#shared/errors.ts';
import { PROFILE_PROVIDERS } from '#shared/providers/anthropic.ts';
import { NATIVE, PROVIDERS } from '#shared/providers/index.ts';
import type { MessagesRequest } from '#shared/wire/anthropic.ts';
import { type ConvertedStream, feedStream } from './support/convert-stream.ts';
import {
  askFor,
  convertFor,
  expectGolden,
  loadErrors,
  loadProviderFixtures,
  loadScenario,
  loadStreams,
  type Outcome,
  type ProviderFixtures,
  type StreamFixture,
  scenarioNames,
  simulatedName,
  toFixtureJson,
  type Variant,
} from './support/provider-fixtures.ts';
import { recordingNames, requestsOf } from './support/recordings.ts';
import { type AskedStream, expectBrokenWhenCut, readSoundly } from './support/stream-checks.ts';
import { createWireLimits } from './support/wire-limits/index.ts';

/** Thinks, speaks and calls a tool. */
const THINKING_CALL = 'tool-bash';

const FIXTURES = loadProviderFixtures();

/** Scenes of the simulator that are read in every protocol; how each counts tokens and fails is in the fixtures. */
const REQUIRED_SCENES = ['text', 'thinking', THINKING_CALL, 'tool-read-parallel', 'refusal', 'max-tokens', 'utf8'];

const LIMITS = createWireLimits();

/** Headers that mean something to Anthropic alone. */
const ANTHROPIC_HEADERS = /^(?:anthropic-|x-claude-|x-stainless-|x-api-key$)/i;

describe('every provider', () => {
  it('stands in the fixtures with at least one server', () => {
    const present = new Set(FIXTURES.flatMap(({ variants }) => variants.map(({ provider }) => provider)));
    const missing = [...PROVIDERS, ...PROFILE_PROVIDERS.values()].filter((provider) => !present.has(provider));
    expect(missing.map(({ type }) => type)).to.deep.equal([]);
  });

  for (const fixtures of FIXTURES) {
    describe(fixtures.type, () => {
      for (const scenario of scenarioNames()) {
        it(`is sent ${scenario} as its fixture says, or refuses it by name`, () => checkRequest(fixtures, scenario));
      }

      it('conv T-03 is sent its own thinking back as its fixture says', () => checkReplay(fixtures));

      it('conv Q-06 carries every recorded request of a real client, or refuses it by name', () =>
        checkRecordings(fixtures));

      it('has a stream of each kind', () => {
        const names = streamsOf(fixtures).map(({ name }) => name);
        expect(names).to.include.members(REQUIRED_SCENES.map(simulatedName));
      });

      for (const stream of streamsOf(fixtures)) {
        it(`conv S-01 S-02 reads ${stream.name} as its fixture says, however it comes`, () =>
          checkStream(fixtures, stream));
        it(`conv S-06 never ends well when ${stream.name} is cut before its end`, () => checkCuts(fixtures, stream));
      }

      it('conv E-01 tells errors as its fixture says', () => checkErrors(fixtures));
    });
  }
});

/** Stands for the model's name, so that servers that are sent the same share what is expected. */
const MODEL = '{model}';

function checkRequest(fixtures: ProviderFixtures, scenario: string): void {
  const request = loadScenario(scenario);
  expectOutcomes(fixtures, scenario, () => structuredClone(request));
}

/** Servers that are sent the same share an entry. */
function expectOutcomes(
  { type, variants }: ProviderFixtures,
  name: string,
  ask: (variant: Variant) => MessagesRequest,
) {
  const groups = new Map<string, { for: string[]; outcome: Outcome }>();
  for (const variant of variants) {
    const { outcome, headers } = convertFor(variant, ask(variant));
    if ('unsupported' in outcome) expectNamed(outcome.unsupported);
    else expectFit(type, headers, outcome.body);
    const key = JSON.stringify(outcome).replaceAll(JSON.stringify(variant.model).slice(1, -1), MODEL);
    const group = groups.get(key) ?? { for: [], outcome: JSON.parse(key) as Outcome };
    group.for.push(variant.name);
    groups.set(key, group);
  }
  const golden = [...groups.values()].map((group) => ({ for: group.for, ...group.outcome }));
  expectGolden(`${type}/requests/${name}.json`, toFixtureJson(golden));
}

/** What one gateway read, another sends back with the tool's result. */
function checkReplay(fixtures: ProviderFixtures): void {
  const name = simulatedName(THINKING_CALL);
  const stream = streamsOf(fixtures).find((one) => one.name === name);
  if (!stream) throw new Error(`${fixtures.type} has no stream ${name}`);
  expectOutcomes(fixtures, 'own-thinking', (variant) => {
    const only = { ...fixtures, variants: [variant] };
    const { provider, memory, bytes } = askedFor(only, stream);
    const content = feedStream(provider, bytes, { memory: { ...memory } }).message?.content ?? [];
    const results = content.flatMap(({ type, id }) =>
      type === 'tool_use' ? [{ type: 'tool_result', tool_use_id: id, content: 'done' }] : [],
    );
    expect(results, name).to.have.length(1);
    const { request } = askFor(only, name);
    return {
      ...request,
      messages: [...request.messages, { role: 'assistant', content }, { role: 'user', content: results }],
    };
  });
}

/** A refusal names the place. */
function expectNamed(message: string): void {
  expect(message).to.match(/\b(?:messages|system|tools|tool_choice|mcp_servers|thread|safeguards|output_config)\b/);
}

function expectFit(type: string, headers: readonly string[], body: unknown): void {
  const names = headers.filter((_, index) => index % 2 === 0);
  expect(JSON.stringify(body)).not.to.contain('x-anthropic-billing-header');
  expect(LIMITS.breaches(type, body)).to.deep.equal([]);
  if (type === NATIVE) return;
  expect(names.filter((name) => ANTHROPIC_HEADERS.test(name))).to.deep.equal([]);
  expect(JSON.stringify(body)).not.to.match(/ForeignSignature|ForeignRedacted/);
}

function checkRecordings({ type, variants }: ProviderFixtures): void {
  const bodies = recordingNames()
    .flatMap(requestsOf)
    .filter(({ url, method }) => method === 'POST' && url.startsWith('/v1/messages') && !url.includes('count_tokens'))
    .map(({ body }) => JSON.parse(body.toString('utf8')) as MessagesRequest);
  expect(bodies.length).to.be.above(30);
  for (const body of bodies) {
    for (const variant of variants) {
      const { outcome, headers } = convertFor(variant, body);
      if ('unsupported' in outcome) expectNamed(outcome.unsupported);
      else expectFit(type, headers, outcome.body);
    }
  }
}

interface ReadStream extends StreamFixture {
  /** Is what is expected of it written down? */
  isOwn: boolean;
}

function streamsOf({ type, alsoReads }: ProviderFixtures): ReadStream[] {
  const own = loadStreams(type).map((stream) => ({ ...stream, isOwn: true }));
  const others = alsoReads === null ? [] : loadStreams(alsoReads).map((stream) => ({ ...stream, isOwn: false }));
  return [...own, ...others];
}

/** With what reading it needs to know of its request; another protocol's stream as its own first server would be read. */
function askedFor(fixtures: ProviderFixtures, { name, isOwn, bytes }: ReadStream): AskedStream {
  const others = FIXTURES.find(({ type }) => type === fixtures.alsoReads)?.asks ?? {};
  const request = others[name]?.request;
  const asks = isOwn ? fixtures.asks : request === undefined ? {} : { [name]: { request } };
  const asked = askFor({ ...fixtures, asks }, name);
  const { memory } = convertFor(asked.variant, asked.request);
  // What only the stream's own server can be asked is read here as if nothing had been asked.
  if (memory === null && !isOwn && request !== undefined) return askedFor(fixtures, { name: '', isOwn, bytes });
  if (memory === null) throw new Error(`what asked for ${name} is refused`);
  return { provider: asked.variant.provider, memory, bytes };
}

async function checkStream(fixtures: ProviderFixtures, stream: ReadStream): Promise<void> {
  const seen = await readSoundly(askedFor(fixtures, stream));
  if (stream.isOwn) expectGolden(`${fixtures.type}/events/${stream.name}.jsonl`, toLines(seen));
}

function checkCuts(fixtures: ProviderFixtures, stream: ReadStream): void {
  expectBrokenWhenCut(askedFor(fixtures, stream), fixtures.finish, stream.isOwn ? 19 : 151);
}

/** One event a line, and what broke it off. */
function toLines({ events, error }: ConvertedStream): string {
  const lines: unknown[] = [...events];
  if (error instanceof GatewayError) lines.push({ error: describeError(error) });
  return lines.map((line) => `${JSON.stringify(line)}\n`).join('');
}

function describeError({ status, code, message, headers }: GatewayError): Record<string, unknown> {
  return { status, code, message, ...(Object.keys(headers).length > 0 ? { headers } : {}) };
}

function checkErrors({ type, variants }: ProviderFixtures): void {
  const errors = loadErrors(type);
  if (errors.length === 0) return;
  const read = (variant: Variant, name: string) => {
    const error = errors.find((one) => one.name === name);
    if (!error) throw new Error(name);
    return describeError(variant.provider.readError(error));
  };
  const golden: Record<string, unknown> = {};
  for (const { name } of errors) {
    const [first, ...others] = variants.map((variant) => read(variant, name));
    for (const other of others) expect(other, name).to.deep.equal(first);
    golden[name] = first;
  }
  expectGolden(`${type}/errors.json`, toFixtureJson(golden));
}
