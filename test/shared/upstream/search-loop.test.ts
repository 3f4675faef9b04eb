// Searches between the rounds of one answer, seen from the upstream and from the search.
import { expect } from 'chai';
import fc from 'fast-check';
import { createMessageAccumulator } from '#shared/messages/accumulate-message.ts';
import { type AnthropicEvent, createMessageWriter, type MessageWriter } from '#shared/messages/message-writer.ts';
import type { Provider } from '#shared/providers/provider.ts';
import { createSseReader } from '#shared/sse/read-sse.ts';
import { type AnswerFlow, UpstreamFailure } from '#shared/upstream/call-upstream.ts';
import { convertAnswer } from '#shared/upstream/convert-answer.ts';
import { createTraitMemory } from '#shared/upstream/learned-traits.ts';
import type { SearchOutcome, SearchPolicy, SearchQuery } from '#shared/upstream/search-backend.ts';
import { SearchRound } from '#shared/upstream/search-round.ts';
import { type Conversion, startConversion } from '#shared/upstream/start-conversion.ts';
import type { Message, MessagesRequest } from '#shared/wire/anthropic.ts';
import { FakeUpstream } from '../../support/converted-answer.ts';
import { until } from '../../support/gateway.ts';
import { testTarget } from '../../support/target.ts';

/** Each event is a list of verbs: `["text","hi"]`. */
const verbs: Provider = {
  type: 'verbs',
  framing: 'sse',
  capabilities: [],
  toUpstreamRequest: (request, { model, modelAsked, inputTokens }) => ({
    path: '/',
    headers: [],
    body: Buffer.from(JSON.stringify(request)),
    notes: [],
    memory: { model, modelAsked, toolNames: new Map(), stopSequences: [], inputTokens },
  }),
  createReader: (writer) => ({
    onEvent: ({ data }) => {
      for (const verb of JSON.parse(data) as Verb[]) speak(writer, verb);
    },
    onEnd: () => {
      if (!writer.hasEnded) throw new Error('not whole');
    },
  }),
  readError: () => {
    throw new Error('no refusal here');
  },
};

type Verb = [string, ...unknown[]];

function speak(writer: MessageWriter, [name, ...args]: Verb): void {
  const verb = writer[name as 'text'] as (...args: unknown[]) => void;
  verb.apply(writer, args);
}

const search = (key: number, query: string): Verb[] => [
  ['toolStart', key, `call_${key}`, 'web_search'],
  ['toolArguments', key, JSON.stringify({ query })],
];

class Upstream extends FakeUpstream {
  tell(...said: Verb[]): void {
    this.say(JSON.stringify(said));
  }

  breakOff(): void {
    this.sink?.onError(new UpstreamFailure('reset', 'gone'));
  }
}

interface Bed {
  rounds: Upstream[];
  asked: Conversion[];
  searches: Array<SearchQuery & { signal: AbortSignal; answer: (outcome: SearchOutcome) => void }>;
  events: AnthropicEvent[];
  flow: AnswerFlow;
  ends: number;
}

const REQUEST: MessagesRequest = {
  model: 'claude-x',
  max_tokens: 100,
  messages: [{ role: 'user', content: 'hi' }],
  tools: [{ type: 'web_search_20250305', name: 'web_search' }],
};
const PAGES: SearchOutcome = { kind: 'found', pages: [{ url: 'https://a.example/', title: 'A', text: 'said' }] };
const begun: Bed[] = [];

/** An answer whose first round has begun to speak. */
async function begin(...said: Verb[]): Promise<Bed> {
  const bed: Bed = { rounds: [], asked: [], searches: [], events: [], flow: new Upstream(), ends: 0 };
  const policy: SearchPolicy = {
    usesProviders: true,
    maxUses: 5,
    remedy: '',
    backend: {
      name: 'test',
      search: (query, signal) => new Promise((resolve) => bed.searches.push({ ...query, signal, answer: resolve })),
    },
  };
  const conversion = startConversion(REQUEST, {
    ...{ provider: verbs, target: testTarget({}), sessionId: null, anthropicVersion: null },
    ...{ learned: createTraitMemory({ nowMs: () => 0 }), search: policy },
  });
  const next = (): Upstream => {
    const upstream = new Upstream();
    bed.rounds.push(upstream);
    return upstream;
  };
  const converting = convertAnswer(next(), {
    ...{ conversion, isStream: true, messageId: 'msg_1', requestId: 'r1', pingMs: 5, commitMs: 5 },
    askOn: async (on) => {
      bed.asked.push(on);
      return next();
    },
  });
  if (said.length > 0) bed.rounds[0]?.tell(...said);
  const reader = createSseReader({ onEvent: ({ data }) => bed.events.push(JSON.parse(data)) });
  const answer = await converting;
  bed.flow = answer.start({
    onChunk: (chunk) => reader.push(chunk, 0),
    onEnd: () => bed.ends++,
    onError: () => {},
  });
  begun.push(bed);
  return bed;
}

