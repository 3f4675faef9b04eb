import { expect } from 'chai';
import { createPairIdentifier } from '#services/gateway/routing/identify-pair.ts';
import { scanTopLevel } from '#shared/messages/scan-top-level.ts';
import { loadRecordings } from '../support/recordings.ts';

const identifyPair = createPairIdentifier();

describe('the agent inside a session', () => {
  const BILLING = 'x-anthropic-billing-header: cc_version=1; cch=';
  const TOOLS = [{ name: 'Read', description: 'reads' }, { type: 'web_search_1' }];
  const agentOf = (system: unknown, tools: unknown = TOOLS, headers = {}): string | undefined =>
    identifyPair(Buffer.from(JSON.stringify({ model: 'm', system, tools })), headers, null, 's')?.lineageId;
  const texts = (...all: string[]) => all.map((text) => ({ type: 'text', text }));
  const first = agentOf(texts('You are an agent.', 'Be brief.'));

  it('is what the client says, else another for other instructions or tools of another name', () => {
    expect(agentOf('any', TOOLS, { 'x-claude-code-agent-id': 'a' })).to.equal('s/a');
    expect(first).to.match(/^s\/[0-9a-f]{32}$/);
    const all = [
      first,
      agentOf(texts('You are an agent.Be brief.')),
      agentOf('You are an agent.'),
      agentOf(texts('A', `${BILLING}1`)),
      agentOf(texts('B', `${BILLING}1`)),
      agentOf(undefined),
      agentOf(undefined, []),
      agentOf(texts('You are an agent.', 'Be brief.'), [...TOOLS, 7]),
      agentOf(texts('You are an agent.', 'Be brief.'), TOOLS.toReversed()),
    ];
    expect(new Set(all).size).to.equal(all.length);
  });

  it('stays the same whatever is billed, cached or said of a tool', () => {
    const cached = { cache_control: { type: 'ephemeral' } };
    const billed = (line: string) => texts(BILLING + line, 'You are an agent.', 'Be brief.');
    expect(agentOf(billed('1'))).to.equal(first);
    expect(agentOf(texts(`${BILLING}2\nYou are an agent.`, 'Be brief.'))).to.equal(first);
    expect(agentOf(texts('You are an agent.', 'Be brief.').map((block) => ({ ...block, ...cached })))).to.equal(first);
    const told = TOOLS.map((tool) => ({
      input_schema: { name: 7 },
      ...tool,
      description: 'told otherwise',
      ...cached,
    }));
    expect(agentOf(billed('3'), told)).to.equal(first);
  });

  it('and its turns are the same wherever the values of a request are looked for', () => {
    const bodies = loadRecordings().filter(({ url, body }) => url.startsWith('/v1/messages') && body.length > 0);
    expect(bodies.length).to.be.above(50);
    for (const { body } of bodies) {
      const found = identifyPair(body, {}, scanTopLevel(body, 512, new Set()), 's');
      expect(found)
        .to.deep.equal(identifyPair(body, {}, null, 's'))
        .and.not.to.equal(null);
    }
  });

  it('is the same whether it is remembered or not', () => {
    const agents = Array.from({ length: 600 }, (_, index) => `agent ${index % 300}`);
    const fresh = createPairIdentifier();
    const told = agents.map((name) => [agentOf(name), agentOf(name)]);
    expect(new Set(told.flat()).size).to.equal(300);
    for (const [index, name] of agents.entries()) {
      const bytes = Buffer.from(JSON.stringify({ model: 'm', system: name, tools: TOOLS }));
      const agent = fresh(bytes, {}, null, 's')?.lineageId;
      expect(told[index]).to.deep.equal([agent, agent]);
    }
  });

  it('is the same whether it is remembered or not where the name of the billing line stands elsewhere', () => {
    const quoted = (value: string) => texts(`Look for "${BILLING}${value}" in it.`);
    const second = (value: string) => texts('You are an agent.', `${BILLING}${value}`);
    const spaced = (value: string) =>
      ` [ {"cache_control":null,"text":"${BILLING}${value}","type":"text"},{"text":"A"}]`;
    for (const instructions of [quoted, second]) {
      const told = ['1', '2'].map((value) => agentOf(instructions(value)));
      const fresh = ['1', '2'].map((value) => {
        const bytes = Buffer.from(JSON.stringify({ model: 'm', system: instructions(value), tools: TOOLS }));
        return createPairIdentifier()(bytes, {}, null, 's')?.lineageId;
      });
      expect(told).to.deep.equal(fresh);
      expect(new Set(told).size).to.equal(2);
    }
    const billed = ['1', '2'].map((value) => {
      const bytes = Buffer.from(`{"model":"m","system":${spaced(value)}}`);
      return createPairIdentifier()(bytes, {}, null, 's')?.lineageId;
    });
    expect(new Set(billed).size).to.equal(1);
  });

  it('is none of a body that is no request', () => {
    for (const text of ['', '[]', '{"model":"m"', '{"model":"\\x"}']) {
      expect(identifyPair(Buffer.from(text), {}, null, 's'), text).to.equal(null);
    }
  });
});

