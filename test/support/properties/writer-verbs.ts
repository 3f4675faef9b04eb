// Whatever a reader says, in whatever order: the writer's events are one message, whole and in order, or it refuses.
import { expect } from 'chai';
import fc from 'fast-check';
import { GatewayError } from '#shared/errors.ts';
import { createMessageAccumulator, parseInput } from '#shared/messages/accumulate-message.ts';
import { lintStream } from '#shared/messages/lint-stream.ts';
import {
  type AnthropicEvent,
  createMessageWriter,
  type MessageWriter,
  type StopReason,
} from '#shared/messages/message-writer.ts';
import { createEventFrame } from '#shared/simd/copy-pieces.ts';
import type { Message } from '#shared/wire/anthropic.ts';
import { copyDeltasTo } from '../copy-deltas.ts';
import { type FuzzProperty, fuzzProperty } from './fuzz-property.ts';

const START = { id: 'msg_1', model: 'claude-x', usage: { input_tokens: 42, output_tokens: 0 } };

type Verb =
  | { do: 'text' | 'thinking' | 'signature'; value: string }
  | { do: 'copy'; kind: 'text' | 'thinking'; values: string[] }
  | { do: 'call'; value: string; pieces: number }
  | { do: 'more'; key: number }
  | { do: 'block' }
  | { do: 'usage'; value: number }
  | { do: 'ping' };

const verbs: fc.Arbitrary<Verb[]> = fc.array(
  fc.oneof(
    fc.record({ do: fc.constantFrom('text' as const, 'thinking' as const, 'signature' as const), value: fc.string() }),
    fc.record({
      do: fc.constant('copy' as const),
      kind: fc.constantFrom('text' as const, 'thinking' as const),
      values: fc.array(fc.string({ maxLength: 3 }), { maxLength: 4 }),
    }),
    fc.record({
      do: fc.constant('call' as const),
      value: fc.dictionary(fc.string(), fc.jsonValue({ maxDepth: 2 })).map((input) => JSON.stringify(input)),
      pieces: fc.integer({ min: 1, max: 4 }),
    }),
    fc.record({ do: fc.constant('more' as const), key: fc.nat({ max: 4 }) }),
    fc.constant({ do: 'block' as const }),
    fc.record({ do: fc.constant('usage' as const), value: fc.nat() }),
    fc.constant({ do: 'ping' as const }),
  ),
  { maxLength: 24 },
);

interface Told {
  events: AnthropicEvent[];
  texts: string;
  thoughts: string;
  /** Arguments as sent, by id, in the order of the calls. */
  calls: Map<string, string>;
}

