import { expect } from 'chai';
import fc from 'fast-check';
import type { LearnedTraits } from '#shared/providers/provider.ts';
import { learnRefusedFields, omitRefused } from '#shared/providers/refused-fields.ts';

const learn = (body: unknown, isEssential: (place: string) => boolean = () => false): string[] | null => {
  const bytes = typeof body === 'string' ? Buffer.from(body) : Buffer.from(JSON.stringify(body));
  const learned = learnRefusedFields({ status: 400, rawHeaders: [], body: bytes }, isEssential);
  return learned === null ? null : Object.keys(learned).map((name) => name.replace('without:', ''));
};
const said = (message: string, rest: Record<string, unknown> = {}): unknown => ({ error: { message, ...rest } });
const without = (body: Record<string, unknown>, ...places: string[]): [unknown, string[]] => {
  const notes: string[] = [];
  const lessons: LearnedTraits = Object.fromEntries(places.map((place) => [`without:${place}`, true]));
  return [omitRefused(body, lessons, notes), notes];
};

describe('fields that are refused', () => {
  const told: Array<[string, unknown, string[]]> = [
    ['Anthropic', said('context_management: Extra inputs are not permitted'), ['context_management']],
    ['Anthropic inside a tool', said('tools.0.custom.hint: Extra inputs are not permitted'), ['tools.*.custom.hint']],
    [
      'Anthropic of a cache mark, wherever it stands',
      said('messages.3.content.0.text.cache_control.ephemeral.scope: Extra inputs are not permitted'),
      ['**.cache_control.ephemeral.scope'],
    ],
    [
      'a list of pydantic in Python',
      said(
        "[{'type': 'extra_forbidden', 'loc': ('body', 'tools', 0, 'hint'), 'msg': 'Extra inputs are not permitted'}]",
      ),
      ['tools.*.hint'],
    ],
    [
      'a list of pydantic in JSON, but for what is wrong otherwise',
      {
        detail: [
          { type: 'extra_forbidden', loc: ['body', 'top_k'], msg: 'Extra inputs are not permitted' },
          { type: 'missing', loc: ['body', 'messages'], msg: 'Field required' },
        ],
      },
      ['top_k'],
    ],
    ['OpenAI', said("Unknown parameter: 'tools[0].strict'.", { param: 'tools[0].strict' }), ['tools.*.strict']],
    ['Codex', { detail: 'Unsupported parameter: max_output_tokens' }, ['max_output_tokens']],
    ['Azure', said("Additional properties are not allowed ('strict' was unexpected)"), ['strict']],
    ['Groq', said("'messages.1' : property 'reasoning_content' is unsupported"), ['reasoning_content']],
    ['serde', said('unknown field `turn_budget`, expected one of `model`, `messages`'), ['turn_budget']],
    ['Go', { error: 'json: unknown field "shift"' }, ['shift']],
    ['Zod', { error: "Unrecognized key(s) in object: 'turn_budget'" }, ['turn_budget']],
    [
      'Google, line by line',
      said(
        `Invalid JSON payload received. Unknown name "id" at 'contents[1].parts[0].function_call': Cannot find field.\nInvalid JSON payload received. Unknown name "id" at 'contents[3].parts[0].function_call': Cannot find field.\nInvalid JSON payload received. Unknown name "extra": Cannot find field.`,
      ),
      ['contents.*.parts.*.function_call.id', 'extra'],
    ],
    [
      'a router in front of another',
      said('Provider returned error', {
        metadata: { raw: JSON.stringify(said('speed: Extra inputs are not permitted')) },
      }),
      ['speed'],
    ],
  ];
  for (const [who, body, places] of told) {
    it(`are named in the words of ${who}`, () => {
      expect(learn(body)).to.deep.equal(places);
    });
  }

  it('are none where something else is wrong, or nothing is named that could go', () => {
    expect(learn(said('max_tokens: Field required'))).to.equal(null);
    expect(learn(said('prompt is too long: 208310 tokens > 200000 maximum'))).to.equal(null);
    expect(learn(said('messages.0.content.0.text: Extra inputs are not permitted'))).to.equal(null);
    expect(learn(said("Unknown parameter: 'model'."))).to.equal(null);
    expect(learn(said('speed: Extra inputs are not permitted'), (place) => place === 'speed')).to.equal(null);
    expect(learn('<html>Bad Request</html>')).to.equal(null);
  });

  it('are taken out of every item of a list, past the kind of a block, and noted', () => {
    const tools = [{ name: 'a', hint: 1, input_schema: { properties: { hint: {} } } }, { name: 'b' }];
    expect(without({ model: 'm', tools }, 'tools.*.custom.hint')).to.deep.equal([
      { model: 'm', tools: [{ name: 'a', input_schema: { properties: { hint: {} } } }, { name: 'b' }] },
      ['omitted:tools.custom.hint'],
    ]);
  });

  it('are taken out wherever they stand, but for the words of the client and its tools', () => {
    const mark = { cache_control: { type: 'ephemeral' } };
    const call = { type: 'tool_use', input: { cache_control: 'mine' }, ...mark };
    const [body] = without({ system: [{ text: 's', ...mark }], messages: [{ content: [call] }] }, '**.cache_control');
    expect(body).to.deep.equal({
      system: [{ text: 's' }],
      messages: [{ content: [{ type: 'tool_use', input: { cache_control: 'mine' } }] }],
    });
  });

  it('are found under either spelling, and by a bare name where the top has none', () => {
    const config = { thinkingConfig: { includeThoughts: true, thinkingBudget: 1 } };
    expect(
      without({ generationConfig: config }, 'generation_config.thinking_config.include_thoughts')[0],
    ).to.deep.equal({
      generationConfig: { thinkingConfig: { thinkingBudget: 1 } },
    });
    expect(
      without({ messages: [{ role: 'assistant', reasoning_content: 'r' }] }, 'reasoning_content')[0],
    ).to.deep.equal({
      messages: [{ role: 'assistant' }],
    });
  });

  it('leave the same body, and no note, where it has none of them', () => {
    const body = { model: 'm', messages: [{ role: 'user', content: 'hi' }] };
    const [kept, notes] = without(body, 'top_k', 'tools.*.strict', '**.cache_control');
    expect(kept).to.equal(body);
    expect(notes).to.deep.equal([]);
  });

  it('make notes that a header can hold, whatever an upstream says', () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string(),
          fc.string().map((word) => `Unknown parameter: '${word}'`),
          fc.json(),
        ),
        (text) => {
          const learned = learnRefusedFields({ status: 400, rawHeaders: [], body: Buffer.from(text) }, () => false);
          for (const name of Object.keys(learned ?? {})) expect(name).to.match(/^without:[\w.*-]{1,120}$/);
        },
      ),
    );
  });

  it('never change anything but what was named', () => {
    fc.assert(
      fc.property(fc.dictionary(fc.constantFrom('a', 'b', 'c'), fc.jsonValue()), (body) => {
        const { a: _a, ...rest } = body;
        const [kept] = without(body, 'a.*.nothing.here', '**.nowhere_at_all');
        expect(kept).to.deep.equal(body);
        if ('a' in body) expect(without(body, 'a')[0]).to.deep.equal(rest);
      }),
    );
  });
});
