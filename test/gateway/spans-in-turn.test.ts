// Calls one after the other, of which later ones are described with what was made for earlier ones: each says what it would
// say alone.
import { expect } from 'chai';
import fc from 'fast-check';
import { createMakeCallSpans } from '#services/gateway/make-call-spans.ts';
import type { FinishedCall } from '#services/gateway/messages/finished-call.ts';
import { toView } from '#services/gateway/messages/parse.ts';
import { createCallTracing, type TraceCall } from '#services/gateway/trace-call.ts';
import { observe } from '#shared/exchange/read-exchange.ts';
import { keepMade, madeOnce } from '#shared/made-once.ts';
import { HIDDEN_PARTS, type HiddenPart } from '#shared/telemetry/hide-content.ts';
import { addMessages } from '#shared/telemetry/shown-messages.ts';
import { noTracing, type SpanRecord, type SpanWork } from '#shared/telemetry/tracing.ts';
import { answerEvents, chunksOf, recordedAnswer, sseBytes } from '../support/answer-bytes.ts';
import { saidAttributes } from '../support/said-attributes.ts';
import { testTarget } from '../support/target.ts';

interface Traced {
  trace: TraceCall;
  /** Of the last call; those that a thread makes are made by one. */
  spans(): Promise<SpanRecord[]>;
}

function startTracing(content: boolean, hide: readonly HiddenPart[]): Traced {
  let emitted: SpanRecord[] = [];
  let work: SpanWork[] = [];
  const make = createMakeCallSpans();
  const tracing = {
    ...noTracing,
    ...{ enabled: true, content },
    emit: (spans: SpanRecord[]) => void emitted.push(...spans),
    emitLater: (later: SpanWork) => void work.push(later),
  };
  const shown = { maxContentBytes: 100_000, hide, longestImage: 32_000, prices: {} };
  return {
    trace: createCallTracing({ tracing, content: shown, redaction: { hmacKey: 'key' } }),
    spans: async () => {
      const made = await Promise.all(work.map(({ input }) => make(structuredClone(input))));
      const all = [...emitted, ...made.flat()];
      emitted = [];
      work = [];
      return all;
    },
  };
}

function said(span: SpanRecord): object {
  const { repeated: _, content = [], attributes: _own, say: _say, ...rest } = span;
  const attributes: SpanRecord['attributes'] = saidAttributes(span);
  for (const messages of content) addMessages(attributes, messages);
  return { ...rest, attributes };
}

const TARGETS = [
  keepMade(testTarget({ provider: 'one', baseUrl: 'http://one:81/x' })),
  keepMade(testTarget({ provider: 'two', baseUrl: 'https://two' })),
];

interface Told {
  asked: string;
  sent: string | null;
  target: number | null;
  reason: string;
  mode: 'target' | 'compare';
  outcome: 'ok' | 'client_abort' | 'upstream_error' | 'stream_error';
  status: number;
  upstreamStatus: number;
  /** Whether any of an answer came. */
  answers: boolean;
  answered: string;
  stop: string;
  tier: string | null;
  ids: string[];
  header: string | undefined;
  beta: string | undefined;
  request: object;
  sees: boolean;
}

function call(told: Told): FinishedCall {
  const body = Buffer.from(JSON.stringify(told.request));
  const events = answerEvents({ text: 'hello', model: told.answered, stopReason: told.stop });
  const [first] = events as Array<{ message?: { usage: Record<string, unknown> } }>;
  if (first?.message && told.tier !== null) first.message.usage.service_tier = told.tier;
  return {
    id: 'id',
    startedAtMs: 1_795_000_000_000,
    mode: told.mode,
    trace: { traceId: 'a'.repeat(32), spanId: 'b'.repeat(16), forwardSpanId: 'c'.repeat(16), sampled: true },
    plan:
      told.target === null
        ? null
        : { mode: told.mode, primary: TARGETS[told.target], model: told.sent, reason: told.reason, shadow: [] },
    modelAsked: told.asked,
    clientHeaders: {
      ...(told.header === undefined ? {} : { 'x-claude-code-session-id': told.header }),
      ...(told.beta === undefined ? {} : { 'anthropic-beta': told.beta }),
    },
    requestSpans: toView(body).spans,
    outcome: told.outcome,
    httpStatus: told.status,
    upstreamStatus: told.upstreamStatus,
    error: null,
    request: body,
    answer: told.answers ? recordedAnswer(chunksOf(sseBytes(events), 64), { rawHeaders: told.ids }) : null,
    lastAttempt: { spanId: 'c'.repeat(16), askedMs: 1, endMs: 30, status: told.upstreamStatus, connectionWaitMs: 0.5 },
    earlierAttempts: [],
    times: { dispatchedMs: 1, firstByteMs: 2, answerEndMs: 30, endMs: 31 },
  } as unknown as FinishedCall;
}

