import { expect } from 'chai';
import { modelFacts, toCallSpans } from '#services/gateway/call-spans.ts';
import { type CallSpansInput, createMakeCallSpans } from '#services/gateway/make-call-spans.ts';
import type { FinishedCall } from '#services/gateway/messages/finished-call.ts';
import { toView } from '#services/gateway/messages/parse.ts';
import { createCallTracing } from '#services/gateway/trace-call.ts';
import { observe, parseRequest } from '#shared/exchange/read-exchange.ts';
import { createRedactor, withHmacKey } from '#shared/redact/redact.ts';
import { llmAttributes } from '#shared/telemetry/llm-attributes.ts';
import { addMessages } from '#shared/telemetry/shown-messages.ts';
import { noTracing, type SpanRecord, type SpanWork, type Tracing } from '#shared/telemetry/tracing.ts';
import { answerEvents, chunksOf, recordedAnswer, sseBytes } from '../support/answer-bytes.ts';
import { untilForgotten } from '../support/collect-garbage.ts';
import { saidAttributes } from '../support/said-attributes.ts';

const SECRET = `sk-ant-${'x'.repeat(24)}`;
const REQUEST = {
  model: 'm',
  max_tokens: 9,
  temperature: 0.5,
  system: 'be brief',
  metadata: { user_id: '{"session_id":"s","device_id":"d"}' },
  tools: [{ name: 'T' }, { name: 'U' }],
  messages: [
    { role: 'user', content: `my key is ${SECRET}` },
    { role: 'assistant', content: [{ type: 'text', text: 'I see' }] },
    { role: 'user', content: 'what now?' },
  ],
};

const BODY = Buffer.from(JSON.stringify(REQUEST));
const CONTENT = { maxContentBytes: 100_000, hide: [], longestImage: 32_000, prices: {} };

function call(more: Partial<FinishedCall> = {}): FinishedCall {
  return {
    id: 'id',
    startedAtMs: 1_795_000_000_000,
    mode: 'target',
    trace: { traceId: 'a'.repeat(32), spanId: 'b'.repeat(16), forwardSpanId: 'c'.repeat(16), sampled: true },
    plan: null,
    modelAsked: 'm',
    clientHeaders: {},
    requestSpans: null,
    outcome: 'ok',
    request: BODY,
    answer: recordedAnswer(chunksOf(sseBytes(answerEvents({ text: 'hello', tools: [{ name: 'T', input: {} }] })), 64)),
    lastAttempt: { spanId: 'c'.repeat(16), askedMs: 1, endMs: 30, status: 200, connectionWaitMs: 0.5 },
    earlierAttempts: [],
    times: { dispatchedMs: 1, firstByteMs: 2, answerEndMs: 30, endMs: 31 },
    ...more,
  } as unknown as FinishedCall;
}

