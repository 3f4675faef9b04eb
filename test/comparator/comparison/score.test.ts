import { expect } from 'chai';
import fc from 'fast-check';
import { actionLevel, agrees, LEVELS } from '#services/comparator/comparison/ladder.ts';
import { bestMatching, callSimilarity } from '#services/comparator/comparison/match-calls.ts';
import { type Arm, pair, toArm } from '#services/comparator/comparison/pair.ts';
import { score } from '#services/comparator/comparison/score.ts';
import { observe } from '#shared/exchange/read-exchange.ts';
import { canonicalJson } from '#shared/messages/canonical-json.ts';
import { type AnswerSpec, recordedAnswer } from '../../support/answer-bytes.ts';
import { observed } from '../../support/observations.ts';

const arm = async (spec: AnswerSpec): Promise<Arm> => toArm(await observed(spec));
const level = async (a: AnswerSpec, b: AnswerSpec) => actionLevel(await arm(a), await arm(b));
const call = (name: string, input: unknown) => ({ name, input });

const toolName = fc.constantFrom('Read', 'Bash', 'AskUserQuestion');
const toolInput = fc.dictionary(fc.constantFrom('a', 'b'), fc.constantFrom(1, 'x', null), { maxKeys: 2 });
const answerSpec: fc.Arbitrary<AnswerSpec> = fc.record(
  {
    text: fc.constantFrom('', 'Done.', 'All tests pass.'),
    tools: fc.array(fc.record({ name: toolName, input: toolInput }), { maxLength: 3 }),
    stopReason: fc.constantFrom('end_turn', 'refusal', 'tool_use'),
  },
  { requiredKeys: [] },
);

describe('the ladder of action levels', () => {
  it('ignores the order of keys and numbers of one value, not the order of calls, when it says identical', async () => {
    const tools = [call('A', { x: 1, y: [1, 2] }), call('B', {})];
    expect(await level({ tools }, { tools: [call('A', { y: [1.0, 2], x: 1 }), call('B', {})] })).to.equal('identical');
    expect(await level({ tools }, { tools: tools.toReversed() })).to.equal('canonical');
  });

  it('compares plain answers after NFC', async () => {
    expect(await level({ text: 'caf\u00e9' }, { text: 'cafe\u0301' })).to.equal('identical');
  });

  it('takes two answers, two questions to the user and two refusals as the same intent', async () => {
    const ask = (question: string): AnswerSpec => ({ tools: [call('AskUserQuestion', { question })] });
    expect(await level({ text: 'a' }, { text: 'b' })).to.equal('same_intent');
    expect(await level(ask('which file?'), ask('really?'))).to.equal('same_intent');
    const refused: AnswerSpec = { text: 'no', stopReason: 'refusal' };
    expect(await level(refused, { ...refused, text: 'I cannot' })).to.equal('same_intent');
    expect(await level(refused, { text: 'yes' })).to.equal('divergent');
    expect(await level(ask('which file?'), { text: 'b' })).to.equal('divergent');
  });

  it('ignores words before a tool call', async () => {
    const tools = [call('A', { x: 1 })];
    expect(await level({ text: 'I will look.', tools }, { tools })).to.equal('identical');
  });

  it('lets a broken call equal only the same broken call', async () => {
    const broken = (rawInput: string): AnswerSpec => ({ tools: [{ name: 'A', input: null, rawInput }] });
    expect(await level(broken('{"x":'), broken('{"x":'))).to.equal('identical');
    expect(await level(broken('{"x":'), broken('{"y":'))).to.equal('same_tool');
    expect(await level(broken('{"x":'), { tools: [call('A', {})] })).to.equal('same_tool');
  });

  it('is symmetric (T-10)', async () => {
    await fc.assert(
      fc.asyncProperty(answerSpec, answerSpec, async (a, b) => {
        expect(await level(a, b)).to.equal(await level(b, a));
      }),
    );
  });

  it('does not depend on the order of parallel calls from canonical down (T-10)', async () => {
    await fc.assert(
      fc.asyncProperty(answerSpec, answerSpec, async (a, b) => {
        const there = await level(a, b);
        const back = await level({ ...a, tools: (a.tools ?? []).toReversed() }, b);
        const unordered = (name: string): string => (name === 'identical' ? 'canonical' : name);
        const hasCalls = (a.tools ?? []).length > 0;
        expect(hasCalls ? unordered(back) : back).to.equal(hasCalls ? unordered(there) : there);
      }),
    );
  });

  it('implies every rung below: agreement implies the same type of action (T-10)', async () => {
    const type = (a: Arm): string => (a.action === 'answer+tools' ? 'tools' : a.action);
    await fc.assert(
      fc.asyncProperty(answerSpec, answerSpec, async (a, b) => {
        const [left, right] = [await arm(a), await arm(b)];
        const reached = actionLevel(left, right);
        if (reached !== 'divergent') expect(type(left)).to.equal(type(right));
        if (reached === 'identical' && left.calls.length > 0) {
          expect(left.calls.map((c) => c.key)).to.deep.equal(right.calls.map((c) => c.key));
        }
        expect(agrees(reached)).to.equal(LEVELS.indexOf(reached) <= 2);
      }),
    );
  });
});