const name = fc.constantFrom('m', 'claude-x', 'gpt-4', 'proxy_request', '"quoted"', 'x'.repeat(300));
const request = fc
  .record(
    {
      model: name,
      max_tokens: fc.constantFrom(9, 10),
      api_key: fc.constantFrom('first', 'second'),
      big: fc.constantFrom('q'.repeat(3000)),
      metadata: fc.constantFrom({ user_id: '{"session_id":"meta","device_id":"d"}' }, { user_id: 'bob' }),
      system: fc.constantFrom('be brief', 'be long'),
    },
    { requiredKeys: ['model'] },
  )
  .map((settings) => ({ ...settings, tools: [{ name: 'T' }], messages: [{ role: 'user', content: 'what now?' }] }));
const calls: fc.Arbitrary<Told> = fc.record({
  asked: name,
  sent: fc.option(name),
  target: fc.constantFrom(null, 0, 1),
  reason: fc.constantFrom('default', 'rule:x'),
  mode: fc.constantFrom('target', 'compare'),
  outcome: fc.constantFrom('ok', 'ok', 'client_abort', 'upstream_error', 'stream_error'),
  status: fc.constantFrom(200, 0, 529),
  upstreamStatus: fc.constantFrom(200, 201, 0, 429),
  answers: fc.constantFrom(true, true, true, false),
  answered: name,
  stop: fc.constantFrom('end_turn', 'max_tokens'),
  tier: fc.constantFrom(null, 'standard', 'batch'),
  ids: fc.constantFrom([], ['anthropic-organization-id', 'o1'], ['anthropic-workspace-id', 'o1']),
  header: fc.constantFrom(undefined, '', 's1'),
  beta: fc.constantFrom(undefined, 'a,b', 'b'.repeat(1100)),
  request,
  sees: fc.boolean(),
});

const PLAIN: Told = {
  ...{ asked: 'm', sent: 'm', target: 0, reason: 'default', mode: 'target', outcome: 'ok' },
  ...{ status: 200, upstreamStatus: 200, answers: true, answered: 'm', stop: 'end_turn', tier: null, ids: [] },
  ...{ header: undefined, beta: undefined, sees: true },
  request: { model: 'm', metadata: { user_id: '{"session_id":"meta"}' }, messages: [] },
};

async function tracedBy(traced: Traced, told: Told): Promise<SpanRecord[]> {
  const finished = call(told);
  const observation = told.sees && finished.answer ? await observe(finished.answer) : null;
  traced.trace(finished, observation, { kind: 'none' });
  return traced.spans();
}

