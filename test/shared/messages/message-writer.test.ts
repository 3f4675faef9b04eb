import { expect } from 'chai';
import { GatewayError } from '#shared/errors.ts';
import { createMessageAccumulator } from '#shared/messages/accumulate-message.ts';
import { errorEvent, toSse } from '#shared/messages/event-text.ts';
import {
  type AnthropicEvent,
  createMessageWriter,
  type MessageWriter,
  type StopReason,
} from '#shared/messages/message-writer.ts';
import { createEventFrame, type Pieces } from '#shared/simd/copy-pieces.ts';
import type { Message } from '#shared/wire/anthropic.ts';
import { copyDeltasTo } from '../../support/copy-deltas.ts';

const START = { id: 'msg_1', model: 'claude-asked', usage: { input_tokens: 7, output_tokens: 0 } };

function write(steps: (writer: MessageWriter) => void): AnthropicEvent[] {
  const events: AnthropicEvent[] = [];
  steps(createMessageWriter(START, (event) => events.push(structuredClone(event))));
  return events;
}

/** The same by who copies deltas, too. */
function writeCopied(steps: (writer: MessageWriter) => void): AnthropicEvent[] {
  const events: AnthropicEvent[] = [];
  const emit = (event: AnthropicEvent): number => events.push(structuredClone(event));
  steps(createMessageWriter(START, emit, copyDeltasTo(emit)));
  return events;
}

/** As an upstream might send them: each between angle brackets. */
function piecesOf(...texts: string[]): Pieces {
  const bytes = Buffer.from(texts.map((text) => `<${JSON.stringify(text)}>`).join(''));
  return { frame: createEventFrame('<"', '">'), bytes, from: 0 };
}

/** The events without their envelope: `start 0 text`, `text 0 a`, `stop 0`, `end end_turn`. */
function outline(events: AnthropicEvent[]): string[] {
  return events.map((event) => {
    const delta = event.delta as Record<string, unknown> | undefined;
    const block = event.content_block as Record<string, unknown> | undefined;
    if (event.type === 'content_block_start') return `start ${event.index} ${block?.type}`;
    if (event.type === 'content_block_stop') return `stop ${event.index}`;
    if (event.type === 'message_delta') return `end ${delta?.stop_reason}`;
    if (event.type !== 'content_block_delta') return event.type;
    const value = delta?.text ?? delta?.thinking ?? delta?.partial_json ?? delta?.signature ?? delta?.citation;
    return `${String(delta?.type).replace('_delta', '')} ${event.index} ${value}`;
  });
}

function fold(events: AnthropicEvent[]): Message {
  const accumulator = createMessageAccumulator({ order: 'strict' });
  for (const event of events) accumulator.add(event);
  expect(accumulator.complete, 'message_stop').to.equal(true);
  const message = accumulator.message();
  if (message === null) throw new Error('no message_start');
  return message;
}