const named = ({ events }: Bed, type: string): AnthropicEvent[] => events.filter((event) => event.type === type);

function messageOf({ events }: Bed): Message | null {
  const accumulator = createMessageAccumulator();
  for (const event of events) if (event.type !== 'ping') accumulator.add(event);
  return accumulator.message();
}

describe('rounds of an answer with searches', () => {
  afterEach(() => {
    for (const { flow } of begun.splice(0)) flow.abort();
  });

  it('tell the client of a search while it runs, and ping until it is over', async () => {
    const bed = await begin(['text', 'Looking.'], ...search(0, 'q'), ['finish', 'tool_use']);
    expect(named(bed, 'content_block_start').at(-1)).to.have.nested.property('content_block.type', 'server_tool_use');
    const pings = named(bed, 'ping').length;
    await until(() => named(bed, 'ping').length > pings + 1);
    bed.searches[0]?.answer(PAGES);
    await until(() => bed.rounds.length === 2);
    expect(named(bed, 'content_block_start').at(-1)).to.have.nested.property(
      'content_block.type',
      'web_search_tool_result',
    );
    expect(bed.ends).to.equal(0);
    bed.rounds[1]?.tell(['text', 'Done.'], ['finish', 'end_turn']);
    expect(bed.ends).to.equal(1);
    expect(messageOf(bed)?.content.map(({ type }) => type)).to.deep.equal([
      ...['text', 'server_tool_use', 'web_search_tool_result', 'text'],
    ]);
  });

  it('know a call by its name, also when its arguments came before it', async () => {
    const bed = await begin(
      ['toolArguments', 0, '{"query":"q"}'],
      ['toolArguments', 1, '{"file_path":'],
      ['toolStart', 1, 'call_1', 'Read'],
      ['toolStart', 0, 'call_0', 'web_search'],
      ['toolArguments', 1, '"/a"}'],
      ['finish', 'tool_use'],
    );
    expect(bed.searches.map(({ query }) => query)).to.deep.equal(['q']);
    bed.searches[0]?.answer(PAGES);
    await until(() => bed.ends === 1);
    const message = messageOf(bed);
    expect(message?.content.map(({ type }) => type)).to.deep.equal([
      'tool_use',
      'server_tool_use',
      'web_search_tool_result',
    ]);
    expect(message?.content[0]).to.deep.include({ name: 'Read', input: { file_path: '/a' } });
    expect(message?.stop_reason).to.equal('tool_use');
  });

  it('may name their calls alike', async () => {
    const bed = await begin(...search(0, 'a'), ['finish', 'tool_use']);
    bed.searches[0]?.answer(PAGES);
    await until(() => bed.rounds.length === 2);
    bed.rounds[1]?.tell(...search(0, 'b'), ['finish', 'tool_use']);
    bed.searches[1]?.answer(PAGES);
    await until(() => bed.rounds.length === 3);
    bed.rounds[2]?.tell(['toolStart', 0, 'call_0', 'Read'], ['toolArguments', 0, '{}'], ['finish', 'tool_use']);
    const ids = messageOf(bed)?.content.flatMap(({ id }) => (id === undefined ? [] : [id]));
    expect(ids).to.have.length(3);
    expect(new Set(ids).size).to.equal(3);
    expect(messageOf(bed)?.stop_reason).to.equal('tool_use');
  });

  it('search nothing in an answer that was cut', async () => {
    const bed = await begin(['text', 'Now.'], ...search(0, 'q'), ['finish', 'max_tokens']);
    expect(bed.searches).to.deep.equal([]);
    expect(messageOf(bed)).to.deep.include({ stop_reason: 'max_tokens' });
    expect(bed.ends).to.equal(1);
  });

  it('end as broken when a search is called with what is no JSON', async () => {
    const bed = await begin(
      ['text', 'Now.'],
      ['toolStart', 0, 'c', 'web_search'],
      ['toolArguments', 0, '{"query":'],
      [...(['finish', 'tool_use'] as Verb)],
    );
    expect(named(bed, 'error')).to.have.length(1);
    expect(named(bed, 'message_stop')).to.have.length(0);
    expect(bed.searches).to.deep.equal([]);
  });

  it('end as broken when a later one breaks off, and stop listening to an earlier one', async () => {
    const bed = await begin(...search(0, 'q'), ['finish', 'tool_use']);
    bed.searches[0]?.answer(PAGES);
    await until(() => bed.rounds.length === 2);
    bed.rounds[0]?.breakOff();
    expect(named(bed, 'error')).to.have.length(0);
    bed.rounds[1]?.tell(['text', 'Half']);
    bed.rounds[1]?.breakOff();
    expect(named(bed, 'error')).to.have.length(1);
    expect(named(bed, 'message_stop')).to.have.length(0);
    expect(bed.ends).to.equal(1);
  });

  it('pass on that the client does not read, to the round that runs', async () => {
    const bed = await begin(...search(0, 'q'), ['finish', 'tool_use']);
    bed.flow.pause();
    bed.searches[0]?.answer(PAGES);
    await until(() => bed.rounds.length === 2);
    expect(bed.rounds[1]?.heard).to.deep.equal(['pause']);
    bed.flow.resume();
    expect(bed.rounds[1]?.heard).to.deep.equal(['pause', 'resume']);
  });

  it('end with the client: the search is aborted, and nobody is asked on', async () => {
    const bed = await begin(...search(0, 'q'), ['finish', 'tool_use']);
    bed.flow.abort();
    expect(bed.searches[0]?.signal.aborted).to.equal(true);
    const told = bed.events.length;
    bed.searches[0]?.answer(PAGES);
    await new Promise((resolve) => setImmediate(resolve));
    expect(bed.events).to.have.length(told);
    expect(bed.asked).to.deep.equal([]);
  });

  it('estimate anew what the next one is asked', async () => {
    const bed = await begin(...search(0, 'q'), ['finish', 'tool_use']);
    bed.searches[0]?.answer({
      kind: 'found',
      pages: [{ url: 'https://a.example/', title: 'A', text: 'x'.repeat(4000) }],
    });
    await until(() => bed.asked.length === 1);
    expect(bed.asked[0]?.memory.inputTokens).to.be.above(500);
  });
});