describe('the spans of a call', () => {
  let emitted: SpanRecord[];
  let work: SpanWork[];
  const redaction = withHmacKey();
  const trace = async (finished: FinishedCall, more: Partial<Tracing>): Promise<void> => {
    const tracing: Tracing = {
      ...noTracing,
      enabled: true,
      emit: (spans) => void emitted.push(...spans),
      emitLater: (later) => void work.push(later),
      ...more,
    };
    const observation = finished.answer === null ? null : await observe(finished.answer);
    createCallTracing({ tracing, content: CONTENT, redaction })(finished, observation, { kind: 'none' });
  };
  beforeEach(() => {
    emitted = [];
    work = [];
  });

  /** What is said of the model call when all is at hand. */
  const llmOf = async (finished: FinishedCall, content: boolean) =>
    llmAttributes({
      ...modelFacts(finished, { kind: 'none' }),
      request: parseRequest(finished.request ?? Buffer.alloc(0)),
      observation: await observe(finished.answer ?? recordedAnswer([])),
      content,
      maxContentBytes: 100_000,
      redact: createRedactor(redaction).redactText,
    });

  it('carry in the thread the text that they would carry here, redacted', async () => {
    const finished = call();
    await trace(finished, { content: true });
    expect([emitted.length, work.length]).to.deep.equal([0, 1]);
    const [later] = work;
    expect(later?.spans).to.equal(2);
    const [root, forward] = await createMakeCallSpans()(
      structuredClone(later?.input, { transfer: later?.transferred ?? [] }),
    );
    const { total_duration_ms: _, ...llm } = await llmOf(finished, true);
    if (!root) throw new Error('no root');
    const shown: SpanRecord['attributes'] = saidAttributes(root);
    for (const messages of root.content ?? []) addMessages(shown, messages);
    expect(shown).to.deep.include({ ...llm, total_duration_ms: 31 });
    expect(JSON.stringify(root)).to.include('what now?').and.to.not.include(SECRET);
    expect(forward?.name).to.equal('primary_forward');
    expect(finished.request?.length).to.be.above(0);
  });

  it('are redacted, priced and hidden in the thread by the settings, whatever form its key has, and by others afterwards', async () => {
    const make = createMakeCallSpans();
    const said = async (
      hmacKey: string | Uint8Array,
      pattern: string,
      price: number,
    ): Promise<SpanRecord | undefined> => {
      const prices = { m: { input: price, output: price, cache_read: null, cache_write: null } };
      const content = { ...CONTENT, prices, hide: ['output_messages'] as const };
      const tracing: Tracing = {
        ...noTracing,
        enabled: true,
        content: true,
        emitLater: (later) => void work.push(later),
      };
      const finished = call();
      const observation = await observe(finished.answer ?? recordedAnswer([]));
      const settings = { tracing, content, redaction: { hmacKey, extraPatterns: [pattern] } };
      createCallTracing(settings)(finished, observation, { kind: 'none' });
      return (await make(structuredClone(work.pop()?.input)))[0];
    };
    const tag = (hmacKey: string | Uint8Array, text: string): string =>
      createRedactor({ hmacKey, extraPatterns: [text] }).redactText(text);
    for (const key of ['key', Buffer.from('key')]) {
      for (const [word, price] of [
        ['what', 1e6],
        ['brief', 2e6],
      ] as const) {
        const root = await said(key, word, price);
        expect(JSON.stringify(root?.attributes)).to.include(tag('key', word)).and.to.not.include('llm.output_messages');
        expect(root?.attributes['llm.cost.completion']).to.equal(
          price * 1e-6 * Number(root?.attributes['llm.token_count.completion']),
        );
      }
    }
  });

  it('wait for the thread in memory that it shares, and that is used again once it has read them', async () => {
    const tracing: Tracing = {
      ...noTracing,
      enabled: true,
      content: true,
      emitLater: (later) => void work.push(later),
    };
    const traceCall = createCallTracing({ tracing, content: CONTENT, redaction });
    const finished = call();
    const observation = await observe(finished.answer ?? recordedAnswer([]));
    for (let count = 0; count < 3; count++) {
      traceCall(finished, observation, { kind: 'none' });
      if (count === 1) for (const { release } of work) release?.();
    }
    const places = work.map(({ input }) => (input as CallSpansInput).laidOut);
    expect(new Set(places.map(({ buffer }) => buffer)).size).to.equal(1);
    expect(places[0]?.buffer).to.be.instanceOf(SharedArrayBuffer);
    expect(places.map(({ byteOffset }) => byteOffset)).to.deep.equal([0, places[0]?.length, 0]);
  });

  it('hold nothing of request and answer once they are made', async () => {
    const text = `${'word '.repeat(1000)}${SECRET}`;
    const bytes = Buffer.from(JSON.stringify({ ...REQUEST, messages: [{ role: 'user', content: text }] }));
    await trace(call({ request: bytes, requestSpans: toView(bytes).spans }), { content: true });
    const make = createMakeCallSpans();
    const read = async (): Promise<WeakRef<ArrayBufferLike>> => {
      const input = work.pop()?.input as CallSpansInput;
      const laidOut = new Uint8Array(input.laidOut);
      await make({ ...input, laidOut });
      return new WeakRef(laidOut.buffer);
    };
    await untilForgotten(await read());
    expect(make).to.be.a('function');
  });

  it('say the same of the call without text, from a glance at the request', async () => {
    const finished = call({ requestSpans: toView(BODY).spans });
    await trace(finished, { content: false });
    const { total_duration_ms: _, ...llm } = await llmOf(finished, false);
    expect(llm).to.include({ 'ccproxy.request.message_count': 3, 'ccproxy.request.tool_count': 2 });
    expect(emitted.map(saidAttributes)[0]).to.deep.include({
      ...{ ...llm, total_duration_ms: 31, ttfb_ms: 1, 'ccproxy.overhead_ms': 2, 'ccproxy.request_id': 'id' },
      metadata:
        '{"service":"gateway","request_id":"id","mode":"target","leg":"primary","upstream":null,"model_asked":"m"}',
    });
    expect(JSON.stringify([emitted, emitted.map(saidAttributes)])).to.not.include('what now?');
    expect(work).to.deep.equal([]);
  });

  it('say of each call its own, one after the other, whether or not a call before said more', async () => {
    const tracing: Tracing = { ...noTracing, enabled: true, emit: (spans) => void emitted.push(...spans) };
    const traceCall = createCallTracing({ tracing, content: CONTENT, redaction });
    const error = { ...call(), id: 'second', outcome: 'upstream_error', httpStatus: 529 } as unknown as FinishedCall;
    const last = call({ id: 'third', capturedHeaders: null });
    const calls = [call({ capturedHeaders: { 'x-team': 'blue' } }), error, last];
    for (const finished of calls) {
      traceCall(finished, await observe(finished.answer ?? recordedAnswer([])), { kind: 'none' });
    }
    const roots = emitted.filter(({ name }) => name === 'proxy_request').map(saidAttributes);
    const alone: object[] = [];
    emitted = [];
    for (const finished of calls) {
      await trace(finished, { content: false });
      alone.push(
        ...emitted
          .splice(0)
          .filter(({ name }) => name === 'proxy_request')
          .map(saidAttributes),
      );
    }
    expect(roots).to.deep.equal(alone);
    expect(roots.map((root) => root['error.type'])).to.deep.equal([undefined, 'overloaded_error', undefined]);
    expect(JSON.stringify(roots.slice(1))).to.not.include('blue');
  });

  it('say of an error without text its code alone, and with it a message that is redacted and short', async () => {
    const extraPatterns = ['PROMPT[0-9]+'];
    const rules = { memory: null, redact: createRedactor({ extraPatterns }).redactText };
    const message = `target: bad prompt: PROMPT0, ${SECRET}, ${'and so on '.repeat(1000)}`;
    const error = { code: 'invalid_request_error' as const, message };
    const finished = call({ outcome: 'upstream_error', httpStatus: 400, error });
    const messageOf = (content: boolean): string | undefined =>
      toCallSpans(finished, null, { kind: 'none' }, { ...rules, content })[0].statusMessage;
    expect(messageOf(false)).to.equal('invalid_request_error');
    expect(messageOf(true)).to.match(/^target: bad prompt: \[\[secret:\w+\]\], \[\[secret:\w+\]\], and so on/);
    expect(messageOf(true)).to.have.length(1024);
  });

  it('keep the name of a model that a client made up short, and look through it', async () => {
    const asked = `${SECRET}/${'m'.repeat(300_000)}`;
    for (const content of [false, true]) {
      await trace(call({ modelAsked: asked, answer: null }), { content });
      const { metadata } = saidAttributes(emitted.shift() as SpanRecord);
      expect(JSON.parse(String(metadata)).model_asked).to.match(/^\[\[secret:\w+\]\]\/m{100}/);
      expect(String(metadata).length).to.be.below(512);
      emitted = [];
    }
  });

  it('cost nothing where the trace is not sampled, and are still counted', async () => {
    const finished = call({ trace: { ...call().trace, sampled: false } });
    await trace(finished, { content: true });
    expect([emitted.length, work.length]).to.deep.equal([2, 0]);
    const observation = await observe(call().answer ?? recordedAnswer([]));
    const rules = { memory: null, content: true, redact: createRedactor(redaction).redactText };
    const spans = toCallSpans(finished, observation, { kind: 'none' }, rules);
    expect(emitted.map(saidAttributes)).to.deep.equal(spans.map(saidAttributes));
  });

  it('are made at once where no answer was kept', async () => {
    await trace(call({ answer: null }), { content: true });
    expect(emitted.map(({ name }) => name)).to.deep.equal(['proxy_request', 'primary_forward']);
  });

  it('know the call by the id of the upstream, where the client was given one of the gateway', async () => {
    const rawHeaders = ['request-id', 'req_ours', 'x-upstream-request-id', 'chatcmpl-1'];
    await trace(call({ answer: recordedAnswer([], { rawHeaders }) }), { content: false });
    expect(emitted.map((span) => saidAttributes(span)['anthropic.request.id'])).to.deep.equal([
      'chatcmpl-1',
      'chatcmpl-1',
    ]);
  });
});
