import { expect } from 'chai';
import fc from 'fast-check';
import { LINT_RULES, type LintedEvent, type LintRule, lintStream } from '#shared/messages/lint-stream.ts';
import { createMessageWriter } from '#shared/messages/message-writer.ts';

type Named = { name: string | undefined; event: LintedEvent | null };

const START = {
  type: 'message_start',
  message: {
    id: 'msg_1',
    type: 'message',
    role: 'assistant',
    content: [],
    usage: { input_tokens: 1, output_tokens: 1 },
  },
};
const open = (index: number, block: Record<string, unknown>) => ({
  type: 'content_block_start',
  index,
  content_block: block,
});
const delta = (index: number, type: string, rest: Record<string, unknown>) => ({
  type: 'content_block_delta',
  index,
  delta: { type, ...rest },
});
const close = (index: number) => ({ type: 'content_block_stop', index });
const END = { type: 'message_delta', delta: { stop_reason: 'end_turn' }, usage: { output_tokens: 3 } };
const STOP = { type: 'message_stop' };
const TEXT = { type: 'text', text: '' };
const tool = (id: unknown = 'toolu_1', input: unknown = {}) => ({ type: 'tool_use', id, name: 'Bash', input });
const word = (index: number) => delta(index, 'text_delta', { text: 'word' });
const json = (index: number, partial_json: string) => delta(index, 'input_json_delta', { partial_json });

const GOOD = [
  START,
  { type: 'ping' },
  open(0, TEXT),
  word(0),
  close(0),
  open(1, tool()),
  json(1, '{"a":'),
  json(1, '1}'),
  close(1),
  END,
  STOP,
];

function named(events: LintedEvent[]): Named[] {
  return events.map((event) => ({ name: event.type, event }));
}

function without(event: LintedEvent): LintedEvent[] {
  return GOOD.filter((one) => one !== event);
}

/** One stream for each rule, broken in that one way. */
const BROKEN: Record<LintRule, Named[]> = {
  data_not_json: [...named(GOOD.slice(0, 3)), { name: 'content_block_delta', event: null }, ...named(GOOD.slice(3))],
  no_event_name: GOOD.map((event) => ({ name: undefined, event })),
  wrong_event_name: GOOD.map((event) => ({ name: event.type === 'ping' ? 'message' : event.type, event })),
  no_message_start: named(without(START)),
  second_message_start: named([START, ...GOOD]),
  message_start_incomplete: named([
    { type: 'message_start', message: { id: 'x', usage: START.message.usage } },
    ...GOOD.slice(1),
  ]),
  usage_missing: named([...GOOD.slice(0, -2), { type: 'message_delta', delta: { stop_reason: 'end_turn' } }, STOP]),
  blocks_overlap: named([START, open(0, TEXT), open(1, TEXT), word(0), word(1), close(0), close(1), END, STOP]),
  index_gap: named([START, open(0, TEXT), word(0), close(0), open(2, TEXT), word(2), close(2), END, STOP]),
  block_not_open: named([START, open(0, TEXT), close(0), word(0), END, STOP]),
  block_not_stopped: named([START, open(0, TEXT), word(0), END, STOP]),
  delta_of_wrong_kind: named([
    START,
    open(0, TEXT),
    delta(0, 'thinking_delta', { thinking: 'hm' }),
    close(0),
    END,
    STOP,
  ]),
  tool_without_id: named([START, open(0, tool('')), json(0, '{}'), close(0), END, STOP]),
  tool_id_twice: named([START, open(0, tool()), close(0), open(1, tool()), close(1), END, STOP]),
  tool_input_in_start: named([START, open(0, tool('toolu_1', { command: 'ls' })), close(0), END, STOP]),
  tool_input_not_json: named([START, open(0, tool()), json(0, '{"command":"l'), close(0), END, STOP]),
  no_stop_reason: named(without(END)),
  no_message_stop: named(without(STOP)),
  event_after_stop: named([...GOOD, { type: 'ping' }]),
};

describe('the stream linter', () => {
  it('M-09 finds nothing in a good stream, pings, unknown events, blocks and deltas among it', () => {
    expect(lintStream(named(GOOD))).to.deep.equal([]);
    const future = [
      START,
      open(0, { type: 'hologram' }),
      delta(0, 'hologram_delta', {}),
      close(0),
      { type: 'mood' },
      END,
      STOP,
    ];
    expect(lintStream(named(future))).to.deep.equal([]);
    expect(lintStream(named([START, open(0, TEXT), delta(0, 'sigh_delta', {}), close(0), END, STOP]))).to.deep.equal(
      [],
    );
    expect(lintStream(named([START, END, STOP])), 'no content').to.deep.equal([]);
    expect(lintStream(named([START, open(0, tool()), close(0), END, STOP])), 'no input').to.deep.equal([]);
  });

  for (const rule of LINT_RULES) {
    it(`M-09 names ${rule}, and nothing else, where that is broken`, () => {
      expect(lintStream(BROKEN[rule])).to.deep.equal([rule]);
    });
  }

  it('M-09 names each rule once, however often it is broken', () => {
    expect(lintStream(GOOD.map((event) => ({ name: undefined, event })))).to.deep.equal(['no_event_name']);
  });

  it('leaves alone what a cut answer may lack: its end, and the rest of a tool’s input', () => {
    expect(lintStream(named([START, open(0, TEXT), word(0)]), true)).to.deep.equal([]);
    const cut = { ...END, delta: { stop_reason: 'max_tokens' } };
    expect(lintStream(named([START, open(0, tool()), json(0, '{"a":"l'), close(0), cut, STOP]))).to.deep.equal([]);
  });

  it('takes an error event for the end it is', () => {
    const failed = { type: 'error', error: { type: 'overloaded_error', message: 'busy' } };
    expect(lintStream(named([START, open(0, TEXT), word(0), failed]))).to.deep.equal([]);
  });

  it('has nothing to say about what our own writer makes', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.nat(3), fc.string())), (verbs) => {
        const events: Named[] = [];
        const start = { id: 'msg_1', model: 'm', usage: { input_tokens: 1, output_tokens: 1 } };
        const writer = createMessageWriter(start, (event) => events.push({ name: event.type, event }));
        for (const [index, [verb, text]] of verbs.entries()) {
          if (verb === 0) writer.text(text);
          else if (verb === 1) writer.thinking(text);
          else if (verb === 2) writer.toolStart(index, `toolu_${index}`, 'Bash');
          else writer.signature(text);
          if (verb === 2) writer.toolArguments(index, JSON.stringify({ text }));
        }
        writer.finish('end_turn');
        expect(lintStream(events)).to.deep.equal([]);
      }),
    );
  });

  it('never throws, whatever the events are', () => {
    const type = fc.constantFrom(...GOOD.map((event) => event.type));
    const event = fc.tuple(
      type,
      fc.dictionary(fc.constantFrom('index', 'delta', 'content_block', 'message', 'usage'), fc.jsonValue()),
    );
    fc.assert(
      fc.property(fc.array(event), (events) => {
        const rules = lintStream(events.map(([name, rest]) => ({ name, event: { ...rest, type: name } })));
        expect(new Set(rules).size).to.equal(rules.length);
      }),
    );
  });
});
