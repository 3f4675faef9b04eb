// What OpenInference's own instrumentation of Anthropic's SDK says of a call, beside what we say of the same call. Its
// side is recorded (scripts/traces/record-openinference.ts); the differences are those written down here.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { observe } from '#shared/exchange/read-exchange.ts';
import type { Attributes } from '#shared/telemetry/attribute-values.ts';
import { llmAttributes } from '#shared/telemetry/llm-attributes.ts';
import { ROOT } from '../../support/read-imports.ts';

interface Recorded {
  name: string;
  request: Record<string, unknown>;
  answer: Record<string, unknown>;
  attributes: Attributes;
}

const RECORDED = JSON.parse(
  readFileSync(join(ROOT, 'test/fixtures/openinference/anthropic.json'), 'utf8'),
) as Recorded[];

/** Keys that differ, and why. */
const DIFFERENT: Array<[pattern: RegExp, why: string]> = [
  [/^(input|output)\.(value|mime_type)$/, 'ours is the last text, not the whole body once more'],
  [/^llm\.invocation_parameters$/, 'ours repeats neither system nor tools, which have keys of their own'],
  [
    /^llm\.input_messages\.2\.message\.(role|tool_call_id|content)$/,
    'ours has one message a tool result; theirs keeps the last result of a turn alone, as a user’s',
  ],
  [
    /\.contents\.\d+\.(message_content\.type|tool_call\..*)$/,
    'ours repeats a tool call among the contents only where something follows it',
  ],
];

async function ours({ request, answer }: Recorded): Promise<Attributes> {
  const bytes = Buffer.from(JSON.stringify(answer));
  const observation = await observe({
    status: 200,
    rawHeaders: ['content-type', 'application/json', 'request-id', 'req_1'],
    upstream: null,
    headersAtMs: 1,
    chunks: [{ atMs: 2, bytes }],
    end: 'complete',
    endAtMs: 3,
  });
  const model = String(request.model);
  return llmAttributes({
    ...{ request, requestBytes: 1, observation, modelAsked: model, modelSent: model, provider: 'anthropic' },
    ...{ content: true, redact: (text: string) => text },
  });
}

/** The system prompt is a message of ours and none of theirs. */
function ourKey(key: string, request: Recorded['request']): string {
  if (request.system === undefined) return key;
  return key.replace(/^llm\.input_messages\.(\d+)/, (_, index: string) => `llm.input_messages.${Number(index) + 1}`);
}

describe('spans beside those of OpenInference’s instrumentation', () => {
  for (const recorded of RECORDED) {
    it(`S0-25 say the same of ${recorded.name}, but for what is written down`, async () => {
      const mine = await ours(recorded);
      const differing = Object.entries(recorded.attributes).filter(
        ([key, value]) => mine[ourKey(key, recorded.request)] !== value,
      );
      const unknown = differing.filter(([key]) => !DIFFERENT.some(([pattern]) => pattern.test(key)));
      expect(unknown).to.deep.equal([]);
      expect(differing.length).to.be.below(Object.keys(recorded.attributes).length / 2 + 1);
    });
  }

  it('S0-24 keep both results of a turn that called two tools, and the system prompt', async () => {
    const results = RECORDED.find(({ name }) => name === 'tool results');
    const text = RECORDED.find(({ name }) => name === 'text');
    if (!results || !text) throw new Error('the recording is not whole');
    expect(await ours(results)).to.include({
      'llm.input_messages.2.message.role': 'tool',
      'llm.input_messages.2.message.tool_call_id': 'toolu_1',
      'llm.input_messages.2.message.content': 'a',
      'llm.input_messages.3.message.tool_call_id': 'toolu_2',
      'llm.input_messages.3.message.content': 'b',
    });
    expect(await ours(text)).to.include({ 'llm.input_messages.0.message.content': 'be brief' });
    const parameters = (await ours(text))['llm.invocation_parameters'];
    expect(JSON.parse(String(parameters))).to.deep.equal({ model: 'claude-opus-5', max_tokens: 100, temperature: 0.5 });
  });
});
