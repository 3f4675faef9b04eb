// Facts and rules without a gateway around them: which rule holds for which request, and how much of it is read for that.
import { expect } from 'chai';
import fc from 'fast-check';
import type { GatewayContext } from '#services/gateway/context.ts';
import type { Call, Caller } from '#services/gateway/messages/call.ts';
import { toView } from '#services/gateway/messages/parse.ts';
import { route } from '#services/gateway/messages/route.ts';
import { classifyRequest } from '#services/gateway/routing/classify-request.ts';
import { matchRule } from '#services/gateway/routing/match-rule.ts';
import { type ReadFacts, readFacts } from '#services/gateway/routing/request-facts.ts';
import { shadowTargets } from '#services/gateway/routing/resolve-by-rules.ts';
import { createRules, type Rule, type When } from '#services/gateway/routing/rule.ts';
import { parseRequest } from '#shared/exchange/read-exchange.ts';
import { estimateTokens } from '#shared/messages/estimate-tokens.ts';
import { createTargets } from '#shared/upstream/create-targets.ts';
import { testConfig } from '../support/gateway.ts';
import { loadRecordings } from '../support/recordings.ts';

const NOTHING: When = {
  ...{ model: null, class: null, input_tokens_over: null, thinking: null, thinking_budget_over: null },
  ...{
    plan_mode: null,
    tool_used: null,
    tool_offered: null,
    server_tool: null,
    tool_forced: null,
    has_images: null,
    stream: null,
  },
};

const targets = createTargets(
  testConfig({
    'providers.p.base_url': 'http://127.0.0.1:1',
    ...{ 'models.m.provider': 'p', 'models.m.aliases': ['claude-m'] },
  }),
);

function rulesOf(...whens: Array<Partial<When>>): Rule[] {
  return createRules(
    whens.map((when, index) => ({ name: `r${index}`, when: { ...NOTHING, ...when }, use: 'm' })),
    targets,
  );
}

function factsOf(body: object, headers: Record<string, string> = {}): ReadFacts {
  return readFacts(toView(Buffer.from(JSON.stringify({ model: 'claude-x', ...body }))), headers);
}

const holds = (when: Partial<When>, body: object, headers: Record<string, string> = {}): boolean =>
  matchRule(rulesOf(when), factsOf(body, headers)) !== undefined;

const user = (...content: unknown[]) => ({ role: 'user', content });
const assistant = (...content: unknown[]) => ({ role: 'assistant', content });
const call = (name: string, type = 'tool_use') => ({ type, id: 'toolu_1', name, input: {} });
const image = { type: 'image', source: { type: 'base64', media_type: 'image/png', data: '' } };
const reminder = (text: string) => ({ type: 'text', text: `<system-reminder>\n${text}\n</system-reminder>` });
/** As Claude Code 1.0.120 and 2.1.329 say it. */
const PLANS =
  'Plan mode is active. The user indicated that they do not want you to execute yet -- you MUST NOT make any edits';
const PLANS_STILL =
  'Plan mode still active (see full instructions earlier in conversation). Read-only except plan file';
const ACTS = 'You have exited plan mode. You can now make edits, run tools, and take actions.';
const APPROVED = 'User has approved your plan. You can now start coding.';
const enabled = (budget_tokens: unknown) => ({ thinking: { type: 'enabled', budget_tokens } });

