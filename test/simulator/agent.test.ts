import Anthropic from '@anthropic-ai/sdk';
import { expect } from 'chai';
import { createSimulator, type Simulator } from '#services/simulator/service.ts';
import { requestsOf } from '../support/recordings.ts';

type Block = { type: string; id?: string; name?: string; input?: unknown; text?: string };
type Body = Record<string, unknown>;

const TOOLS = ['Bash', 'Read', 'Edit', 'Grep', 'Agent'].map((name) => ({ name, input_schema: { type: 'object' } }));

function bodyFor(prompt: string): Body {
  return { model: 'm', max_tokens: 100, tools: TOOLS, stream: false, messages: [{ role: 'user', content: prompt }] };
}

async function post(simulator: Simulator, body: unknown, headers: Record<string, string> = {}): Promise<Body> {
  const options = { method: 'POST', body: JSON.stringify(body), headers };
  return (await (await fetch(`${simulator.url}/v1/messages`, options)).json()) as Body;
}

async function blocks(simulator: Simulator, body: unknown, headers?: Record<string, string>): Promise<Block[]> {
  return (await post(simulator, body, headers)).content as Block[];
}

const recorded = (file: string, seq: number): Body =>
  JSON.parse(
    requestsOf(file)
      .find((request) => request.seq === seq)
      ?.body.toString() ?? '',
  ) as Body;

describe('simulated agent', () => {
  let simulator: Simulator;
  before(async () => {
    simulator = await createSimulator({ listenAddress: '127.0.0.1:0', seed: 1, delayScale: 0 });
  });
  after(() => simulator.stop());
  beforeEach(() => simulator.reset());

  it('runs what it is asked to run, thinking first', async () => {
    const answer = await blocks(simulator, { ...recorded('cc-tool-bash', 2), stream: false });
    expect(answer.map((block) => block.type)).to.deep.equal(['thinking', 'text', 'tool_use']);
    expect(answer[2]).to.deep.include({ name: 'Bash', input: { command: 'echo hi', description: 'Run it' } });
  });

  it('reports on the results that come back', async () => {
    const answer = await blocks(simulator, { ...recorded('cc-tool-bash', 3), stream: false });
    expect(answer.map((block) => block.type)).to.deep.equal(['text']);
    expect(answer[0]?.text).to.include('hi-from-tool');
  });

  it('answers a question in words and calls only tools that it was given', async () => {
    const question = await blocks(simulator, bodyFor('Hello there'));
    expect(question.map((block) => block.type)).to.deep.equal(['text']);
    const without = await blocks(simulator, { ...bodyFor('Run echo hello'), tools: [] });
    expect(without.map((block) => block.type)).to.deep.equal(['text']);
  });

  it('delegates to a subagent, and works as one', async () => {
    const parent = await blocks(simulator, { ...recorded('cc-subagent', 2), stream: false });
    expect(parent.at(-1)).to.include({ type: 'tool_use', name: 'Agent' });
    const headers = { 'x-claude-code-agent-id': 'a0123456789abcdef' };
    const child = await blocks(simulator, { ...recorded('cc-subagent', 4), stream: false }, headers);
    expect(child.at(-1)).to.include({ type: 'tool_use' });
  });

  it('titles a session in the schema that was sent', async () => {
    const [block] = await blocks(simulator, { ...recorded('cc-tty-plain', 2), stream: false });
    expect(Object.keys(JSON.parse(block?.text ?? ''))).to.deep.equal(['title']);
  });

  it('fills the structured output the user described', async () => {
    const body = recorded('cc-json-schema', 2);
    const tool = (body.tools as Array<{ name: string; input_schema: { required?: string[] } }>).find(
      (candidate) => candidate.name === 'StructuredOutput',
    );
    const answer = await blocks(simulator, { ...body, stream: false });
    expect(answer.at(-1)).to.include({ type: 'tool_use', name: 'StructuredOutput' });
    expect(Object.keys(answer.at(-1)?.input as object)).to.include.members(tool?.input_schema.required ?? ['missing']);
  });

  it('lets the safety check pass', async () => {
    const answer = await post(simulator, recorded('cc-am-glm', 3));
    expect(answer).to.include({ stop_reason: 'stop_sequence', stop_sequence: '</block>' });
    expect((answer.content as Block[])[0]?.text).to.match(/^<block>no/);
  });

  it('answers safeguards with a verdict for each tool call, in a stream in its message_delta', async () => {
    const body = { ...bodyFor('Run echo hello'), safeguards: [{ type: 'dangerous_tool_use' }] };
    const answer = await post(simulator, body);
    const call = (answer.content as Block[]).find((block) => block.type === 'tool_use');
    const verdict = { type: 'evaluated', outcome: 'not_flagged' };
    const status = { type: 'available', tool_uses: { [call?.id ?? 'none']: verdict } };
    expect(answer.safeguard_results).to.deep.equal([{ type: 'dangerous_tool_use', status }]);
    const client = new Anthropic({ baseURL: simulator.url, apiKey: 'test-key', maxRetries: 0 });
    const deltas: unknown[] = [];
    for await (const event of client.messages.stream(body as unknown as Anthropic.MessageStreamParams)) {
      if (event.type === 'message_delta') deltas.push(event.delta);
    }
    expect(deltas).to.have.length(1);
    expect(deltas[0]).to.have.nested.property('safeguard_results[0].status.type', 'available');
    expect(await post(simulator, bodyFor('Run echo hello'))).to.not.have.property('safeguard_results');
  });

  it('searches the web when that is what it was given', async () => {
    const tools = [{ type: 'web_search_20250305', name: 'web_search', max_uses: 8 }];
    const answer = await blocks(simulator, { ...bodyFor('Find news'), tools });
    expect(answer.map((block) => block.type)).to.include.members(['server_tool_use', 'web_search_tool_result']);
  });

  it('takes its time, in proportion to the delay scale', async () => {
    const slow = await createSimulator({ listenAddress: '127.0.0.1:0', seed: 1, delayScale: 0.5 });
    try {
      const start = performance.now();
      await blocks(slow, bodyFor('Hello there'));
      expect(performance.now() - start).to.be.greaterThan(40);
    } finally {
      await slow.stop();
    }
  });
});

