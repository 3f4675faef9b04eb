import { expect } from 'chai';
import { GatewayError } from '#shared/errors.ts';
import { readToolChoice, readTools } from '#shared/providers/tool-definitions.ts';

const READ = { name: 'Read', description: 'Reads.', input_schema: { type: 'object', properties: {} } };

function namesOf(tools: unknown, messages: unknown = []): string[] {
  return readTools(tools, messages, []).functions.map(({ name }) => name);
}

describe('tool definitions', () => {
  it('conv D-03 gives every function an object with properties', () => {
    for (const input_schema of [undefined, {}, { type: 'object', properties: null }, { required: 'x' }]) {
      const [tool] = readTools([{ name: 'T', input_schema }], [], []).functions;
      expect(tool?.schema).to.deep.equal({ type: 'object', properties: {} });
    }
  });

  it('conv D-07 merges branches at the root and says which of them are needed', () => {
    const branch = (name: string) => ({ properties: { [name]: { type: 'string' } }, required: [name] });
    const [tool] = readTools([{ name: 'T', input_schema: { anyOf: [branch('a'), branch('b')] } }], [], []).functions;
    expect(tool?.schema).to.deep.include({
      type: 'object',
      properties: { a: { type: 'string' }, b: { type: 'string' } },
    });
    expect(tool?.schema).not.to.have.any.keys('anyOf', 'required');
    expect(tool?.schema.description).to.contain('a | b');
  });

  it('conv D-08 knows the schemas of bash and text editor, and names what it does not know', () => {
    expect(
      namesOf([
        { type: 'bash_20250124', name: 'bash' },
        { type: 'text_editor_20250728', name: 'edit' },
      ]),
    ).to.deep.equal([...['bash', 'edit']]);
    expect(() => readTools([READ, { type: 'computer_20250124', name: 'computer' }], [], [])).to.throw(
      GatewayError,
      /tools\[1\]/,
    );
  });

  it('conv D-10 sends deferred tools once the conversation named them, at the end and in that order', () => {
    const later = (name: string) => ({ ...READ, name, defer_loading: true });
    const named = (...names: string[]) => [
      {
        role: 'user',
        content: [{ type: 'tool_result', content: names.map((tool_name) => ({ type: 'tool_reference', tool_name })) }],
      },
    ];
    const tools = [later('B'), READ, later('A'), later('C')];
    expect(namesOf(tools)).to.deep.equal(['Read']);
    expect(namesOf(tools, named('A', 'B'))).to.deep.equal(['Read', 'A', 'B']);
    const loaded = readTools(tools, [], []);
    expect(readToolChoice({ type: 'tool', name: 'A' }, loaded)).to.deep.equal({ kind: 'auto' });
  });

  it('conv W-01 conv W-05 tells the search apart and leaves out what only Anthropic runs', () => {
    const notes: string[] = [];
    const search = { type: 'web_search_20250305', name: 'web_search', allowed_domains: ['a.example'] };
    const tools = readTools([search, { type: 'code_execution_20250825', name: 'code_execution' }], [], notes);
    expect(tools.webSearch).to.deep.include({ name: 'web_search', allowedDomains: ['a.example'] });
    expect(tools.functions).to.deep.equal([]);
    expect(notes).to.deep.equal(['omitted:code_execution_20250825']);
    expect(readToolChoice({ type: 'tool', name: 'web_search' }, tools)).to.deep.equal({ kind: 'search' });
  });

  it('refuses tools that are none by their place', () => {
    expect(() => readTools({}, [], [])).to.throw(GatewayError, /^tools: /);
    expect(() => readTools([READ, 7], [], [])).to.throw(GatewayError, /^tools\[1\]/);
    expect(() => readTools([{ input_schema: {} }], [], [])).to.throw(GatewayError, /^tools\[0\]\.name/);
    expect(() => readToolChoice({ type: 'some' }, readTools([READ], [], []))).to.throw(
      GatewayError,
      /^tool_choice\.type/,
    );
  });
});
