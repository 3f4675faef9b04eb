import { expect } from 'chai';
import { toView } from '#services/gateway/messages/parse.ts';
import { readRequest } from '#services/gateway/read-request.ts';
import { createKnownTools, type KnownTools } from '#shared/messages/known-tools.ts';

const TOOLS = '[ {"name": "Read", "input_schema": {"type": "object"}} ]';

const bodyOf = (tools: string, messages = '[]', key = '"tools"'): string =>
  `{"model":"m",${key}:${tools},"messages":${messages}}`;
const toKnown = (): KnownTools => createKnownTools({ nowMs: () => 0 });

function read(body: string, known: KnownTools, wantsWholeTexts = false) {
  return readRequest(toView(Buffer.from(body)), wantsWholeTexts, known)?.request ?? null;
}

describe('the body of a request, read whole', () => {
  it('has the tools of an earlier request that sent the same, wherever they stand in it', () => {
    const known = toKnown();
    const first = read(bodyOf(TOOLS), known);
    expect(first).to.deep.equal(JSON.parse(bodyOf(TOOLS)));
    const last = read(`{"messages":[{"role":"user","content":"Hi"}],"model":"n","tools":${TOOLS}}`, known);
    expect(last?.tools).to.equal(first?.tools);
    expect(Object.keys(last ?? {})).to.deep.equal(['messages', 'model', 'tools']);
  });

  it('has tools of its own for who may change it', () => {
    const known = toKnown();
    const shared = read(bodyOf(TOOLS), known)?.tools;
    const own = read(bodyOf(TOOLS), known, true)?.tools;
    expect(own).to.deep.equal(shared);
    expect(own).not.to.equal(shared);
  });

  it('is what JSON.parse makes of it, whatever stands where tools do', () => {
    const known = toKnown();
    const long = JSON.stringify([{ role: 'user', content: `"${'x'.repeat(5000)}"` }]);
    for (const body of [
      ...['null', '{"0":{}}', '"Read"', '[]', '[null]', '[{"__proto__":{"a":1}}]'].map((tools) => bodyOf(tools)),
      bodyOf(TOOLS, '[]', '"t\\u006fols"'),
      `{"model":"m","tools":${TOOLS},"messages":[],"tools":[]}`,
      `{"model":"m","tools":[],"messages":[],"t\\u006fols":${TOOLS}}`,
      `{"model":"m","tools":${TOOLS},"messages":[],"tools":null}`,
      '{"model":"m","messages":[{"role":"user","content":[{"type":"text","text":"Hi","tools":[1]}]}]}',
    ])
      expect(read(body, known), body).to.deep.equal(JSON.parse(body));
    const { messages: _marked, ...beside } = read(bodyOf(TOOLS, long), known) ?? {};
    const { messages: _whole, ...rest } = JSON.parse(bodyOf(TOOLS, long));
    expect(beside).to.deep.equal(rest);
  });

  it('is none where its tools are no JSON', () => {
    for (const tools of ['[1,]', '[01]', '[{"name":"\\q"}]', '[{"name" "Read"}]'])
      expect(read(bodyOf(tools), toKnown()), tools).to.equal(null);
  });
});