const callOfClient = (key: number): fc.Arbitrary<Verb[]> =>
  fc.tuple(fc.boolean(), fc.boolean()).map(([isLate, isEnded]) => {
    const start: Verb = ['toolStart', key, `call_${key}`, 'Read'];
    const args: Verb[] = [
      ['toolArguments', key, '{"a":'],
      ['toolArguments', key, '1}'],
    ];
    return [
      ...(isLate ? [...args.slice(0, 1), start, ...args.slice(1)] : [start, ...args]),
      ...(isEnded ? [['toolEnd', key] as Verb] : []),
    ];
  });

describe('a round without a search', () => {
  it('is to the client what it would be without the gateway between', () => {
    const piece = fc.oneof(
      fc
        .constantFrom('text', 'thinking', 'signature')
        .chain((name) => fc.string().map((said): Verb[] => [[name, said]])),
      fc.constant<Verb[]>([['block', { type: 'redacted_thinking', data: 'x' }]]),
      fc.nat(100).map((output_tokens): Verb[] => [['usage', { output_tokens }]]),
    );
    const said = fc.array(piece, { maxLength: 8 }).chain((pieces) =>
      fc
        .array(fc.constant(0), { maxLength: 3 })
        .chain((calls) => fc.tuple(...calls.map((_, key) => callOfClient(key))))
        .map((calls) => [...pieces.flat(), ...calls.flat()]),
    );
    fc.assert(
      fc.property(said, fc.constantFrom('end_turn', 'tool_use', 'max_tokens'), (spoken, reason) => {
        const [direct, between]: AnthropicEvent[][] = [[], []];
        const start = { id: 'msg_1', model: 'm', usage: { input_tokens: 3, output_tokens: 0 } };
        const writer = createMessageWriter(start, (event) => direct?.push(event));
        const client = createMessageWriter(start, (event) => between?.push(event));
        const round = new SearchRound({ client, searchName: 'web_search', number: 0, usedBefore: {}, inputTokens: 3 });
        for (const verb of spoken) for (const one of [writer, round]) speak(one, verb);
        writer.finish(reason as 'end_turn');
        round.finish(reason as 'end_turn');
        const end = round.result();
        client.usage(end.usage);
        client.finish(end.stopReason, end.stopSequence, end.fields);
        expect(between).to.deep.equal(direct);
        expect(end.searches).to.deep.equal([]);
      }),
    );
  });
});
