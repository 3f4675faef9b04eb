// The memory of conversations: spans are made in less time, and are never others than without it.
import { expect } from 'chai';
import fc from 'fast-check';
import { type ConversationMemory, createConversationMemory } from '#services/gateway/conversation-memory.ts';
import { parseRequest } from '#shared/exchange/read-exchange.ts';
import { createRedactor } from '#shared/redact/redact.ts';
import type { Attributes } from '#shared/telemetry/attribute-values.ts';
import { HIDDEN_PARTS, type HiddenPart } from '#shared/telemetry/hide-content.ts';
import { type LlmAttributesInput, llmAttributes, sayOfCall } from '#shared/telemetry/llm-attributes.ts';
import type { ModelObservation } from '#shared/telemetry/model-call.ts';
import { ProtobufOutput } from '#shared/telemetry/protobuf-output.ts';
import { putMessages } from '#shared/telemetry/shown-messages.ts';
import { attributesAsBytes } from '#shared/telemetry/span-writer.ts';
import { collectGarbage, untilFreed } from '../support/collect-garbage.ts';

const SECRET = `sk-ant-${'x'.repeat(24)}`;
const LONGEST_IMAGE = 300;
const { redactText } = createRedactor({ hmacKey: 'key' });
const long = (letter: string, length = 1000): string => `${letter} `.repeat(length / 2);

const observation: ModelObservation = {
  message: { id: 'msg', content: [{ type: 'text', text: `done, ${SECRET}` }] },
  model: 'm',
  stopReason: 'end_turn',
  usage: { output_tokens: 3 },
  toolCalls: [],
  text: `done, ${SECRET}`,
  timing: { ttftMs: 1, ttfvtMs: 1, lastDeltaMs: 2, durationMs: 3 },
  requestId: null,
};

type Settings = Pick<LlmAttributesInput, 'maxContentBytes' | 'hide'>;

const CALL = {
  ...{ observation, modelAsked: 'm', modelSent: 'm', provider: 'p' },
  ...{ content: true, longestImage: LONGEST_IMAGE },
};
const TAG = 0x0a;

/** As the thread writes it: the messages from what is remembered. */
function withMemory(bytes: Buffer, memory: ConversationMemory, settings: Settings): Buffer {
  const call = { ...CALL, ...settings, requestBytes: bytes.length, redact: memory.redactText };
  const { repeated, attributes, content } = sayOfCall({ ...call, ...memory.read(bytes, null) }, {});
  const output = new ProtobufOutput(Buffer.alloc(0));
  for (const shown of content) putMessages(output, TAG, shown);
  return Buffer.concat([inOrder(Object.assign({}, ...repeated, attributes)), output.bytes()]);
}

function without(bytes: Buffer, settings: Settings): Buffer {
  const call = { ...CALL, ...settings, requestBytes: bytes.length, redact: redactText };
  return inOrder(llmAttributes({ ...call, request: parseRequest(bytes) }));
}

const MESSAGES = /^llm\.(input_messages|output_messages|tools)\./;

/** By their keys, and behind them the messages as they come. */
function inOrder(attributes: Attributes): Buffer {
  const [facts, messages] = [false, true].map((isMessage) =>
    Object.entries(attributes).filter(([key]) => MESSAGES.test(key) === isMessage),
  );
  facts?.sort(([one], [other]) => (one < other ? -1 : 1));
  return attributesAsBytes(TAG, Object.fromEntries([...(facts ?? []), ...(messages ?? [])]));
}