describe('canonical JSON', () => {
  it('is the same for equal values and parses back to them', () => {
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 4 }), (value) => {
        const text = canonicalJson(value);
        expect(canonicalJson(JSON.parse(text))).to.equal(text);
        expect(JSON.parse(text)).to.deep.equal(JSON.parse(JSON.stringify(value)));
      }),
    );
  });

  it('sorts keys at every depth and refuses what is nested too deep', () => {
    expect(canonicalJson({ b: [{ d: 1, c: 2 }], a: null })).to.equal('{"a":null,"b":[{"c":2,"d":1}]}');
    const deep: unknown = JSON.parse(`${'['.repeat(700)}${']'.repeat(700)}`);
    expect(() => canonicalJson(deep)).to.throw(RangeError);
  });
});

describe('matching of parallel calls', () => {
  const callArb = fc.record({
    name: fc.constantFrom('A', 'B'),
    input: fc.dictionary(fc.constantFrom('x', 'y', 'z'), fc.nat(1)),
  });

  /** Tries every assignment. */
  function bruteForce(a: Arm['calls'], b: Arm['calls']): number {
    const [first, ...rest] = a;
    if (!first) return 0;
    const skipped = bruteForce(rest, b);
    const taken = b.map((other, index) => callSimilarity(first, other) + bruteForce(rest, b.toSpliced(index, 1)));
    return Math.max(skipped, ...taken);
  }

  it('finds the greatest total similarity', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(callArb, { maxLength: 5 }), fc.array(callArb, { maxLength: 5 }), async (a, b) => {
        const [left, right] = [(await arm({ tools: a })).calls, (await arm({ tools: b })).calls];
        expect(bestMatching(left, right)).to.be.closeTo(bruteForce(left, right), 1e-9);
        expect(bestMatching(left, right)).to.be.closeTo(bestMatching(right, left), 1e-9);
      }),
    );
  });

  it('takes more calls than a turn has ever had without growing slow', async () => {
    const tools = Array.from({ length: 200 }, (_, index) => call('Read', { file_path: `${index}.ts` }));
    const { calls } = await arm({ tools });
    expect(bestMatching(calls, calls)).to.be.closeTo(200, 1e-9);
  });
});

describe('score', () => {
  const labels = (scores: Array<{ scorer: string; label: string }>): Record<string, string> =>
    Object.fromEntries(scores.map(({ scorer, label }) => [scorer, label]));

  it('scores every dimension of a pair', async () => {
    const made = pair(
      await observed({ text: 'I will read it', tools: [call('Read', { file_path: 'a' })], outputTokens: 10 }),
      await observed({ text: 'I will read it', tools: [call('Read', { file_path: 'b' })], outputTokens: 40 }),
    );
    const { verdict, level: reached, scores } = score(made);
    expect({ verdict, reached }).to.deep.equal({ verdict: 'diverged', reached: 'same_tool' });
    expect(labels(scores)).to.include({
      outcome: 'agree',
      action: 'same_tool',
      stop_reason: 'agree',
      tool_names: 'agree',
      tool_args: 'differ',
      text: 'agree',
      latency_ratio: 'ratio',
      output_tokens_ratio: 'ratio',
    });
    expect(scores.find(({ scorer }) => scorer === 'output_tokens_ratio')?.value).to.equal(4);
  });

  it('says na where a side has nothing to compare', async () => {
    const made = pair(await observed({ text: 'a' }), await observed({ text: 'b' }));
    expect(labels(score(made).scores)).to.include({ tool_names: 'na', tool_args: 'na' });
    const mixed = pair(await observed({ text: 'a' }), await observed({ tools: [call('A', {})] }));
    expect(labels(score(mixed).scores)).to.include({ text: 'na', tool_names: 'differ' });
  });

  it('compares times to first token only where both arms streamed', async () => {
    const json = Buffer.from('{"type":"message","content":[{"type":"text","text":"x"}],"stop_reason":"end_turn"}');
    const whole = await observe(recordedAnswer([{ atMs: 5, bytes: json }]));
    expect(labels(score(pair(await observed({ text: 'a' }), whole)).scores)).to.include({
      ttft_ratio: 'na',
      latency_ratio: 'ratio',
    });
  });

  it('makes a score with an error of a scorer that fails, and goes on', async () => {
    const failing = {
      name: 'broken',
      score: () => {
        throw new Error('no good');
      },
    };
    const made = pair(await observed({ text: 'a' }), await observed({ text: 'a' }));
    expect(score(made, [failing]).scores).to.deep.equal([
      { scorer: 'broken', label: 'na', value: null, error: 'no good' },
    ]);
    expect(score(made, [failing])).to.include({ verdict: 'diverged', level: null });
  });

  it('never counts a secondary that failed as agreement (P5)', async () => {
    const primary = await observed({ text: 'a' });
    const nothing = await observe(recordedAnswer([], { status: 0, end: 'connect_error' }));
    const cut = await observe(
      recordedAnswer([{ atMs: 1, bytes: Buffer.from('event: ping\ndata: {"type":"ping"}\n\n') }]),
    );
    const broken = await observed({ tools: [{ name: 'A', input: null, rawInput: '{' }] });
    const empty = await observed({ thinking: 'hm' });
    for (const failed of [nothing, cut, broken, empty]) {
      expect(score(pair(primary, failed)), failed.outcome).to.deep.equal({
        verdict: 'target_error',
        reason: null,
        level: null,
        scores: [],
      });
    }
  });
});
