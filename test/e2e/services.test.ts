// Gateway, comparator and console as three processes: one request is one trace, one row and one pair over all of them.
import { expect } from 'chai';
import { pairSpanId } from '#shared/ids.ts';
import { type ConsoleClient, createConsoleClient } from '../support/console-client.ts';
import type { SinkSpan } from '../support/otlp-sink.ts';
import { header, messagesRequest, type RawAnswer, send } from '../support/raw-client.ts';
import { type ServiceBed, startServiceBed, TARGET } from '../support/service-bed.ts';
import type { ServiceProcess } from '../support/service-process.ts';

const USAGE = { input_tokens: 100, output_tokens: 20, cache_read_input_tokens: 7, cache_creation_input_tokens: 3 };
const SHADOW_USAGE = { input_tokens: 50, output_tokens: 9, cache_read_input_tokens: 0, cache_creation_input_tokens: 0 };
const CALL = { type: 'tool_use', name: 'Bash', input: { command: 'echo hello' } };
const CLIENT_TRACE = '0af7651916cd43dd8448eb211c80319c';
const CLIENT_SPAN = 'b7ad6b7169203331';
/** Three of the pair and one forward. */
const SPANS = ['compare_pair', 'compare_request', 'primary_forward', 'proxy_request'];

describe('services in processes of their own', function () {
  this.timeout(60_000);
  let bed: ServiceBed;
  let gateway: ServiceProcess;
  let console: ConsoleClient;
  before(async function () {
    bed = await startServiceBed(this);
    const [started, page] = await Promise.all([bed.start('gateway'), bed.start('console'), bed.start('comparator')]);
    gateway = started;
    console = createConsoleClient(page.url);
    bed.passthrough.use({ content: [{ type: 'text', text: 'I will run it.' }, CALL], usage: USAGE });
    bed.target.use({ content: [CALL], usage: SHADOW_USAGE });
  });
  after(() => bed?.stop());

  async function ask(content: string, headers: string[] = []): Promise<{ id: string; answer: RawAnswer }> {
    const body = {
      messages: [{ role: 'user', content }],
      tools: [{ name: 'Bash', input_schema: { type: 'object' } }],
      metadata: { user_id: 'user_1_account_2_session_3f1c9a52-7d0e-4b8a-9e61-2a4c8f7b1d03' },
    };
    const answer = await send(gateway.url, messagesRequest({ headers, body }));
    expect(answer.status).to.equal(200);
    return { id: header(answer, 'x-ccproxy-request-id') ?? '', answer };
  }

  async function traceOf(id: string): Promise<Record<string, SinkSpan>> {
    const mine = (spans: SinkSpan[]): SinkSpan[] =>
      spans.filter((span) => span.attributes['ccproxy.request_id'] === id);
    const spans = mine(await bed.sink.waitFor((all) => mine(all).length >= SPANS.length, 20_000));
    expect(spans.map(({ name }) => name).sort()).to.deep.equal(SPANS);
    return Object.fromEntries(spans.map((span) => [span.name, span]));
  }

  it('S0-02 one request ends as one row and one pair, readable over the console', async () => {
    const { id } = await ask('compare over processes');
    const { exchange, pairs, reason } = await console.settled(id, 20_000);
    expect(reason).to.equal(null);
    expect(exchange).to.include({ id, mode: 'compare', class: 'main', status: 'completed', http_status: 200 });
    expect(exchange.session_id).to.equal('3f1c9a52-7d0e-4b8a-9e61-2a4c8f7b1d03');
    expect(exchange.usage).to.deep.equal(USAGE);
    expect(pairs).to.have.length(1);
    expect(pairs[0]).to.include({ target: TARGET, status: 'paired', level: 'identical', verdict: 'equivalent' });
    expect(pairs[0]?.primary?.tools).to.deep.equal(['Bash']);
    expect(pairs[0]?.secondary?.usage).to.include({ input_tokens: 50, output_tokens: 9 });
    expect(exchange.trace_id).to.equal(pairs[0]?.trace_id);
  });

  it('S0-26 makes one trace of it over all three, with the right parents and links and no model under a model', async () => {
    const { id } = await ask('trace me');
    const spans = await traceOf(id);
    const { proxy_request: root, primary_forward: forward, compare_request: shadow, compare_pair: pair } = spans;
    if (!root || !forward || !shadow || !pair) throw new Error('a span is missing');
    expect(new Set(Object.values(spans).map(({ traceId }) => traceId)).size).to.equal(1);
    expect(root.parentSpanId).to.equal(null);
    for (const child of [forward, shadow, pair]) expect(child.parentSpanId, child.name).to.equal(root.spanId);
    expect(shadow.links).to.deep.equal([{ traceId: root.traceId, spanId: root.spanId }]);
    expect(pair.links).to.deep.equal([{ traceId: root.traceId, spanId: shadow.spanId }]);
    expect(root.links).to.deep.equal([]);
    expect(shadow.spanId).to.equal(pairSpanId('compare_request', id, TARGET, 0));
    expect(pair.spanId).to.equal(pairSpanId('compare_pair', id, TARGET, 0));
    const kinds = Object.fromEntries(Object.values(spans).map(({ name, kind }) => [name, kind]));
    expect(kinds).to.deep.equal({
      proxy_request: 'server',
      primary_forward: 'client',
      compare_request: 'client',
      compare_pair: 'internal',
    });
    const meanings = Object.values(spans).map(({ name, attributes }) => [name, attributes['openinference.span.kind']]);
    expect(Object.fromEntries(meanings)).to.deep.equal({
      proxy_request: 'LLM',
      primary_forward: undefined,
      compare_request: 'LLM',
      compare_pair: 'EVALUATOR',
    });
    expect(root.resource['service.name']).to.equal('cc-gateway');
    expect(shadow.resource['service.name']).to.equal('cc-comparator');
    const projects = Object.values(spans).map(({ resource }) => resource['openinference.project.name']);
    expect(new Set(projects)).to.deep.equal(new Set(['default']));
    expect(Number(root.endNs - root.startNs)).to.be.greaterThan(0);
    expect(shadow.startNs >= root.endNs - 2_000_000n, 'the shadow begins after the answer').to.equal(true);
  });

  it('gives the root the familiar attributes, and both models the same set', async () => {
    const { id, answer } = await ask('attributes');
    const {
      proxy_request: root,
      primary_forward: forward,
      compare_request: shadow,
      compare_pair: pair,
    } = await traceOf(id);
    if (!root || !forward || !shadow || !pair) throw new Error('a span is missing');
    const shared = [
      ...[
        'ttft_ms',
        'total_duration_ms',
        'anthropic_request_id',
        'llm.token_count.prompt',
        'llm.token_count.completion',
      ],
      ...['llm.token_count.total', 'llm.invocation_parameters', 'llm.input_messages.0.message.role'],
      ...['llm.output_messages.0.message.role', 'llm.model_name', 'llm.request.model_name', 'llm.response.model_name'],
      ...[
        'llm.system',
        'llm.provider',
        'llm.finish_reason',
        'session.id',
        'gen_ai.operation.name',
        'gen_ai.request.model',
      ],
      ...['gen_ai.usage.input_tokens', 'gen_ai.usage.output_tokens', 'http.response.status_code', 'ccproxy.request_id'],
      ...['ccproxy.leg', 'ccproxy.mode', 'ccproxy.upstream', 'ccproxy.request.bytes', 'ccproxy.request.message_count'],
      ...['ccproxy.request.tool_count', 'ccproxy.model.rewritten', 'ttfb_ms', 'ccproxy.service'],
    ];
    expect(
      shared.filter((key) => root.attributes[key] === undefined),
      'missing on proxy_request',
    ).to.deep.equal([]);
    expect(
      shared.filter((key) => shadow.attributes[key] === undefined),
      'missing on compare_request',
    ).to.deep.equal([]);
    expect(root.attributes).to.include({
      'http.route': '/v1/messages',
      'http.response.status_code': 200,
      'ccproxy.leg': 'primary',
      'ccproxy.mode': 'compare',
      'ccproxy.upstream': 'passthrough',
      'ccproxy.route': 'passthrough',
      'ccproxy.model.rewritten': false,
      anthropic_request_id: header(answer, 'request-id'),
      'llm.token_count.prompt': 110,
      'llm.token_count.completion': 20,
      'llm.token_count.total': 130,
      'llm.input_messages.0.message.content': 'attributes',
      'llm.output_messages.0.message.tool_calls.0.tool_call.function.name': 'Bash',
      'session.id': '3f1c9a52-7d0e-4b8a-9e61-2a4c8f7b1d03',
    });
    expect(JSON.parse(String(root.attributes['llm.invocation_parameters']))).to.include({
      max_tokens: 64,
      stream: true,
    });
    expect(root.attributes.ttft_ms).to.be.a('number').and.be.at.most(Number(root.attributes.total_duration_ms));
    expect(root.attributes['ccproxy.overhead_ms']).to.be.a('number');
    expect(root.events.map(({ name }) => name)).to.include.members(['first_byte', 'First Token Stream Event']);
    expect(forward.attributes).to.include({
      'http.request.method': 'POST',
      'url.full': `${bed.passthrough.url}/v1/messages`,
      'server.address': '127.0.0.1',
      'http.response.status_code': 200,
      'http.request.resend_count': 0,
    });
    expect(shadow.attributes).to.include({
      'ccproxy.leg': 'target',
      'ccproxy.target': TARGET,
      'ccproxy.pair_id': `${id}:${TARGET}`,
      'ccproxy.model.rewritten': true,
      'ccproxy.delivery_count': 1,
      'llm.token_count.total': 59,
      'messaging.system': 'redis',
      'messaging.operation.name': 'xreadgroup',
      'messaging.operation.type': 'process',
      'messaging.destination.name': 'ccproxy:exchanges',
      'messaging.consumer.group.name': 'compare',
      'messaging.message.conversation_id': `${id}:${TARGET}`,
    });
    expect(shadow.attributes['messaging.message.id']).to.match(/^\d+-\d+$/);
    expect(shadow.attributes['messaging.message.body.size']).to.be.greaterThan(100);
    expect(shadow.attributes['ccproxy.queue_wait_ms']).to.be.a('number');
    expect(shadow.events.map(({ name }) => name)).to.include.members(['upstream_attempt', 'first_byte']);
    expect(pair.attributes).to.include({
      'ccproxy.pair_id': `${id}:${TARGET}`,
      'ccproxy.verdict': 'equivalent',
      'ccproxy.primary.span_id': root.spanId,
      'ccproxy.target.span_id': shadow.spanId,
      'annotations.0.annotation.annotator_kind': 'CODE',
      'annotations.0.annotation.identifier': `${id}:${TARGET}`,
    });
    for (const ratio of ['latency_ratio', 'ttft_ratio', 'output_tokens_ratio']) {
      expect(pair.attributes[`ccproxy.${ratio}`], ratio).to.be.a('number');
    }
  });

  it('sums to the tokens of both arms when every model span of the trace is added up', async () => {
    const { id } = await ask('tokens');
    const models = Object.values(await traceOf(id)).filter(
      ({ attributes }) => attributes['openinference.span.kind'] === 'LLM',
    );
    const total = models.reduce((sum, { attributes }) => sum + Number(attributes['llm.token_count.total']), 0);
    expect(total).to.equal(130 + 59);
  });

  it('continues the client’s trace, with its root below the client’s span', async () => {
    const { id } = await ask('traced client', ['traceparent', `00-${CLIENT_TRACE}-${CLIENT_SPAN}-01`]);
    const { proxy_request: root, compare_pair: pair } = await traceOf(id);
    expect(root).to.include({ traceId: CLIENT_TRACE, parentSpanId: CLIENT_SPAN });
    expect(pair).to.include({ traceId: CLIENT_TRACE });
    expect(await console.exchange(id)).to.include({ trace_id: CLIENT_TRACE });
  });

  it('sends neither a trace context nor baggage to a model', async () => {
    await ask('context', ['traceparent', `00-${CLIENT_TRACE}-${CLIENT_SPAN}-01`, 'baggage', 'user=alice']);
    const shadows = await bed.target.until((seen) => seen.length > 0, 10_000);
    for (const { headers } of shadows) expect(headers).to.not.have.any.keys('traceparent', 'tracestate', 'baggage');
  });
});