describe('what rules ask of a request', () => {
  const CASES: ReadonlyArray<[when: Partial<When>, matching: object[], others: object[]]> = [
    [
      { model: 'claude-*-4' },
      [{ model: 'claude-opus-4' }, { model: 'claude--4' }],
      [{ model: 'claude-opus-4-5' }, { model: 'Claude-opus-4' }],
    ],
    [{ stream: true }, [{ stream: true }], [{ stream: false }, {}, { stream: 'true' }]],
    [{ stream: false }, [{ stream: false }, {}], [{ stream: true }]],
    [
      { thinking: true },
      [enabled(1024), { thinking: { type: 'adaptive' } }],
      [{}, { thinking: { type: 'disabled' } }, { thinking: null }, { thinking: 'enabled' }],
    ],
    [{ thinking: false }, [{}, { thinking: { type: 'disabled' } }], [enabled(1024)]],
    [
      { thinking_budget_over: 1000 },
      [enabled(1001)],
      [
        enabled(1000),
        enabled('2000'),
        { thinking: { type: 'adaptive' } },
        { thinking: { type: 'disabled', budget_tokens: 2000 } },
        {},
      ],
    ],
    [
      { tool_forced: 'web_*' },
      [{ tool_choice: { type: 'tool', name: 'web_search' } }],
      [
        { tool_choice: { type: 'tool', name: 'Read' } },
        { tool_choice: { type: 'any' } },
        { tool_choice: { type: 'auto', name: 'web_search' } },
        {},
      ],
    ],
    [
      { server_tool: 'web_search*' },
      [
        { tools: [{ name: 'Read' }, { type: 'web_search_20260209', name: 'search' }] },
        { tools: [{ type: 'future_search', name: 'web_search' }] },
      ],
      [
        { tools: [{ name: 'web_search' }] },
        { tools: [{ type: 'custom', name: 'web_search' }] },
        { tools: 'web_search' },
        {},
      ],
    ],
    [
      { tool_offered: 'WebSearch' },
      [{ tools: [{ name: 'Read' }, { name: 'WebSearch' }] }, { tools: [{ type: 'custom', name: 'WebSearch' }] }],
      [{ tools: [{ name: 'WebSearchPlus' }, null, 'WebSearch', { name: 7 }] }, { tools: [] }, {}],
    ],
    [
      { tool_used: 'mcp__*' },
      [
        { messages: [user('a'), assistant(call('mcp__a__b'))] },
        { messages: [user('a'), assistant(call('Read'), call('mcp__a__b')), user({ type: 'tool_result' })] },
        { messages: [assistant(call('mcp__a__b', 'mcp_tool_use'))] },
      ],
      [
        { messages: [assistant(call('mcp__a__b')), user('a'), assistant(call('Read')), user('b')] },
        { messages: [assistant(call('mcp__a__b')), user('a'), { role: 'assistant', content: 'done' }] },
        { messages: [user(call('mcp__a__b'))] },
        { tools: [{ name: 'mcp__a__b' }], messages: [user('a')] },
        {},
      ],
    ],
    [
      { has_images: true },
      [
        { messages: [user('a', image)] },
        { messages: [user({ type: 'tool_result', content: [image] }), assistant('b')] },
      ],
      [{ messages: [user('image')] }, { messages: [user({ type: 'tool_result', content: 'image' })] }, {}],
    ],
    [
      { plan_mode: true },
      [
        { messages: [user(reminder(PLANS), { type: 'text', text: 'go' })] },
        { messages: [user('a'), { role: 'system', content: [{ type: 'text', text: `# Agents\n\n${PLANS}` }] }] },
        { messages: [user(reminder(PLANS)), assistant(call('Read')), user({ type: 'tool_result', content: 'b' })] },
        { messages: [user(reminder(PLANS)), user(reminder(ACTS)), user(reminder(PLANS_STILL), reminder('c'))] },
      ],
      [
        {},
        { messages: [user({ type: 'text', text: PLANS })] },
        { messages: [user({ type: 'tool_result', content: `<system-reminder>${PLANS}` })] },
        { messages: [assistant({ type: 'text', text: reminder(PLANS).text })] },
        { system: PLANS, messages: [user('a')] },
        { messages: [user(reminder(PLANS)), user(reminder(ACTS))] },
        { messages: [user(reminder(PLANS)), { role: 'system', content: `## Exited Plan Mode\n\n${ACTS}` }] },
        { messages: [user(reminder(PLANS)), user({ type: 'tool_result', content: APPROVED })] },
        {
          messages: [user(reminder(PLANS)), user({ type: 'tool_result', content: [{ type: 'text', text: APPROVED }] })],
        },
      ],
    ],
    [{ plan_mode: false }, [{}, { messages: [user('a')] }], [{ messages: [user(reminder(PLANS))] }]],
    [{ has_images: false }, [{ messages: [user('a')] }, {}], [{ messages: [user(image)] }]],
    [{ input_tokens_over: 900 }, [{ messages: [user(image)] }], [{ messages: [user('a')] }]],
    [{ class: ['main'] }, [{ tools: [{ name: 'Read' }], messages: [user('a')] }], [{ messages: [user('a')] }]],
    [
      { class: ['auxiliary', 'other'] },
      [{ model: 'claude-haiku-4-5', messages: [user('a')] }, { messages: [user('a')] }],
      [{ tools: [{ name: 'Read' }] }],
    ],
    [{}, [{}], []],
  ];
  for (const [when, matching, others] of CASES) {
    it(`${JSON.stringify(when)} holds for what is so, and for nothing else`, () => {
      for (const body of matching) expect(holds(when, body), JSON.stringify(body)).to.equal(true);
      for (const body of others) expect(holds(when, body), JSON.stringify(body)).to.equal(false);
    });
  }

  it('takes the class from the client where it says it, and then reads no body', () => {
    const body = { tools: [{ name: 'Read' }] };
    expect(holds({ class: ['workflow'] }, body, { 'x-claude-code-request-class': 'workflow' })).to.equal(true);
    expect(holds({ class: ['compaction'] }, body, { 'x-claude-code-compaction': '1' })).to.equal(true);
    expect(holds({ class: ['main'] }, body, { 'x-claude-code-request-class': 'nonsense' })).to.equal(true);
    const unread = unreadable();
    const facts = readFacts(unread, { 'x-claude-code-request-class': 'subagent' });
    expect(facts.requestClass).to.equal('subagent');
  });

  it('finds for every recorded request the class that its history will have, and the estimate of its length', () => {
    const bodies = loadRecordings().filter(({ url, body }) => url.startsWith('/v1/messages') && body.length > 0);
    expect(bodies.length).to.be.above(50);
    for (const { file, seq, body } of bodies) {
      const whole = parseRequest(body);
      if (whole === null) throw new Error(`${file} ${seq} is no request`);
      const facts = readFacts(toView(body), {});
      expect(facts.requestClass, `${file} ${seq}`).to.equal(classifyRequest(whole, {}).class);
      expect(facts.parsed).to.equal(null);
      const inputTokens = Number(facts.inputTokens);
      expect(inputTokens / estimateTokens(whole), `${file} ${seq}`).to.be.within(0.8, 1.25);
      const { request, texts = null } = facts.parsed ?? {};
      expect(request && estimateTokens(request, texts?.countText)).to.equal(inputTokens);
    }
  });

  it('reads nothing for a condition on scalars, and the whole body once for all that need it', () => {
    const unread = unreadable();
    expect(matchRule(rulesOf({ stream: false }, { model: 'm', stream: true }), readFacts(unread, {}))?.name).to.equal(
      'r1',
    );

    const facts = factsOf({ messages: [user(image)] });
    const [small] = rulesOf({ thinking: true, tool_used: '*', tool_offered: '*', class: ['main'] });
    if (small === undefined) throw new Error('no rule');
    for (const condition of small.conditions) condition(facts);
    expect(facts.parsed).to.equal(null);
    expect(facts.hasImages).to.equal(true);
    const { parsed } = facts;
    expect(parsed).to.be.an('object');
    expect(facts.inputTokens).to.be.above(0);
    expect(facts.parsed).to.equal(parsed);
  });

  it('takes a list longer than that of any request for one that it cannot read', () => {
    const tool = '{"type":"web_search_20250305","name":"a"}';
    const view = (field: string, element: string, count: number) =>
      toView(Buffer.from(`{"model":"m","${field}":[${Array(count).fill(element).join(',')}]}`));
    expect(readFacts(view('tools', tool, 100_000), {}).toolsOffered).to.have.length(100_000);
    expect(readFacts(view('tools', tool, 100_001), {}).toolsOffered).to.deep.equal([]);
    expect(readFacts(view('tools', tool, 100_001), {}).serverTools).to.deep.equal([]);
    const called = '{"role":"assistant","content":[{"type":"tool_use","name":"a"}]}';
    expect(readFacts(view('messages', called, 100_001), {}).toolsUsed).to.deep.equal([]);
    expect(readFacts(view('messages', '1', 100_001), {}).isPlanning).to.equal(null);
    const blocks = `{"role":"user","content":[${Array(100_001).fill('{"text":"[SUGGESTION MODE:"}').join(',')}]}`;
    expect(readFacts(view('messages', blocks, 1), {}).requestClass).to.equal('other');
  });

  it('reads nothing for the shadow of compare before the passthrough is asked', () => {
    let asked = 0;
    const condition = (): boolean => asked++ >= 0;
    const rules = rulesOf({}).map((rule) => ({ ...rule, conditions: [condition] }));
    const view = toView(Buffer.from('{"model":"claude-opus-4-1","messages":[]}'));
    const call = { mode: 'compare', request: { headers: {}, rawHeaders: [] } } as unknown as Call;
    const context = { rules, targets, config: { passthroughModel: null, also: [] } } as unknown as GatewayContext;
    expect(route({ keyName: null } as unknown as Caller, view, call, context).reason).to.equal('passthrough');
    expect(asked).to.equal(0);
    expect(shadowTargets(view, {}, { rules, targets }, []).map(({ name }) => name)).to.deep.equal(['m']);
    expect(asked).to.equal(1);
  });

  it('asks what is quickly known before what the body is read for, whatever the order in the file', () => {
    const [rule] = rulesOf({ input_tokens_over: 0, has_images: false, class: ['main'], model: 'other' });
    const unread = unreadable();
    expect(matchRule(rule ? [rule] : [], readFacts(unread, {}))).to.equal(undefined);
  });
});