describe('the message writer', () => {
  it('copies pieces where a block of their kind is open, and writes the same as if each were said', () => {
    const ends: unknown[] = [];
    const events = writeCopied((writer) => {
      const copy = (kind: 'text' | 'thinking', ...texts: string[]): void => {
        ends.push(writer.copy?.(kind, piecesOf(...texts))?.end ?? null);
      };
      copy('thinking', 'a');
      writer.thinking('a');
      copy('thinking', 'b', '', 'c');
      copy('text', 'a');
      writer.signature('sig');
      copy('thinking', 'd');
      writer.text(' ');
      copy('text', 'a');
      writer.text('a');
      copy('text', ' ', '😀');
      writer.toolStart(1, 'toolu_1', 'Bash');
      copy('text', 'd');
      writer.toolArguments(1, '{}');
      writer.finish('end_turn');
    });
    const wanted = write((writer) => {
      for (const text of ['a', 'b', '', 'c']) writer.thinking(text);
      writer.signature('sig');
      for (const text of [' ', 'a', ' ', '😀']) writer.text(text);
      writer.toolStart(1, 'toolu_1', 'Bash');
      writer.toolArguments(1, '{}');
      writer.finish('end_turn');
    });
    expect(events).to.deep.equal(wanted);
    expect(ends).to.deep.equal([null, 14, null, null, null, 13, null]);
  });

  it('copies nothing after the end', () => {
    const late = (writer: MessageWriter): void => {
      writer.text('a');
      writer.fail(new GatewayError('api_error', 'busy'));
      writer.copy?.('text', piecesOf('b'));
    };
    expect(() => writeCopied(late)).to.throw('the message has ended');
  });

  it('writes text, thinking with its signature, and a call as blocks one after the other', () => {
    const events = write((writer) => {
      writer.thinking('hm');
      writer.signature('sig');
      writer.text('a');
      writer.text('b');
      writer.toolStart(0, 'toolu_1', 'Bash');
      writer.toolArguments(0, '{"a":');
      writer.toolArguments(0, '1}');
      writer.usage({ input_tokens: 9, output_tokens: 4 });
      writer.finish('end_turn');
    });
    expect(outline(events)).to.deep.equal([
      ...['message_start', 'start 0 thinking', 'thinking 0 hm', 'signature 0 sig', 'stop 0'],
      ...['start 1 text', 'text 1 a', 'text 1 b', 'stop 1'],
      ...['start 2 tool_use', 'input_json 2 {"a":', 'input_json 2 1}', 'stop 2', 'end tool_use', 'message_stop'],
    ]);
    expect(fold(events)).to.deep.include({ usage: { input_tokens: 9, output_tokens: 4 }, stop_reason: 'tool_use' });
  });

  it('holds what comes for later calls until the first is over', () => {
    const events = write((writer) => {
      writer.toolStart('a', 'toolu_a', 'Read');
      writer.toolStart('b', 'toolu_b', 'Grep');
      writer.toolArguments('b', '{"q":');
      writer.toolArguments('a', '{"p":');
      writer.text('and');
      writer.toolArguments('b', '2}');
      writer.toolArguments('a', '1}');
      writer.toolArguments('a', ' \n');
      writer.finish('tool_use');
    });
    expect(outline(events)).to.deep.equal([
      ...['message_start', 'start 0 tool_use', 'input_json 0 {"p":', 'input_json 0 1}', 'stop 0'],
      ...['start 1 tool_use', 'input_json 1 {"q":', 'input_json 1 2}', 'stop 1'],
      ...['start 2 text', 'text 2 and', 'stop 2', 'end tool_use', 'message_stop'],
    ]);
  });

  it('takes arguments before the name of their call', () => {
    const events = write((writer) => {
      writer.toolArguments(3, '{"x":1}');
      writer.toolStart(3, 'toolu_x', 'Edit');
      writer.toolEnd(3);
      writer.finish('end_turn');
    });
    expect(fold(events).content).to.deep.equal([{ type: 'tool_use', id: 'toolu_x', name: 'Edit', input: { x: 1 } }]);
  });

  for (const json of ['', 'null', '""', '{}', ' {} ', '{"a":"}{"}']) {
    it(`takes ${JSON.stringify(json)} for whole arguments: an object`, () => {
      const events = write((writer) => {
        writer.toolStart(0, 'toolu_1', 'Bash');
        writer.toolArguments(0, json);
        writer.finish('end_turn');
      });
      const message = fold(events);
      expect(message.stop_reason).to.equal('tool_use');
      expect(message.content[0]).to.have.deep.property('input', json.includes('a') ? { a: '}{' } : {});
    });
  }

  for (const json of ['{"a":', '{}{}', '[1]', '"a"', '{"a":}', 'x{}', '}{']) {
    it(`refuses to end with arguments ${JSON.stringify(json)}, and leaves their block open`, () => {
      const events: AnthropicEvent[] = [];
      const writer = createMessageWriter(START, (event) => events.push(event));
      writer.toolStart(0, 'toolu_1', 'Bash');
      writer.toolArguments(0, json);
      writer.toolEnd(0);
      expect(() => writer.finish('tool_use')).to.throw(GatewayError, 'arguments for Bash');
      writer.fail(new GatewayError('api_error', 'broken'));
      expect(outline(events).filter((line) => /stop|end/.test(line))).to.deep.equal([]);
      expect(outline(events).at(-1)).to.equal('error');
    });

    it(`shows that the answer was cut at arguments ${JSON.stringify(json)}`, () => {
      const events = write((writer) => {
        writer.toolStart(0, 'toolu_1', 'Bash');
        writer.toolArguments(0, json);
        writer.finish('max_tokens');
      });
      const message = fold(events);
      expect(message.stop_reason).to.equal('max_tokens');
      expect(message.content[0]).to.have.deep.property('input', {});
    });
  }

  it('refuses a call that never got a name, unless the answer was cut before it', () => {
    const steps = (reason: StopReason) => (writer: MessageWriter) => {
      writer.toolArguments(0, '{"a":1}');
      writer.finish(reason);
    };
    expect(() => write(steps('tool_use'))).to.throw(GatewayError, 'without naming it');
    expect(fold(write(steps('max_tokens'))).content).to.deep.equal([]);
  });

  it('refuses more arguments for a call that was over', () => {
    expect(() =>
      write((writer) => {
        writer.toolStart(0, 'toolu_1', 'Bash');
        writer.toolArguments(0, '{}');
        writer.toolStart(1, 'toolu_2', 'Read');
        writer.toolArguments(0, '{"a":1}');
      }),
    ).to.throw(GatewayError, 'more arguments');
  });

  it('says end_turn where the upstream said tool_use without a call', () => {
    expect(outline(write((writer) => writer.finish('tool_use')))).to.deep.equal([
      ...['message_start', 'end end_turn', 'message_stop'],
    ]);
  });

  it('makes no block of white space alone, and loses none before other text', () => {
    const events = write((writer) => {
      writer.text('\n');
      writer.text(' ');
      writer.toolStart(0, 'toolu_1', 'Bash');
      writer.toolArguments(0, '{}');
      writer.text(' \n');
      writer.text('done');
      writer.finish('end_turn');
    });
    expect(fold(events).content).to.deep.equal([
      { type: 'tool_use', id: 'toolu_1', name: 'Bash', input: {} },
      { type: 'text', text: ' \ndone' },
    ]);
  });

  it('gives a whole block its input as a delta, because clients read it from nowhere else', () => {
    const input = { query: 'weather' };
    const call = { type: 'server_tool_use', id: 'srvtoolu_1', name: 'web_search', input };
    const result = { type: 'web_search_tool_result', tool_use_id: 'srvtoolu_1', content: [] };
    const events = write((writer) => {
      writer.block(call);
      writer.block(result);
      writer.text('sunny');
      writer.citation({ type: 'web_search_result_location', url: 'https://example.org' });
      writer.finish('end_turn');
    });
    expect(events[1]).to.deep.include({ content_block: { ...call, input: {} } });
    expect(events[2]).to.deep.include({
      delta: { type: 'input_json_delta', partial_json: JSON.stringify(input) },
    });
    expect(fold(events).content).to.deep.equal([
      call,
      result,
      { type: 'text', text: 'sunny', citations: [{ type: 'web_search_result_location', url: 'https://example.org' }] },
    ]);
  });

  it('S1-16 lets a turn that would end without a word say something, whatever was thought, and no other', () => {
    const ending = (stop: StopReason, steps: (writer: MessageWriter) => void): string[] => {
      const events: AnthropicEvent[] = [];
      const ifSilent = (): void => writer.text('Nothing came.');
      const writer = createMessageWriter({ ...START, ifSilent }, (event) => events.push(structuredClone(event)));
      steps(writer);
      writer.finish(stop);
      return outline(events).filter((line) => line.startsWith('text'));
    };
    const think = (writer: MessageWriter): void => writer.thinking('hm');
    const say = (writer: MessageWriter): void => writer.text('a');
    const call = (writer: MessageWriter): void => writer.toolStart(0, 'toolu_1', 'Bash');
    expect(ending('end_turn', () => {})).to.deep.equal(['text 0 Nothing came.']);
    expect(ending('end_turn', (writer) => writer.text(' \n'))).to.deep.equal(['text 0 Nothing came.']);
    expect(ending('end_turn', think)).to.deep.equal(['text 1 Nothing came.']);
    expect(ending('end_turn', say)).to.deep.equal(['text 0 a']);
    expect(ending('end_turn', call)).to.deep.equal([]);
    expect(ending('max_tokens', () => {})).to.deep.equal([]);
    expect(ending('refusal', think)).to.deep.equal([]);
  });

  it('begins with the usage that is known by then', () => {
    const [start] = write((writer) => {
      writer.usage({ input_tokens: 40, cache_read_input_tokens: 2 });
      writer.begin();
    });
    expect((start as { message: Message } | undefined)?.message.usage).to.deep.equal({
      ...{ input_tokens: 40, output_tokens: 0, cache_read_input_tokens: 2 },
    });
  });

  it('pings between start and end only', () => {
    const events = write((writer) => {
      writer.ping();
      writer.begin();
      writer.begin();
      writer.ping();
      writer.finish('end_turn');
      writer.ping();
    });
    expect(outline(events)).to.deep.equal(['message_start', 'ping', 'end end_turn', 'message_stop']);
  });

  it('throws when a reader goes on after the end, starts a call twice or ends one it never started', () => {
    const verbs: Array<(writer: MessageWriter) => void> = [
      (writer) => writer.text('a'),
      (writer) => writer.thinking('a'),
      (writer) => writer.signature('a'),
      (writer) => writer.citation({}),
      (writer) => writer.toolStart(9, 'a', 'b'),
      (writer) => writer.toolArguments(9, '{}'),
      (writer) => writer.toolEnd(9),
      (writer) => writer.block({ type: 'redacted_thinking', data: '' }),
      (writer) => writer.usage({}),
      (writer) => writer.begin(),
      (writer) => writer.finish('end_turn'),
      (writer) => writer.fail(new GatewayError('api_error', 'a')),
    ];
    for (const verb of verbs) {
      expect(() =>
        write((writer) => {
          writer.finish('end_turn');
          verb(writer);
        }),
      ).to.throw('the message has ended');
    }
    expect(() =>
      write((writer) => {
        writer.toolStart(1, 'a', 'b');
        writer.toolStart(1, 'a', 'b');
      }),
    ).to.throw('started twice');
    expect(() => write((writer) => writer.toolEnd(1))).to.throw('was not started');
  });

  // Where each piece costs as much as all before it, each of these takes minutes.
  it('takes white space without end, and long arguments in small pieces', () => {
    const count = 50_000;
    const blank = ' '.repeat(10);
    const json = `{"a":"${'ten chars.'.repeat(count)}"}`;
    const deltas = write((writer) => {
      for (let index = 0; index < count; index++) writer.text(blank);
      writer.text('a');
      writer.toolStart(1, 'toolu_1', 'b');
      for (let index = 0; index < count; index++) writer.toolArguments(1, blank);
      for (let at = 0; at < json.length; at += 10) writer.toolArguments(1, json.slice(at, at + 10));
      writer.toolEnd(1);
      writer.finish('tool_use');
    }).flatMap(({ delta }) => (delta as { text?: string; partial_json?: string } | undefined) ?? []);
    expect(deltas.map(({ text = '' }) => text).join('') === `${blank.repeat(count)}a`).to.equal(true);
    expect(deltas.map(({ partial_json = '' }) => partial_json).join('') === blank.repeat(count) + json).to.equal(true);
  });

  it('conv U-08 estimates the output that nobody counted, and no other', () => {
    const outputOf = (counted: Record<string, number>): unknown => {
      const events = write((writer) => {
        writer.thinking('four');
        writer.text('twelve chars');
        writer.toolStart(0, 'toolu_0', 'Bash');
        writer.toolArguments(0, '{"a":1}');
        writer.usage(counted);
        writer.finish('end_turn');
      });
      return (events.at(-2)?.usage as Record<string, unknown> | undefined)?.output_tokens;
    };
    expect(outputOf({})).to.equal(6);
    expect(outputOf({ output_tokens: 0 })).to.equal(6);
    expect(outputOf({ output_tokens: 2 })).to.equal(2);
  });

  it('conv S-29 writes an event as its name and one line of JSON', () => {
    const bytes = toSse({ type: 'content_block_delta', delta: { text: 'a\r\n\ndata: b\u2028event: c' } }).toString();
    expect(bytes).to.match(/^event: content_block_delta\ndata: [^\r\n]+\n\n$/);
    expect(errorEvent({ type: 'error', error: { type: 'api_error', message: 'a\nb' } }).toString()).to.match(
      /^event: error\ndata: [^\n]+\n\n$/,
    );
  });
});
