import { expect } from 'chai';
import type { StepSetting } from '#shared/config/schema.ts';
import { createMessageAccumulator } from '#shared/messages/accumulate-message.ts';
import { createMessageWriter, type MessageWriter } from '#shared/messages/message-writer.ts';
import type { MessagesRequest } from '#shared/wire/anthropic.ts';
import { pipelineOf } from '../../../support/pipelines.ts';

const ASK = { model: 'm', max_tokens: 10, messages: [{ role: 'user', content: 'hi' }] };

interface Changed {
  request: Record<string, unknown>;
  notes: string[];
}

function change(step: StepSetting, fields: Record<string, unknown>): Changed {
  const notes: string[] = [];
  const given = { ...ASK, ...fields };
  const before = structuredClone(given);
  const request = pipelineOf([step]).changeRequest(given as unknown as MessagesRequest, notes);
  expect(given, 'what was given stays as it was').to.deep.equal(before);
  return { request: request as Record<string, unknown>, notes };
}

/** The whole request with these fields, and the step named when they are not as given. */
function expectChange(step: StepSetting, given: Record<string, unknown>, wanted: Record<string, unknown>): void {
  const name = typeof step === 'string' ? step : step.use;
  const isSame = JSON.stringify(given) === JSON.stringify(wanted);
  const { request, notes } = change(step, given);
  expect(request).to.deep.equal({ ...ASK, ...wanted });
  expect(notes).to.deep.equal(isSame ? [] : [`step:${name}`]);
}

const user = (content: unknown) => ({ role: 'user', content });
const text = (said: string, more: object = {}) => ({ type: 'text', text: said, ...more });

describe('steps on a body', () => {
  it('body-set writes, makes what is missing, and is not named where it changes nothing', () => {
    const step = { use: 'body-set', path: '$.metadata.user_id', value: 'x' };
    expectChange(step, {}, { metadata: { user_id: 'x' } });
    expectChange(step, { metadata: { a: 1 } }, { metadata: { a: 1, user_id: 'x' } });
    expectChange(step, { metadata: { user_id: 'x' } }, { metadata: { user_id: 'x' } });
    expectChange(step, { metadata: 'odd' }, { metadata: 'odd' });
  });

  it('body-delete takes out what is there', () => {
    const step = { use: 'body-delete', path: '$.tools[*].strict' };
    expectChange(
      step,
      { tools: [{ name: 'a', strict: true }, { name: 'b' }] },
      { tools: [{ name: 'a' }, { name: 'b' }] },
    );
    expectChange(step, { tools: 'none' }, { tools: 'none' });
  });

  it('body-append puts a value at the end of a list, a text at the end of a text, and nothing anywhere else', () => {
    const step = { use: 'body-append', path: '$.stop_sequences', value: 'END' };
    expectChange(step, { stop_sequences: ['a'] }, { stop_sequences: ['a', 'END'] });
    expectChange(step, { stop_sequences: 'a' }, { stop_sequences: 'aEND' });
    expectChange(step, { stop_sequences: null }, { stop_sequences: null });
    expectChange(step, {}, {});
  });

  it('body-merge writes members into tables that are there, deep down', () => {
    const step = { use: 'body-merge', value: { a: { b: 1, c: { d: 2 } }, e: [3] } };
    expectChange(step, { a: { c: { x: 0 }, y: 0 }, e: [1] }, { a: { c: { x: 0, d: 2 }, y: 0, b: 1 }, e: [3] });
    const inside = { use: 'body-merge', path: '$.a', value: { b: 1 } };
    expectChange(inside, { a: { x: 0 } }, { a: { x: 0, b: 1 } });
    const named = { use: 'body-merge', path: '$.a', value: { model: 'x' } };
    expectChange(named, { a: {} }, { a: { model: 'x' } });
    expectChange(inside, { a: [] }, { a: [] });
    expectChange(inside, {}, {});
  });

  it('run in their order, each once', () => {
    const notes: string[] = [];
    const steps = [
      { use: 'body-set', path: '$.n', value: [1] },
      { use: 'body-append', path: '$.n', value: 2 },
      { use: 'body-set', path: '$.n[0]', value: 0 },
    ];
    const request = pipelineOf(steps).changeRequest(ASK, notes);
    expect(request.n).to.deep.equal([0, 2]);
    expect(notes).to.deep.equal(['step:body-set', 'step:body-append']);
  });
});