/** A request that breaks when its body is looked at. */
function unreadable() {
  return {
    model: 'm',
    stream: true,
    get bytes(): Buffer {
      throw new Error('the body was read');
    },
    get spans(): never {
      throw new Error('the body was read');
    },
  };
}

describe('rules, whatever they and the requests are', () => {
  const pattern = fc.oneof(
    fc.constant('*'),
    fc.string({ minLength: 1, maxLength: 4 }),
    fc.constantFrom('Re*', 'web_*', '*_*'),
  );
  const when: fc.Arbitrary<Partial<When>> = fc.record(
    {
      model: pattern,
      class: fc.subarray<'main' | 'auxiliary' | 'other'>(['main', 'auxiliary', 'other'], { minLength: 1 }),
      input_tokens_over: fc.nat(200),
      thinking: fc.boolean(),
      thinking_budget_over: fc.nat(2000),
      plan_mode: fc.boolean(),
      tool_used: pattern,
      tool_offered: pattern,
      server_tool: pattern,
      tool_forced: pattern,
      has_images: fc.boolean(),
      stream: fc.boolean(),
    },
    { requiredKeys: [] },
  );
  const block = fc.oneof(
    fc.record({
      type: fc.constantFrom('text', 'tool_use', 'image', 'thinking'),
      name: fc.constantFrom('Read', 'web_search'),
    }),
    fc.jsonValue({ maxDepth: 2 }),
  );
  const message = fc.record({
    role: fc.constantFrom('user', 'assistant', 7),
    content: fc.oneof(fc.string(), fc.array(block)),
  });
  const tool = fc.record(
    { name: fc.constantFrom('Read', 'web_search', 7), type: fc.constantFrom('custom', 'web_search_20250305') },
    { requiredKeys: [] },
  );
  const odd = fc.jsonValue({ maxDepth: 2 });
  const body: fc.Arbitrary<Record<string, unknown>> = fc.record(
    {
      model: fc.constantFrom('claude-haiku', 'Read', 'x_y'),
      stream: fc.oneof(fc.boolean(), odd),
      system: fc.oneof(fc.string(), odd),
      messages: fc.oneof(fc.array(fc.oneof(message, odd)), odd),
      tools: fc.oneof(fc.array(fc.oneof(tool, odd)), odd),
      tool_choice: fc.oneof(fc.record({ type: fc.constant('tool'), name: fc.constantFrom('Read', 7) }), odd),
      thinking: fc.oneof(
        fc.record({ type: fc.constantFrom('enabled', 'adaptive', 'disabled'), budget_tokens: fc.nat(4000) }),
        odd,
      ),
    },
    { requiredKeys: ['model'] },
  );
  const toFacts = (request: Record<string, unknown>): ReadFacts =>
    readFacts(toView(Buffer.from(JSON.stringify(request))), {});

  it('the first in order that holds by itself decides', () => {
    fc.assert(
      fc.property(fc.array(when, { maxLength: 6 }), body, (whens, request) => {
        const rules = rulesOf(...whens);
        const alone = rules.findIndex((rule) => matchRule([rule], toFacts(request)) !== undefined);
        expect(matchRule(rules, toFacts(request))?.name).to.equal(alone === -1 ? undefined : `r${alone}`);
      }),
      { numRuns: 500 },
    );
  });

  it('a rule holds when each of its conditions would hold by itself, and then only', () => {
    fc.assert(
      fc.property(when, body, (conditions, request) => {
        const each = Object.entries(conditions).map(([key, wanted]) => rulesOf({ [key]: wanted }));
        const all = each.every((rules) => matchRule(rules, toFacts(request)) !== undefined);
        expect(matchRule(rulesOf(conditions), toFacts(request)) !== undefined).to.equal(all);
      }),
      { numRuns: 500 },
    );
  });

  it('a fact that is not there never holds, be the pattern everything and the limit nothing', () => {
    const ABSENT: ReadonlyArray<[Partial<When>, string]> = [
      [{ tool_used: '*' }, 'messages'],
      [{ tool_offered: '*' }, 'tools'],
      [{ server_tool: '*' }, 'tools'],
      [{ tool_forced: '*' }, 'tool_choice'],
      [{ thinking: true }, 'thinking'],
      [{ thinking_budget_over: 0 }, 'thinking'],
      [{ has_images: true }, 'messages'],
      [{ plan_mode: true }, 'messages'],
    ];
    fc.assert(
      fc.property(body, fc.constantFrom(...ABSENT), (request, [condition, field]) => {
        const { [field]: _absent, ...rest } = request;
        expect(matchRule(rulesOf(condition), toFacts(rest))).to.equal(undefined);
      }),
      { numRuns: 500 },
    );
  });

  it('never throws, and takes what is broken inside for what is not there', () => {
    const broken = fc.constantFrom(
      '"\\x"',
      '[{"role":"assistant","content":"\\u12"}]',
      '{"type":"\\x"}',
      `[{"role":"user","content":"${'long '.repeat(1000)}\\x"}]`,
      `[{"role":"assistant","content":[{"type":"text","text":"\\u00zz${'long '.repeat(1000)}"}]}]`,
      '[[[{"a":"\\q"}]]]',
    );
    const field = fc.constantFrom('messages', 'tools', 'tool_choice', 'thinking', 'system');
    fc.assert(
      fc.property(body, field, broken, when, (request, name, text, conditions) => {
        const json = JSON.stringify({ ...request, [name]: 0 }).replace(`"${name}":0`, `"${name}":${text}`);
        const view = toView(Buffer.from(json));
        const everything = rulesOf(conditions, { input_tokens_over: 0 }, { has_images: true }, { has_images: false });
        expect(parseRequest(view.bytes)).to.equal(null);
        const matched = matchRule(everything, readFacts(view, {}));
        expect(matched?.name).to.be.oneOf([undefined, 'r0']);
        if (conditions.input_tokens_over !== undefined) expect(matched).to.equal(undefined);
      }),
      { numRuns: 500 },
    );
  });
});
