// The heavy steps give the same in a thread as without one, and stop nobody there.
import { expect } from 'chai';
import { createSteps } from '#services/comparator/comparison/prepare-call.ts';
import { createThreadedSteps, type ThreadedSteps } from '#services/comparator/comparison/threaded-steps.ts';
import { type ExchangeEntry, encodeBody, isSchemaError } from '#shared/exchange/exchange.ts';
import { createRedactor } from '#shared/redact/redact.ts';
import { answerEvents, chunksOf, recordedAnswer, sseBytes } from '../../support/answer-bytes.ts';
import { makeEntry, TEST_REQUEST } from '../../support/comparator.ts';

const REDACTION = { hmacKey: 'test' };
const TARGET = { model: 'glm-5', anthropicFeatures: false };

async function exchange(bytes: number): Promise<{ entry: ExchangeEntry; body: Buffer }> {
  const messages: unknown[] = [];
  for (let index = 0; index * 2_600 < bytes; index++) {
    const text = `const a${index} = f(b); // by user${index}@example.com\n`.repeat(50);
    messages.push({ role: index % 2 ? 'assistant' : 'user', content: [{ type: 'text', text }] });
  }
  const request = Buffer.from(JSON.stringify({ ...TEST_REQUEST, messages }));
  const answer = recordedAnswer(chunksOf(sseBytes(answerEvents({ text: 'Done, a@example.com.' })), 40));
  const entry = makeEntry({ shadow: ['glm-5'], entry: { requestBytes: request.length } });
  return { entry, body: await encodeBody({ request, answer }) };
}

describe('heavy steps of a comparison', () => {
  const here = createSteps(createRedactor(REDACTION).redactText);
  let steps: ThreadedSteps;
  beforeEach(() => {
    steps = createThreadedSteps(REDACTION);
  });
  afterEach(() => steps.close());

  async function described(by: typeof here, { entry, body }: Awaited<ReturnType<typeof exchange>>) {
    const { primary, call } = await by.prepareCall(entry, body, TARGET);
    if (call === null) throw new Error('nothing to ask');
    const names = { modelAsked: 'claude-test-1', modelSent: call.model, provider: 'p', sessionId: 's' };
    const facts = { observation: primary, ...names, content: true, maxContentBytes: 100_000 };
    const attributes = await by.describeCall(call.body, facts);
    return { primary, call: { ...call, body: Buffer.from(call.body).toString() }, attributes };
  }

  it('are the same for a large conversation, byte for byte', async () => {
    const large = await exchange(300_000);
    const [one, other] = [await described(steps, large), await described(here, large)];
    expect(one).to.deep.equal(other);
    expect(one.call.rewrites).to.include('model');
    expect(JSON.stringify(one.attributes)).to.contain('[[secret:').and.to.not.contain('@example.com');
  });

  it('are the same for a large answer', async () => {
    const bytes = sseBytes(answerEvents({ text: 'word '.repeat(20_000) }));
    const answer = recordedAnswer(chunksOf(bytes, 777));
    expect(await steps.observe(answer)).to.deep.equal(await here.observe(answer));
    expect(answer.chunks[0]?.bytes.length, 'the bytes were given away').to.equal(777);
  });

  it('tell that a body cannot be read in a way that survives the thread', async () => {
    const { entry } = await exchange(100_000);
    const error = await steps.prepareCall(entry, Buffer.from([9]), TARGET).catch((thrown: unknown) => thrown);
    expect(isSchemaError(error)).to.equal(true);
  });
});