describe('the spans of calls one after the other', () => {
  it('say what each would say alone, with text and without', async () => {
    const parts = fc.subarray<HiddenPart>([...HIDDEN_PARTS], { maxLength: 2 });
    await fc.assert(
      fc.asyncProperty(fc.boolean(), parts, fc.array(calls, { maxLength: 8 }), async (content, hide, all) => {
        const traced = startTracing(content, hide);
        for (const told of [...all, ...all]) {
          const alone = await tracedBy(startTracing(content, hide), told);
          expect((await tracedBy(traced, told)).map(said)).to.deep.equal(alone.map(said));
        }
      }),
      { numRuns: 150 },
    );
  });

  it('differ where two calls differ in one thing, and in nothing else', async () => {
    const others: Array<Partial<Told>> = [
      ...[
        { asked: 'n' },
        { sent: 'n' },
        { target: 1 },
        { target: null },
        { reason: 'rule:x' },
        { mode: 'compare' as const },
      ],
      ...[{ outcome: 'client_abort' as const }, { status: 201 }, { upstreamStatus: 429 }, { answered: 'n' }],
      ...[{ stop: 'max_tokens' }, { tier: 'batch' }, { ids: ['anthropic-organization-id', 'o'] }, { header: 's1' }],
      ...[{ ids: ['anthropic-workspace-id', 'o'] }, { beta: 'a' }, { request: { ...PLAIN.request, max_tokens: 9 } }],
      { outcome: 'upstream_error' },
      ...[{ upstreamStatus: 201 }, { upstreamStatus: 0 }, { upstreamStatus: 0, answers: false }],
    ];
    for (const content of [false, true]) {
      const traced = startTracing(content, []);
      const first = JSON.stringify((await tracedBy(traced, PLAIN)).map(said));
      for (const other of others) {
        const told = { ...PLAIN, ...other };
        const spans = (await tracedBy(traced, told)).map(said);
        expect(JSON.stringify(spans), JSON.stringify(other)).to.not.equal(first);
        expect(spans).to.deep.equal((await tracedBy(startTracing(content, []), told)).map(said));
      }
      expect(JSON.stringify((await tracedBy(traced, PLAIN)).map(said))).to.equal(first);
    }
  });

  it('share what they say again, so that its bytes are known', async () => {
    for (const content of [false, true]) {
      const traced = startTracing(content, []);
      const repeatedBy = async () => (await tracedBy(traced, PLAIN)).map(({ repeated = [] }) => repeated);
      const [before, after] = [await repeatedBy(), await repeatedBy()];
      expect(before.map(({ length }) => length)).to.deep.equal(content ? [2, 0] : [3, 1]);
      for (const [at, groups] of before.entries()) {
        for (const [index, group] of groups.entries()) {
          expect(after[at]?.[index]).to.equal(group);
          const make = () => ({});
          expect(madeOnce(group, make, make), 'what is made of it').to.equal(madeOnce(group, make, make));
        }
      }
    }
  });

  it('hide the settings that they are told to hide, the first time and again', async () => {
    const settings = 'llm.invocation_parameters';
    for (const content of [false, true]) {
      for (const request of [PLAIN.request, { ...PLAIN.request, big: 'q'.repeat(3000) }]) {
        const [hidden, shown] = [startTracing(content, ['llm_invocation_parameters']), startTracing(content, [])];
        for (let turn = 0; turn < 2; turn++) {
          const roots = [hidden, shown].map(async (traced) => (await tracedBy(traced, { ...PLAIN, request }))[0]);
          const [without, with_] = (await Promise.all(roots)).map((root) => saidAttributes(root ?? { attributes: {} }));
          expect(without).to.not.have.property(settings);
          expect(with_).to.have.property(settings);
        }
      }
    }
  });

  it('are in the session that the header names, else in that of the metadata', async () => {
    for (const content of [false, true]) {
      const traced = startTracing(content, []);
      const sessions: unknown[] = [];
      for (const header of [undefined, '', 's1', undefined]) {
        const [root] = await tracedBy(traced, { ...PLAIN, header });
        sessions.push(root && saidAttributes(root)['session.id']);
      }
      expect(sessions).to.deep.equal(['meta', 'meta', 's1', 'meta']);
    }
  });

  it('say what is known of a call whose answer was not read', async () => {
    const told = { ...PLAIN, sees: false, asked: 'the "m"', outcome: 'upstream_error' as const };
    const [root] = await tracedBy(startTracing(false, []), told);
    if (!root) throw new Error('no span');
    expect(saidAttributes(root)).to.include({
      ...{ 'openinference.span.kind': 'LLM', 'ccproxy.upstream': 'one' },
      ...{ total_duration_ms: root.endMs - root.startMs, 'ccproxy.request_id': 'id' },
    });
    expect(saidAttributes(root)['ccproxy.overhead_ms']).to.be.a('number');
    expect(JSON.parse(String(saidAttributes(root).metadata))).to.deep.equal({
      ...{ service: 'gateway', request_id: 'id', mode: 'target', leg: 'primary', upstream: 'one' },
      model_asked: 'the "m"',
    });
    expect(root).to.include({ status: 'error', statusMessage: 'upstream_error' });
  });
});