describe('steps on headers', () => {
  const headersAfter = (...steps: StepSetting[]): readonly string[] => {
    const headers = ['content-type', 'application/json', 'x-a', '1', 'X-B', 'x-a'];
    return pipelineOf(steps).changeWritten({ headers, body: Buffer.from('{}') }, []).headers;
  };

  it('header-set takes the place of those of its name, header-delete takes them out', () => {
    const rest = ['content-type', 'application/json'];
    expect(headersAfter({ use: 'header-set', name: 'X-A', value: '2' })).to.deep.equal([
      ...rest,
      'X-B',
      'x-a',
      'X-A',
      '2',
    ]);
    expect(headersAfter({ use: 'header-delete', name: 'x-b' })).to.deep.equal([...rest, 'x-a', '1']);
    expect(headersAfter({ use: 'header-delete', name: 'x-c' })).to.have.length(6);
  });

  it('leave a body that is no JSON object alone', () => {
    const body = Buffer.from('[1]');
    const step = { use: 'body-set', path: '$.a', value: 1, at: 'upstream' };
    expect(pipelineOf([step]).changeWritten({ headers: [], body }, []).body).to.equal(body);
  });
});

describe('steps on a prompt', () => {
  const mark = { type: 'ephemeral' };

  it('cache-breakpoints marks system, tools and the last two user turns, four in all', () => {
    const given = {
      system: 'Be brief.',
      tools: [{ name: 'a' }, { name: 'b' }],
      messages: [user('one'), { role: 'assistant', content: 'x' }, user([text('two')]), user('three')],
    };
    const marked = {
      system: [text('Be brief.', { cache_control: mark })],
      tools: [{ name: 'a' }, { name: 'b', cache_control: mark }],
    };
    const [one, answer] = given.messages;
    const two = user([text('two', { cache_control: mark })]);
    const three = user([text('three', { cache_control: mark })]);
    expectChange('cache-breakpoints', given, { ...marked, messages: [one, answer, two, three] });
    const max = (most: number) => ({ use: 'cache-breakpoints', max: most });
    expectChange(max(3), given, { ...marked, messages: [one, answer, given.messages[2], three] });
    expectChange(max(1), given, { ...given, tools: marked.tools });
    const hour = change({ use: 'cache-breakpoints', ttl: '1h', max: 1 }, given).request;
    expect(hour.tools).to.deep.equal([{ name: 'a' }, { name: 'b', cache_control: { type: 'ephemeral', ttl: '1h' } }]);
  });

  it('cache-breakpoints leaves a request with marks of its own, and what takes none', () => {
    const own = { cache_control: mark };
    const marked = [
      own,
      { system: [text('a', own)] },
      { tools: [{ name: 'a', ...own }] },
      { messages: [user([text('a', own)])] },
      { messages: [user([{ type: 'tool_result', tool_use_id: 't', content: [text('a', own)] }])] },
    ];
    for (const given of marked) expectChange('cache-breakpoints', given, given);
    const odd = { system: '', tools: [], messages: [user([]), user([{ type: 'thinking', thinking: 'a' }]), 7] };
    expectChange('cache-breakpoints', odd, odd);
  });

  it('drop-billing-block takes it out of a list, and the prompt with it where there is nothing else', () => {
    const billing = text('x-anthropic-billing-header: cc_version=1;');
    expectChange('drop-billing-block', { system: [billing, text('a')] }, { system: [text('a')] });
    expectChange('drop-billing-block', { system: [billing] }, {});
    expectChange('drop-billing-block', { system: billing.text }, {});
    for (const system of ['a', [text('see x-anthropic-billing-header:')], 7, null]) {
      expectChange('drop-billing-block', { system }, { system });
    }
  });

  it('fold-system puts system messages into the user’s words, and keeps what it does not know', () => {
    const messages = [
      user('a'),
      { role: 'system', content: 'In /repo.' },
      { role: 'assistant', content: [{ type: 'odd' }] },
    ];
    const folded = user([text('a'), text('<system-reminder>\nIn /repo.\n</system-reminder>')]);
    expectChange('fold-system', { messages }, { messages: [folded, messages[2]] });
    const first = [
      { role: 'system', content: 'S' },
      { ...user('a'), odd: 1 },
    ];
    const words = user([text('<system-reminder>\nS\n</system-reminder>'), text('a')]);
    expectChange('fold-system', { messages: first }, { messages: [{ ...words, odd: 1 }] });
    for (const odd of [
      [{ role: 'system', content: 7 }],
      [{ role: 'system', content: [text(7 as unknown as string)] }],
      'none',
    ]) {
      expectChange('fold-system', { messages: odd }, { messages: odd });
    }
  });

  it('strip-git-status takes Claude Code’s snapshot out, to the end of its commits', () => {
    const status = [
      'gitStatus: This is the git status at the start of the conversation.',
      'Current branch: main',
      '',
      'Status:',
      '(clean)',
      '',
      'Recent commits:',
      'abc One',
      'def Two',
    ].join('\n');
    expectChange('strip-git-status', { system: `Be brief.\n\n${status}` }, { system: 'Be brief.' });
    expectChange('strip-git-status', { system: `A.\n\n${status}\n\nMore.` }, { system: 'A.\n\nMore.' });
    expectChange(
      'strip-git-status',
      { system: [text('A.'), text(`${status}\n`, { odd: 1 })] },
      { system: [text('A.')] },
    );
    expectChange(
      'strip-git-status',
      { system: [text(`A.\n${status}`, { odd: 1 })] },
      { system: [text('A.', { odd: 1 })] },
    );
    expectChange('strip-git-status', { system: status }, {});
    for (const system of ['see gitStatus: below', [text('a'), 7], undefined]) {
      expectChange('strip-git-status', { system }, { system });
    }
  });

  it('shorten-tool-descriptions cuts at a sentence or line, else where it must, and between characters', () => {
    const step = { use: 'shorten-tool-descriptions', max_chars: 20 };
    const cut = (description: unknown): unknown => {
      const [tool] = change(step, { tools: [{ name: 'a', description, odd: 1 }] }).request.tools as [
        { description: unknown },
      ];
      expect(tool).to.include({ name: 'a', odd: 1 });
      return tool.description;
    };
    expect(cut('Reads one. Then it tells of it.')).to.equal('Reads one. [...]');
    expect(cut('Reads one\nand more of it')).to.equal('Reads one\nand [...]');
    expect(cut('Reads a file\nand more of it')).to.equal('Reads a file [...]');
    expect(cut('No. Just one very long sentence')).to.equal('No. Just one v [...]');
    expect(cut(`${'x'.repeat(13)}😀${'y'.repeat(9)}`)).to.equal(`${'x'.repeat(13)} [...]`);
    for (const same of ['x'.repeat(20), '', 7, undefined]) expect(cut(same)).to.equal(same);
    expectChange('shorten-tool-descriptions', { tools: 'none' }, { tools: 'none' });
  });

  it('effort writes a level, or the nearest to what the client wants', () => {
    const budget = (tokens: number) => ({ thinking: { type: 'enabled', budget_tokens: tokens } });
    const with_ = (effort: string, given: object = {}) => ({ ...given, output_config: { effort } });
    expectChange(
      { use: 'effort', level: 'low' },
      { output_config: { a: 1, effort: 'max' } },
      { output_config: { a: 1, effort: 'low' } },
    );
    expectChange({ use: 'effort', level: 'low' }, {}, with_('low'));
    expectChange('effort', budget(1024), with_('low', budget(1024)));
    expectChange('effort', budget(8192), with_('medium', budget(8192)));
    expectChange('effort', budget(8193), with_('high', budget(8193)));
    const some = { use: 'effort', levels: ['low', 'high'] };
    expectChange(some, with_('max'), with_('high'));
    expectChange(some, with_('medium', budget(99)), with_('low', budget(99)));
    for (const given of [
      {},
      { thinking: { type: 'disabled' } },
      { thinking: { type: 'adaptive' } },
      { thinking: 7 },
      with_('odd'),
    ]) {
      expectChange('effort', given, given);
    }
  });
});