/** Plays verbs as an upstream may order them: pieces of several calls interleaved, the last ones just before the end. */
function play(list: readonly Verb[], reason: StopReason, isWhole: boolean): Told {
  const told: Told = { events: [], texts: '', thoughts: '', calls: new Map() };
  const emit = (event: AnthropicEvent): number => told.events.push(structuredClone(event));
  const writer = createMessageWriter(START, emit, copyDeltasTo(emit));
  const pending: Array<{ key: number; pieces: string[] }> = [];
  const give = (call: { key: number; pieces: string[] } | undefined): void => {
    const piece = call?.pieces.shift();
    if (!call || piece === undefined) return;
    writer.toolArguments(call.key, piece);
    const id = `toolu_${call.key}`;
    told.calls.set(id, (told.calls.get(id) ?? '') + piece);
  };
  for (const verb of list) {
    if (verb.do === 'text') {
      writer.text(verb.value);
      told.texts += verb.value;
    } else if (verb.do === 'copy') {
      const bytes = Buffer.from(verb.values.map((value) => `<${JSON.stringify(value)}>`).join(''));
      const copied = writer.copy?.(verb.kind, { frame: createEventFrame('<"', '">'), bytes, from: 0 });
      const said = bytes.toString('utf8', 0, copied?.end ?? 0);
      const text = [...said.matchAll(/<("(?:[^"\\]|\\.)*")>/g)].map(([, json = '']) => JSON.parse(json)).join('');
      if (verb.kind === 'text') told.texts += text;
      else told.thoughts += text;
    } else if (verb.do === 'thinking') {
      writer.thinking(verb.value);
      told.thoughts += verb.value;
    } else if (verb.do === 'signature') writer.signature(verb.value);
    else if (verb.do === 'call') {
      const key = pending.length;
      const size = Math.max(1, Math.ceil(verb.value.length / verb.pieces));
      pending.push({ key, pieces: verb.value.match(new RegExp(`[^]{1,${size}}`, 'g')) ?? [] });
      told.calls.set(`toolu_${key}`, '');
      writer.toolStart(key, `toolu_${key}`, 'Bash');
      give(pending[key]);
    } else if (verb.do === 'more') give(pending[verb.key]);
    else if (verb.do === 'block') writer.block({ type: 'redacted_thinking', data: 'x' });
    else if (verb.do === 'usage') writer.usage({ output_tokens: verb.value });
    else writer.ping();
  }
  if (isWhole) for (const call of pending) while (call.pieces.length > 0) give(call);
  writer.finish(reason);
  return told;
}

function textOf(message: Message, type: string, field: string): string {
  return message.content
    .filter((block) => block.type === type)
    .map((block) => (block as Record<string, unknown>)[field])
    .join('');
}

const REASONS: StopReason[] = ['end_turn', 'tool_use', 'stop_sequence', 'pause_turn'];
const CUTS: StopReason[] = ['max_tokens', 'refusal', 'model_context_window_exceeded'];

function fold(events: readonly AnthropicEvent[]): Message {
  const accumulator = createMessageAccumulator();
  for (const event of events) accumulator.add(event);
  const message = accumulator.message();
  if (message === null) throw new Error('no message');
  return message;
}

export function expectClean(events: readonly AnthropicEvent[], isCut = false): void {
  expect(
    lintStream(
      events.map((event) => ({ name: event.type, event })),
      isCut,
    ),
  ).to.deep.equal([]);
}

/** Verbs as no reader should say them: ends that come early, arguments of calls nobody began. */
export type LooseVerb = (writer: MessageWriter) => void;

const key = fc.nat(3);
const json = fc.constantFrom('', '{', '}', '{}', '{"a":', '1}', 'null', '[]', '""', ' ', '{"a":1}');
export const looseVerb: fc.Arbitrary<LooseVerb> = fc.oneof(
  fc.string({ maxLength: 4 }).map(
    (value): LooseVerb =>
      (writer) =>
        writer.text(value),
  ),
  fc.string({ maxLength: 4 }).map(
    (value): LooseVerb =>
      (writer) =>
        writer.thinking(value),
  ),
  fc.constant<LooseVerb>((writer) => writer.signature('s')),
  fc.constant<LooseVerb>((writer) => writer.citation({ url: 'x' })),
  key.map(
    (one): LooseVerb =>
      (writer) =>
        writer.toolStart(one, `toolu_${one}`, 'Bash'),
  ),
  fc.tuple(key, json).map(
    ([one, value]): LooseVerb =>
      (writer) =>
        writer.toolArguments(one, value),
  ),
  key.map(
    (one): LooseVerb =>
      (writer) =>
        writer.toolEnd(one),
  ),
  fc.tuple(fc.uuid(), fc.dictionary(fc.string({ maxLength: 3 }), fc.jsonValue({ maxDepth: 1 }))).map(
    ([id, input]): LooseVerb =>
      (writer) =>
        writer.block({ type: 'server_tool_use', id, input }),
  ),
  fc.constant<LooseVerb>((writer) => writer.ping()),
  fc.constant<LooseVerb>((writer) => writer.begin()),
  fc.constantFrom<StopReason>('end_turn', 'max_tokens', 'refusal').map(
    (reason): LooseVerb =>
      (writer) =>
        writer.finish(reason),
  ),
  fc.constant<LooseVerb>((writer) => writer.fail(new GatewayError('api_error', 'x'))),
);

export function writerProperties(): FuzzProperty[] {
  return [
    fuzzProperty(
      'whole calls in any order make a message with everything in it',
      2,
      fc.property(verbs, fc.constantFrom(...REASONS), (list, reason) => {
        const told = play(list, reason, true);
        const message = fold(told.events);
        expectClean(told.events);
        expect(textOf(message, 'text', 'text').replaceAll(/\s/g, '')).to.equal(told.texts.replaceAll(/\s/g, ''));
        expect(textOf(message, 'thinking', 'thinking')).to.equal(told.thoughts);
        const calls = message.content.filter((block) => block.type === 'tool_use');
        expect(calls.map((call) => [call.id, call.input])).to.deep.equal(
          [...told.calls].map(([id, sent]) => [id, JSON.parse(sent)]),
        );
        const wanted = calls.length > 0 ? 'tool_use' : reason === 'tool_use' ? 'end_turn' : reason;
        expect(message.stop_reason).to.equal(wanted);
      }),
    ),
    fuzzProperty(
      'a cut keeps its reason and every byte of the arguments that came',
      1,
      fc.property(verbs, fc.constantFrom(...CUTS), (list, reason) => {
        const told = play(list, reason, false);
        expectClean(told.events);
        expect(fold(told.events).stop_reason).to.equal(reason);
        const sent = new Map<string, string>();
        let id = '';
        for (const event of told.events) {
          if (event.type === 'content_block_start') id = String((event.content_block as { id?: string }).id);
          const { partial_json } = (event.delta ?? {}) as { partial_json?: string };
          if (partial_json !== undefined) sent.set(id, (sent.get(id) ?? '') + partial_json);
        }
        for (const [call, given] of told.calls) expect(sent.get(call) ?? '').to.equal(given);
      }),
    ),
    fuzzProperty(
      'a message never ends with a call whose arguments are not whole',
      1,
      fc.property(verbs, fc.constantFrom(...REASONS), (list, reason) => {
        let events: AnthropicEvent[] = [];
        try {
          events = play(list, reason, false).events;
        } catch (error) {
          expect(error).to.be.instanceOf(GatewayError);
          return;
        }
        expectClean(events);
        const accumulator = createMessageAccumulator();
        for (const event of events) accumulator.add(event);
        for (const index of accumulator.message()?.content.keys() ?? []) {
          const raw = accumulator.rawInput(index);
          if (raw !== undefined) expect(parseInput(raw).ok, raw).to.equal(true);
        }
      }),
    ),
    fuzzProperty(
      'verbs that a reader should not say throw, and what was written breaks no rule',
      2,
      fc.property(fc.array(looseVerb, { maxLength: 14 }), (list) => {
        const events: AnthropicEvent[] = [];
        const writer = createMessageWriter(START, (event) => events.push(structuredClone(event)));
        for (const verb of list) {
          try {
            verb(writer);
          } catch (error) {
            const isKnown = error instanceof GatewayError || /has ended|started twice|not started/.test(String(error));
            if (!isKnown) throw error;
          }
        }
        const isWhole = events.at(-1)?.type === 'message_stop';
        expectClean(events, !isWhole);
        const terminals = events.filter(({ type }) => type === 'message_stop' || type === 'error').length;
        expect(terminals).to.equal(writer.hasEnded ? 1 : 0);
        expect(events[0]?.type ?? 'message_start').to.be.oneOf(['message_start', 'error']);
      }),
    ),
  ];
}