describe('the memory of conversations', () => {
  let asked: string[];
  let memory: ConversationMemory;
  const remember = (maxBytes = 1_000_000): void => {
    asked = [];
    const redact = (text: string): string => {
      asked.push(text);
      return redactText(text);
    };
    memory = createConversationMemory({ redact, longestImage: LONGEST_IMAGE, hide: [], maxBytes });
  };
  /** Which of the long texts were looked through for it. */
  const looked = (request: object): string[] => {
    asked = [];
    withMemory(Buffer.from(JSON.stringify(request)), memory, {});
    return [...new Set(asked.filter((text) => text.length >= 900).map((text) => text.slice(0, 1)))].sort();
  };
  const say = (...letters: string[]) => ({
    messages: letters.map((letter) => ({ role: 'user', content: [{ type: 'text', text: long(letter) }] })),
  });
  beforeEach(() => remember());

  it('looks through a text once, wherever the conversation goes', () => {
    expect(looked(say('a', 'b'))).to.deep.equal(['a', 'b']);
    expect(looked(say('a', 'b', 'c'))).to.deep.equal(['c']);
    expect(looked(say('a', 'x', 'c'))).to.deep.equal(['x']);
    expect(looked(say('b'))).to.deep.equal([]);
  });

  it('keeps nothing in which there was a secret', () => {
    const request = say('a', `b ${SECRET}`, 'c');
    expect(looked(request)).to.deep.equal(['a', 'b', 'c']);
    expect(looked(request)).to.deep.equal(['b']);
    const system = { system: `s ${SECRET} ${long('s')}` };
    expect([looked(system), looked(system)]).to.deep.equal([['s'], ['s']]);
  });

  it('looks again at the text with the secret alone, where a message or the instructions hold others too', () => {
    const content = [long('a'), `b ${SECRET} ${long('b')}`, long('c')].map((text) => ({ type: 'text', text }));
    const request = { system: content, messages: [{ role: 'assistant', content }, ...say('d').messages] };
    expect(looked(request)).to.deep.equal(['a', 'b', 'c', 'd']);
    for (let turn = 0; turn < 3; turn++) {
      memory.forget();
      expect(looked(request)).to.deep.equal(['b']);
    }
  });

  it('forgets what was not sent again in between', () => {
    looked(say('a', 'b', 'c'));
    memory.forget();
    looked(say('a', 'c'));
    memory.forget();
    expect(looked(say('a', 'b', 'c'))).to.deep.equal(['b']);
    memory.forget();
    memory.forget();
    expect(looked(say('a', 'b', 'c'))).to.deep.equal(['a', 'b', 'c']);
  });

  it('forgets nothing of a conversation that goes on, though its messages are known by what is before them', () => {
    for (let turn = 0; turn < 5; turn++) {
      expect(looked(say('a', 'b', 'c'))).to.deep.equal(turn === 0 ? ['a', 'b', 'c'] : []);
      expect(looked(say('a', 'b', 'c'))).to.deep.equal([]);
      memory.forget();
    }
    expect(looked(say('b', 'c'))).to.deep.equal([]);
  });

  it('holds no common memory of what was copied beside a message that is still sent', async () => {
    const maxBytes = 1024 * 1024;
    const { redactText: redact } = createRedactor({ hmacKey: 'key' });
    memory = createConversationMemory({ redact, longestImage: LONGEST_IMAGE, hide: [], maxBytes });
    const held = (): number => {
      collectGarbage();
      return process.memoryUsage().arrayBuffers;
    };
    const before = held();
    const kept: object[] = [];
    for (let session = 0; session < 200; session++) {
      kept.push({ role: 'user', content: `the message that stays, no. ${session}` });
      const messages = Array.from({ length: 60 }, (_, index) => ({
        role: 'user',
        content: `in session ${session} no. ${index}: ${'word '.repeat(200)}`,
      }));
      for (const all of [messages, [...kept]]) withMemory(Buffer.from(JSON.stringify({ messages: all })), memory, {});
      memory.forget();
    }
    await untilFreed(() => held() - before < 2 * maxBytes);
  });

  it('holds no more than it may, the latest first', () => {
    remember(16_000);
    for (const letter of 'abcdefghijkl') looked(say(letter, letter));
    expect(looked(say('l', 'l'))).to.deep.equal([]);
    expect(looked(say('a', 'a'))).to.deep.equal(['a']);
    const large = { system: long('z', 20_000) };
    expect([looked(large), looked(large)]).to.deep.equal([['z'], ['z']]);
  });

  it('counts what surrounds a short message, of which a session may have any number', async () => {
    const maxBytes = 4 * 1024 * 1024;
    const held = (): number => {
      collectGarbage();
      const { heapUsed, arrayBuffers } = process.memoryUsage();
      return heapUsed + arrayBuffers;
    };
    const { redactText: redact } = createRedactor({ hmacKey: 'key' });
    memory = createConversationMemory({ redact, longestImage: LONGEST_IMAGE, hide: [], maxBytes });
    const before = held();
    for (let first = 0; first < 12_000; first += 100) {
      const messages = Array.from({ length: 100 }, (_, index) => ({ role: 'user', content: `no. ${first + index}` }));
      // What is shown in the same place for the third time is there as bytes too.
      for (let turn = 0; turn < 3; turn++) withMemory(Buffer.from(JSON.stringify({ messages })), memory, {});
      if (first % 1000 === 0) await untilFreed(() => held() - before < 1.5 * maxBytes);
    }
  });

  it('names the tool of a result as the request at hand does', () => {
    const turn = (name: string) => ({
      messages: [
        { role: 'assistant', content: [{ type: 'tool_use', id: 't', name, input: {} }] },
        { role: 'user', content: [{ type: 'tool_result', tool_use_id: 't', content: 'ok' }] },
        { role: 'user', content: 'go on' },
      ],
    });
    for (const name of ['one', 'two', 'one']) {
      const bytes = Buffer.from(JSON.stringify(turn(name)));
      expect(withMemory(bytes, memory, {}).equals(without(bytes, {})), name).to.equal(true);
    }
  });

  it('knows what follows a message only where all of it stands there again', () => {
    const [a, b, c] = ['a', 'b', 'c'].map((letter) => JSON.stringify({ role: 'user', content: long(letter, 100) }));
    const digits = '7'.repeat(40);
    const lists = [`${a},${b}`, ` ${a} , ${b}\n`, `${a},${b},${c}`, `${a},${c},${b}`, `${a},${b},${b}`, `${a},${b}`];
    const odd = [`${a},${digits}`, `${a},${digits}1`, `${a},[${b}]`, `${a},${b}1`, `${a},${b}${c}`, `${a},${b},`];
    const bodies = [...lists, ...odd].map((list) => Buffer.from(`{"tools":[${list}],"messages":[${list}]}`));
    for (const body of [...bodies, ...bodies.toReversed(), ...bodies.map((each) => each.subarray(0, -3))]) {
      expect(withMemory(body, memory, {}).equals(without(body, {})), body.toString()).to.equal(true);
    }
  });

  it('reads as a request what is one, and nothing else', () => {
    const known = JSON.stringify({ role: 'user', content: long('k') });
    const texts = [
      `{"messages":[${known},${known}],"system":"s"}`,
      `{"messages":[${known},{"role":"user"]}`,
      `{"messages":[${known} ${known}]}`,
      `{"messages":[${known},"\\x"],"system":1}`,
      `{"messages":"\\x"}`,
      `{"messages":[${known}],"messages":[],"tools":{},"2":1,"__proto__":{"model":1},"1":2}`,
      `{"system":null,"tools":[null,7,"seven"],"messages":{"0":1}}`,
      `{"messages":[${'['.repeat(600)}${']'.repeat(600)}]}`,
      `{"messages":[${known}]} x`,
      `[${known}]`,
      '7',
      '',
      '\uFEFF{}',
    ];
    for (const text of [...texts, ...texts]) {
      const bytes = Buffer.from(text);
      expect(withMemory(bytes, memory, {}).toString('latin1'), text.slice(0, 80)).to.equal(
        without(bytes, {}).toString('latin1'),
      );
    }
  });

  it('makes the same spans as without it, of sessions that grow, branch, are edited and carry secrets', () => {
    const text = fc.constantFrom(
      '',
      'short',
      long('a'),
      long('b'),
      long('ä€', 600),
      long('q"', 5000),
      `${long('s')} ${SECRET}`,
      SECRET,
    );
    const id = fc.constantFrom('t1', 't2', 't3');
    const block = fc.oneof(
      fc.record({ type: fc.constant('text'), text }),
      fc.record({ type: fc.constant('text'), text, cache_control: fc.constant({ type: 'ephemeral' }) }),
      fc.record({ type: fc.constant('thinking'), thinking: text, signature: fc.constantFrom('', 'sig') }),
      fc.record({ type: fc.constant('tool_use'), id, name: fc.constantFrom('T', 'U'), input: fc.record({ text }) }),
      fc.record({ type: fc.constant('tool_result'), tool_use_id: id, content: fc.oneof(text, fc.array(text)) }),
      fc.record({ type: fc.constant('image'), source: fc.record({ type: fc.constant('base64'), data: text }) }),
      fc.jsonValue(),
    );
    const role = fc.constantFrom('user', 'assistant');
    const message = fc.oneof(
      { weight: 6, arbitrary: fc.record({ role, content: fc.oneof(text, fc.array(block, { maxLength: 4 })) }) },
      { weight: 1, arbitrary: fc.jsonValue() },
    );
    const tool = fc.oneof(fc.record({ name: fc.constantFrom('T', 'U'), description: text }), fc.jsonValue());
    const step = fc.record({
      /** How far back the next turn branches off. */
      back: fc.constantFrom(0, 0, 0, 1, 3),
      edited: fc.constantFrom(-1, -1, 0, 1, 2),
      added: fc.array(message, { maxLength: 3 }),
      tools: fc.option(fc.array(tool, { maxLength: 3 }), { nil: undefined }),
      system: fc.option(fc.oneof(text, fc.array(block, { maxLength: 2 }), fc.jsonValue()), { nil: undefined }),
      forgets: fc.constantFrom(false, false, true),
      indent: fc.constantFrom(0, 0, 0, 1),
    });
    const settings = fc.record({
      maxContentBytes: fc.constantFrom(2000, 8000, 750_000),
      hide: fc.subarray<HiddenPart>([...HIDDEN_PARTS], { maxLength: 2 }),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 8 }), settings, fc.constantFrom(20_000, 1_000_000), (steps, set, max) => {
        const { hide } = set;
        const rules = { redact: redactText, longestImage: LONGEST_IMAGE, hide };
        const kept = createConversationMemory({ ...rules, maxBytes: max });
        let messages: unknown[] = [];
        let [system, tools]: unknown[] = [];
        for (const { back, edited, added, forgets, indent, ...changed } of steps) {
          messages = [...messages.slice(0, Math.max(0, messages.length - back)), ...added];
          if (edited >= 0 && edited < messages.length) messages[edited] = { role: 'user', content: `new ${long('e')}` };
          system = changed.system ?? system;
          tools = changed.tools ?? tools;
          if (forgets) kept.forget();
          const request = { model: 'm', messages, system, temperature: 0.5, tools, metadata: { user_id: 'u' } };
          const bytes = Buffer.from(JSON.stringify(request, null, indent));
          expect(withMemory(bytes, kept, set).toString('latin1')).to.equal(without(bytes, set).toString('latin1'));
        }
      }),
      { numRuns: 300 },
    );
  });
});