describe('steps on an answer', () => {
  function messageOf(
    step: string,
    say: (writer: MessageWriter) => void,
    thinking: 'shown' | 'state' | 'none' = 'shown',
  ): unknown[] {
    const message = createMessageAccumulator({ order: 'strict' });
    const start = { id: 'msg_1', model: 'm', usage: { input_tokens: 1, output_tokens: 0 } };
    const writer = createMessageWriter(start, (event) => {
      if (event.type !== 'ping' && event.type !== 'error') message.add(event);
    });
    say(pipelineOf([], [step]).wrapWriter(writer, thinking));
    const { content, stop_reason } = message.message() ?? {};
    return [
      ...(content ?? []).map(({ signature, id: _, ...block }) => ({
        ...block,
        ...(signature === undefined ? {} : { signature: String(signature).slice(0, 9) }),
      })),
      stop_reason,
    ];
  }

  const pieces =
    (...said: string[]) =>
    (writer: MessageWriter) => {
      for (const piece of said) writer.text(piece);
      writer.finish('end_turn');
    };
  const thought = { type: 'thinking', thinking: 'Hm.', signature: 'ccproxy1.' };

  it('think-tags makes thinking of tags in front, however they are cut', () => {
    expect(messageOf('think-tags', pieces('<th', 'ink>H', 'm.</thi', 'nk>\nYes.'))).to.deep.equal([
      thought,
      text('Yes.'),
      'end_turn',
    ]);
    expect(messageOf('think-tags', pieces('<think>Hm.'))).to.deep.equal([thought, 'end_turn']);
    expect(messageOf('think-tags', pieces('No <think>tags</think>.'))).to.deep.equal([
      text('No <think>tags</think>.'),
      'end_turn',
    ]);
    expect(messageOf('think-tags', pieces('<thi'))).to.deep.equal([text('<thi'), 'end_turn']);
    expect(messageOf('think-tags', pieces('<think>Hm.</think>Yes.'), 'none')).to.deep.equal([text('Yes.'), 'end_turn']);
    expect(messageOf('think-tags', pieces('<think>Hm.</think>Yes.'), 'state')[0]).to.deep.equal({
      ...thought,
      thinking: '',
    });
  });

  it('think-tags ends thinking in front of a call', () => {
    const said = messageOf('think-tags', (writer) => {
      writer.text('<think>Hm.');
      writer.toolStart(0, 'toolu_1', 'Bash');
      writer.toolArguments(0, '{"a":1}');
      writer.toolEnd(0);
      writer.finish('tool_use');
    });
    expect(said).to.deep.equal([thought, { type: 'tool_use', name: 'Bash', input: { a: 1 } }, 'tool_use']);
  });

  const call =
    (...json: string[]) =>
    (writer: MessageWriter) => {
      writer.toolStart(0, 'toolu_1', 'Bash');
      for (const piece of json) writer.toolArguments(0, piece);
      writer.toolEnd(0);
      writer.finish('tool_use');
    };
  const mended: Array<[string, string[], unknown]> = [
    ['whole', ['{"a":', '1}'], { a: 1 }],
    ['an empty object in front', ['{}', '{"a":1}'], { a: 1 }],
    ['the same twice', ['{"a":1}{"a":1}'], { a: 1 }],
    ['JSON inside a string', ['"{\\"a\\":', '1}"'], { a: 1 }],
    ['a raw line end', ['{"a":"x', '\n', 'y"}'], { a: 'x\ny' }],
    ['nothing', [], {}],
    ['null', ['null'], {}],
  ];
  for (const [name, json, input] of mended) {
    it(`repair-tool-json gives the object that was meant: ${name}`, () => {
      const block = { type: 'tool_use', name: 'Bash', input };
      expect(messageOf('repair-tool-json', call(...json))).to.deep.equal([block, 'tool_use']);
    });
  }

  it('repair-tool-json says on at once what is sound, and leaves what it cannot mend to the writer', () => {
    const seen: string[] = [];
    const start = { id: 'msg_1', model: 'm', usage: {} };
    const writer = createMessageWriter(start, ({ delta }) => {
      const { partial_json: json } = (delta ?? {}) as { partial_json?: string };
      if (json !== undefined) seen.push(json);
    });
    const wrapped = pipelineOf([], ['repair-tool-json']).wrapWriter(writer, 'shown');
    wrapped.toolStart(0, 'toolu_1', 'Bash');
    wrapped.toolArguments(0, '{"a":');
    wrapped.toolArguments(0, '"b');
    expect(seen).to.deep.equal(['{"a":', '"b']);
    wrapped.toolArguments(0, '" oops');
    expect(() => {
      wrapped.toolEnd(0);
      wrapped.finish('tool_use');
    }).to.throw(/are not a whole JSON object/);
    expect(wrapped.hasEnded).to.equal(false);
  });

  // Where each piece costs as much as all before it, either takes more than a minute.
  it('repair-tool-json and think-tags take long answers in small pieces, and white space without end', () => {
    const count = 100_000;
    const long = 'ten chars.'.repeat(count);
    const inTens = (whole: string): string[] => whole.match(/.{1,10}/g) ?? [];
    const input = { content: long };
    expect(messageOf('repair-tool-json', call(...inTens(JSON.stringify(input))))[0]).to.deep.include({ input });
    const blank = inTens(' '.repeat(10 * count));
    expect(messageOf('repair-tool-json', call(...blank, '{"a":1}'))[0]).to.deep.include({ input: { a: 1 } });
    expect(messageOf('think-tags', pieces(...blank, '<think>Hm.</think>Yes.'))).to.deep.equal([
      thought,
      text('Yes.'),
      'end_turn',
    ]);
  });

  it('run in their order around the same writer', () => {
    const pipeline = pipelineOf([], ['think-tags', 'repair-tool-json']);
    expect(pipeline.readsAnswers).to.equal(true);
    expect(pipelineOf(['effort']).readsAnswers).to.equal(false);
  });
});