describe('simulator seeds', () => {
  const PROMPTS = Array.from({ length: 120 }, (_, index) => `Run step-${index} of the plan`);

  async function answersOf(seed: number): Promise<{ ids: string[]; calls: string[] }> {
    const simulator = await createSimulator({ listenAddress: '127.0.0.1:0', seed, delayScale: 0 });
    try {
      const ids: string[] = [];
      const calls: string[] = [];
      for (const prompt of PROMPTS) {
        const answer = await post(simulator, bodyFor(prompt));
        const call = (answer.content as Block[]).find((block) => block.type === 'tool_use');
        ids.push(`${answer.id} ${call?.id}`);
        calls.push(JSON.stringify([call?.name ?? null, call?.input ?? null]));
      }
      return { ids, calls };
    } finally {
      await simulator.stop();
    }
  }

  it('repeat every id and every choice', async () => {
    const [first, again] = [await answersOf(7), await answersOf(7)];
    expect(again).to.deep.equal(first);
    expect(new Set(first.ids)).to.have.length(PROMPTS.length);
    expect(first.ids.every((id) => /^msg_\w{24} toolu_\w{24}$/.test(id))).to.equal(true);
  });

  it('make two models that mostly agree, sometimes in the tool only, sometimes not at all', async () => {
    const [one, two] = [await answersOf(1), await answersOf(2)];
    const toolOf = (call: string | undefined): unknown => JSON.parse(call ?? '[]')[0];
    const identical = one.calls.filter((call, index) => call === two.calls[index]).length;
    const sameTool = one.calls.filter((call, index) => toolOf(call) === toolOf(two.calls[index])).length - identical;
    const divergent = PROMPTS.length - identical - sameTool;
    expect(identical).to.be.within(PROMPTS.length * 0.5, PROMPTS.length * 0.85);
    expect(sameTool).to.be.greaterThan(PROMPTS.length * 0.08);
    expect(divergent).to.be.greaterThan(PROMPTS.length * 0.05);
    expect(one.ids).to.not.deep.equal(two.ids);
  });
});