describe('the key of a turn', () => {
  const keyOf = (json: string, sessionId = 's'): string | undefined =>
    identifyPair(Buffer.from(json), {}, null, sessionId)?.turnKey;
  const turn = (model: string, messages: string, rest = '') => `{"model":"${model}","messages":${messages}${rest}}`;
  const first = keyOf(turn('m', '[{"role":"user","content":"a"}]', ',"tools":[{"name":"T"}],"stream":true'));

  it('is that of the same turn sent again with another stream, max_tokens or system', () => {
    const again =
      '{"max_tokens":5, "system":"x", "tools": [{"name":"T"}] ,"messages": [{"role":"user","content":"a"}], "model":"m"}';
    expect(keyOf(again)).to.equal(first);
    expect(first).to.match(/^[0-9a-f]{64}$/);
  });

  it('is there, and another for another turn, where the instructions or tools are no JSON after all', () => {
    const broken = ['[{"name":"\\x"}]', '[{"name" 1}]', '[1 2]'];
    const bodies = broken.flatMap((json) => [
      turn('m', '[]', `,"tools":${json}`),
      turn('m', '[1]', `,"tools":${json}`),
      turn('m', '[2]', `,"system":${json}`),
    ]);
    const found = bodies.map((body) => identifyPair(Buffer.from(body), {}, null, 's'));
    expect(found.every((identity) => identity?.lineageId.startsWith('s/'))).to.equal(true);
    expect(new Set(found.slice(0, 3).map((identity) => identity?.turnKey)).size).to.equal(3);
  });

  it('is another wherever a long conversation differs', () => {
    const content = 'to be or not to be '.repeat(5000);
    const keyWith = (at: number): string | undefined =>
      keyOf(turn('m', `[{"role":"user","content":"${content.slice(0, at)}X${content.slice(at + 1)}"}]`));
    const places = [0, 1, 40_000, 80_000, 94_000, content.length - 1];
    expect(new Set(places.map(keyWith)).size).to.equal(places.length);
  });

  it('is another for another session, model, conversation or tool', () => {
    const tools = ',"tools":[{"name":"T"}]';
    const keys = [
      first,
      keyOf(turn('m', '[{"role":"user","content":"a"}]', tools), 'other'),
      keyOf(turn('n', '[{"role":"user","content":"a"}]', tools)),
      keyOf(turn('m', '[{"role":"user","content":"b"}]', tools)),
      keyOf(turn('m', '[{"role":"user","content":"a"}]', ',"tools":[]')),
      keyOf(turn('m', '[{"role":"user","content":"a"}]')),
    ];
    expect(new Set(keys).size).to.equal(keys.length);
  });
});
