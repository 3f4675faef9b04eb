import { readFileSync } from 'node:fs';
import Anthropic from '@anthropic-ai/sdk';
import type { ContentBlockParam, MessageParam, ToolUnion } from '@anthropic-ai/sdk/resources/messages';
import { expect } from 'chai';
import { type Asked, type FakeUpstream, startFakeUpstream } from '../../support/fake-upstream.ts';
import { startTestGateway, type TestGateway } from '../../support/gateway.ts';

type Fields = Record<string, unknown>;

function fixture(path: string): Buffer {
  return readFileSync(new URL(`../../fixtures/${path}`, import.meta.url));
}

const READ: ToolUnion = {
  name: 'Read',
  input_schema: {
    $schema: 'http://json-schema.org/draft-07/schema#',
    type: 'object',
    properties: { $schema: { type: 'string' }, pattern: { type: 'string' } },
    additionalProperties: false,
  } as { type: 'object' },
};

/** One turn with a call of another provider behind it. */
function history(...before: ContentBlockParam[]): MessageParam[] {
  const call = { type: 'tool_use' as const, id: 'toolu_1', name: 'Read', input: {} };
  return [
    { role: 'user', content: 'Read it.' },
    { role: 'assistant', content: [...before, call] },
    { role: 'user', content: [{ type: 'tool_result', tool_use_id: 'toolu_1', content: 'line 1' }] },
  ];
}

const FOREIGN: ContentBlockParam = { type: 'thinking', thinking: 'Anthropic thought this.', signature: 'EpwDunknown' };

describe('faults other gateways had, before upstreams that refuse them', () => {
  let upstream: FakeUpstream;
  let gateway: TestGateway | undefined;

  before(async () => {
    upstream = await startFakeUpstream();
  });
  after(() => upstream.stop());
  afterEach(() => gateway?.stop());

  async function clientOf(settings: Fields): Promise<Anthropic> {
    gateway = await startTestGateway({
      settings: { 'target.url': upstream.url, 'passthrough.url': 'http://127.0.0.1:9', ...settings },
    });
    return new Anthropic({ baseURL: gateway.url, apiKey: 'client-key', maxRetries: 0 });
  }
  /** Answers with one recorded stream, or with a recorded 400 when the request has the fault. */
  function refuse(type: string, error: string, stream: string, hasFault: (asked: Asked) => boolean): void {
    upstream.answer = (asked) =>
      hasFault(asked)
        ? {
            status: 400,
            headers: { 'content-type': 'application/json' },
            body: fixture(`${type}/errors/${error}.json`),
          }
        : { body: fixture(`${type}/streams/synthetic-${stream}.sse`) };
  }
  const ask = (client: Anthropic, messages: MessageParam[]) =>
    client.messages.create({
      model: 'claude-x',
      max_tokens: 100,
      tools: [READ],
      thinking: { type: 'adaptive' },
      messages,
    });
  const answered = ({ content }: Anthropic.Message): MessageParam[] => [
    { role: 'user', content: 'Read it.' },
    { role: 'assistant', content },
    {
      role: 'user',
      content: content.flatMap((block) =>
        block.type === 'tool_use' ? [{ type: 'tool_result' as const, tool_use_id: block.id, content: 'line 1' }] : [],
      ),
    },
  ];

  it('C-04 never shows an upstream a thinking signature that is not its own', async () => {
    const client = await clientOf({ 'target.type': 'openai-responses', 'target.model': 'gpt-5.4' });
    const reasoning = ({ body }: Asked) => (body.input as Fields[]).filter(({ type }) => type === 'reasoning');
    refuse('openai-responses', '400-encrypted-content', 'reasoning-tool', (asked) =>
      reasoning(asked).some((item) => item.encrypted_content !== 'gAAAA-whole'),
    );
    const first = await ask(client, history(FOREIGN, { type: 'redacted_thinking', data: 'EpwDunknown' }));
    expect(reasoning(upstream.asked.at(-1) as Asked)).to.have.length(0);
    await ask(client, answered(first));
    expect(reasoning(upstream.asked.at(-1) as Asked)).to.have.length(1);
    const mixed = answered(first).map((message) =>
      message.role === 'assistant'
        ? { ...message, content: [FOREIGN, ...(message.content as ContentBlockParam[])] }
        : message,
    );
    await ask(client, mixed);
    expect(reasoning(upstream.asked.at(-1) as Asked), 'the whole turn').to.have.length(0);
  });

  it('C-18 sends a server of the OpenAPI subset no keyword it does not know, and every property', async () => {
    const settings = {
      'target.type': 'gemini',
      'target.model': 'gemini-2.5-flash',
      'target.profile': 'openapi-schema',
    };
    const client = await clientOf(settings);
    const parameters = ({ body }: Asked): Fields => {
      const [tool] = body.tools as Array<{ functionDeclarations: Fields[] }>;
      return (tool?.functionDeclarations[0]?.parameters ?? {}) as Fields;
    };
    const unknown = ['$schema', 'additionalProperties'];
    refuse('gemini', '400-schema', 'text', (asked) => unknown.some((key) => key in parameters(asked)));
    await ask(client, [{ role: 'user', content: 'Read it.' }]);
    expect(parameters(upstream.asked.at(-1) as Asked).properties).to.have.all.keys('$schema', 'pattern');
  });

  it('C-19 gives Gemini a thought signature for the first call of each step, its own where it gave one', async () => {
    const client = await clientOf({ 'target.type': 'gemini', 'target.model': 'gemini-3-pro-preview' });
    const calls = ({ body }: Asked) =>
      (body.contents as Array<{ parts: Fields[] }>).flatMap(({ parts }) =>
        parts.filter((part) => 'functionCall' in part).slice(0, 1),
      );
    refuse('gemini', '400-thought-signature', 'thinking-tool', (asked) =>
      calls(asked).some(({ thoughtSignature }) => thoughtSignature === undefined),
    );
    const first = await ask(client, history(FOREIGN));
    await ask(client, answered(first));
    expect(calls(upstream.asked.at(-1) as Asked).map(({ thoughtSignature }) => thoughtSignature)).to.deep.equal([
      'c2lnLWE=',
    ]);
    const stripped = { ...first, content: first.content.filter(({ type }) => type === 'tool_use') };
    await ask(client, answered(stripped));
  });
});
