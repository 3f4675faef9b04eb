// Whatever an upstream answers: recorded streams with bytes, values and events changed, lost, repeated or moved. A reader
// ends a message only when its upstream said so, breaks off with an error of ours, and sends nothing that breaks a rule.
import { expect } from 'chai';
import fc from 'fast-check';
import { GatewayError } from '#shared/errors.ts';
import { lintStream } from '#shared/messages/lint-stream.ts';
import type { ConversionMemory, Provider } from '#shared/providers/provider.ts';
import { type ConvertedStream, feedStream } from '../convert-stream.ts';
import { askFor, convertFor, loadProviderFixtures, loadStreams } from '../provider-fixtures.ts';
import { ANSWER_SHAPES, type AnswerShape } from './answer-shapes.ts';
import { type FuzzProperty, fuzzProperty } from './fuzz-property.ts';

/** How a server's answers are read. */
interface Reading {
  name: string;
  provider: Provider;
  memory: ConversionMemory;
}

interface KnownStream extends Reading {
  bytes: Buffer;
}

/** Every server of the fixtures, asked for everything that can be asked. */
function knownServers(): Reading[] {
  return loadProviderFixtures().flatMap((fixtures) =>
    fixtures.variants.flatMap((variant): Reading[] => {
      const { request } = askFor(fixtures, variant.name);
      const search = { type: 'web_search_20250305', name: 'web_search' };
      const asked = { ...request, tools: [...(request.tools ?? []), search], stop_sequences: ['STOP'] };
      const { memory } = [asked, request].map((one) => convertFor(variant, one)).find((one) => one.memory) ?? {};
      return memory ? [{ name: `${fixtures.type} ${variant.name}`, provider: variant.provider, memory }] : [];
    }),
  );
}

function knownStreams(): KnownStream[] {
  const all = loadProviderFixtures();
  return all.flatMap((fixtures) => {
    const others = fixtures.alsoReads === null ? [] : loadStreams(fixtures.alsoReads);
    return [...loadStreams(fixtures.type), ...others].map(({ name, bytes }) => {
      const { variant, request } = askFor(fixtures, name);
      const { memory } = convertFor(variant, request);
      if (memory === null) throw new Error(`what asked for ${name} is refused`);
      return { name: `${fixtures.type} ${name}`, provider: variant.provider, memory, bytes };
    });
  });
}

/** Without one of these no upstream has said that its answer is whole. */
const FINISHES =
  /finish_?reason|block_?reason|stop_reason|message_stop|response\.(?:completed|incomplete)|"done"|"status"|"object"/i;

function expectSound({ provider, memory }: Reading, bytes: Buffer, chunkBytes: number): void {
  const whole = feedStream(provider, bytes, { memory: { ...memory } });
  const pieces = feedStream(provider, bytes, { memory: { ...memory }, chunkBytes });
  expect(seenOf(pieces), `in chunks of ${chunkBytes}`).to.equal(seenOf(whole));
  const oneByOne = feedStream(provider, bytes, { memory: { ...memory }, readsAhead: false });
  expect(seenOf(oneByOne), 'each event by itself').to.equal(seenOf(whole));
  const { error, events } = whole;
  if (error !== null && !(error instanceof GatewayError)) throw error;
  const stops = events.filter(({ type }) => type === 'message_stop').length;
  expect(stops).to.equal(error === null ? 1 : 0);
  if (!FINISHES.test(bytes.toString('latin1'))) expect(error, 'no upstream said that it was whole').not.to.equal(null);
  const broken = lintStream(
    events.map((event) => ({ name: event.type, event })),
    error !== null,
  );
  expect(broken).to.deep.equal([]);
  expect(whole.message === null).to.equal(events.length === 0);
  for (const [name, count] of Object.entries(whole.message?.usage ?? {})) {
    if (name.endsWith('_tokens')) expect(count, name).to.satisfy(isCount);
  }
}

function isCount(value: unknown): boolean {
  return typeof value === 'number' && Number.isFinite(value) && value >= 0;
}

function seenOf({ events, error }: ConvertedStream): string {
  return JSON.stringify([events, error instanceof Error ? error.message : error]);
}

type Change =
  | { kind: 'put'; at: number; bytes: Uint8Array }
  | { kind: 'lose' | 'repeat'; at: number; length: number }
  | { kind: 'end'; at: number };

/** Places are shares of the whole, so that they fit every stream. */
const place = fc.nat(1_000_000);
const piece = fc.oneof(
  fc.uint8Array({ minLength: 1, maxLength: 4 }),
  fc
    .constantFrom(
      '\n',
      '\r',
      '\n\n',
      '"',
      '\\',
      '{',
      '}',
      '[DONE]',
      'data:',
      ': x\n',
      'null',
      '\u{1f98a}',
      ',',
      '[]',
      '\ufeff',
    )
    .map((value) => new Uint8Array(Buffer.from(value))),
);
const change: fc.Arbitrary<Change> = fc.oneof(
  fc.record({ kind: fc.constant('put' as const), at: place, bytes: piece }),
  fc.record({ kind: fc.constantFrom('lose' as const, 'repeat' as const), at: place, length: fc.nat(300) }),
  fc.record({ kind: fc.constant('end' as const), at: place }),
);

function changeBytes(bytes: Buffer, edit: Change): Buffer {
  const at = Math.floor((edit.at / 1_000_001) * bytes.length);
  const [before, after] = [bytes.subarray(0, at), bytes.subarray(at)];
  switch (edit.kind) {
    case 'put':
      return Buffer.concat([before, edit.bytes, after.subarray(edit.bytes.length % 2)]);
    case 'lose':
      return Buffer.concat([before, after.subarray(edit.length)]);
    case 'repeat':
      return Buffer.concat([before, after.subarray(0, edit.length), after]);
    case 'end':
      return before;
  }
}

/** A line of a stream: what stands before its JSON, and the JSON read. */
interface Line {
  head: string;
  value: unknown;
  isJson: boolean;
}

function toLines(bytes: Buffer): Line[] {
  return bytes
    .toString('utf8')
    .split(/\r?\n/)
    .map((line) => {
      const [, head = '', json = ''] = /^((?:data: ?)?)(.*)$/s.exec(line) ?? [];
      try {
        return { head, value: JSON.parse(json) as unknown, isJson: true };
      } catch {
        return { head: line, value: null, isJson: false }; // no JSON on this line
      }
    });
}

function toBytes(lines: readonly Line[]): Buffer {
  return Buffer.from(lines.map(({ head, value, isJson }) => (isJson ? head + JSON.stringify(value) : head)).join('\n'));
}

interface TreeChange {
  line: number;
  /** Chooses a child at each level; the value where it ends is changed. */
  path: number[];
  how: 'replace' | 'remove' | 'twice' | 'move-line' | 'lose-line';
  junk: unknown;
}

const treeChange: fc.Arbitrary<TreeChange> = fc.record({
  line: place,
  path: fc.array(fc.nat(20), { maxLength: 7 }),
  how: fc.constantFrom('replace', 'replace', 'replace', 'remove', 'twice', 'move-line', 'lose-line'),
  junk: fc.oneof(
    fc.constantFrom(
      null,
      '',
      0,
      1,
      -1,
      1e21,
      [],
      {},
      true,
      'stop',
      'error',
      '{}',
      '{"a":1}',
      '{',
      'tool_calls',
      'completed',
    ),
    fc.jsonValue({ maxDepth: 2 }),
  ),
});

function changeTree(lines: Line[], { line, path, how, junk }: TreeChange): Line[] {
  const usable = lines.flatMap(({ isJson }, index) => (isJson ? [index] : []));
  const index = usable[line % Math.max(1, usable.length)];
  const chosen = index === undefined ? undefined : lines[index];
  if (index === undefined || chosen === undefined) return lines;
  if (how === 'lose-line') return lines.toSpliced(index, 1);
  if (how === 'move-line') {
    const [to = 0] = path;
    return lines.toSpliced(index, 1).toSpliced((index + to) % lines.length, 0, chosen);
  }
  return lines.with(index, { ...chosen, value: changeValue(chosen.value, path, how, junk) });
}

function changeValue(value: unknown, [step, ...rest]: number[], how: TreeChange['how'], junk: unknown): unknown {
  if (step === undefined || typeof value !== 'object' || value === null) return junk;
  const entries = Object.entries(value);
  const chosen = entries[step % Math.max(1, entries.length)];
  if (chosen === undefined) return junk;
  const [key, child] = chosen;
  const isLast = rest.length === 0;
  if (Array.isArray(value)) {
    const at = Number(key);
    if (isLast && how === 'remove') return value.toSpliced(at, 1);
    if (isLast && how === 'twice') return value.toSpliced(at, 0, child);
    return value.with(at, changeValue(child, rest, how, junk));
  }
  if (isLast && how === 'remove') return Object.fromEntries(entries.filter(([name]) => name !== key));
  return { ...value, [key]: changeValue(child, rest, how, junk) };
}

interface MadeAnswer {
  server: string;
  pieces: unknown[];
  /** Which of the endings comes last; past them all, none does. */
  ending: number;
  isMarked: boolean;
}

function madeAnswer(servers: readonly string[]): fc.Arbitrary<MadeAnswer> {
  return fc.constantFrom(...servers).chain((server) =>
    fc.record({
      server: fc.constant(server),
      pieces: fc.array(
        fc.oneof({ weight: 8, arbitrary: shapeOf(server).piece }, { weight: 1, arbitrary: fc.jsonValue() }),
        {
          maxLength: 8,
        },
      ),
      ending: fc.nat(7),
      isMarked: fc.boolean(),
    }),
  );
}

function shapeOf(server: string): AnswerShape {
  const shape = ANSWER_SHAPES[server.split(' ')[0] ?? ''];
  if (!shape) throw new Error(`nobody says what answers of ${server} are made of`);
  return shape;
}

/** Framed as the server frames. */
function frame({ server, pieces, ending, isMarked }: MadeAnswer, framing: Provider['framing']): Buffer {
  const last = shapeOf(server).endings[ending];
  const all = [...pieces, ...(last === undefined ? [] : [last])].map((piece) => JSON.stringify(piece));
  if (framing === 'ndjson') return Buffer.from(all.map((line) => `${line}\n`).join(''));
  return Buffer.from([...all, ...(isMarked ? ['[DONE]'] : [])].map((data) => `data: ${data}\n\n`).join(''));
}

export function answerProperties(): FuzzProperty[] {
  const known = new Map(knownStreams().map((one) => [one.name, one]));
  const servers = new Map(knownServers().map((one) => [one.name, one]));
  const stream = fc.constantFrom(...known.keys());
  const at = (name: string): KnownStream => {
    const found = known.get(name);
    if (!found) throw new Error(`there is no stream ${name}`);
    return found;
  };
  const size = fc.integer({ min: 1, max: 40 });
  return [
    fuzzProperty(
      'a stream whose bytes were changed is read soundly',
      5,
      fc.property(stream, fc.array(change, { minLength: 1, maxLength: 4 }), size, (name, changes, chunkBytes) => {
        const one = at(name);
        expectSound(one, changes.reduce(changeBytes, one.bytes), chunkBytes);
      }),
    ),
    fuzzProperty(
      'a stream whose values were changed is read soundly',
      6,
      fc.property(stream, fc.array(treeChange, { minLength: 1, maxLength: 4 }), size, (name, changes, chunkBytes) => {
        const one = at(name);
        expectSound(one, toBytes(changes.reduce(changeTree, toLines(one.bytes))), chunkBytes);
      }),
    ),
    fuzzProperty(
      'an answer that no server would give is read soundly',
      6,
      fc.property(madeAnswer([...servers.keys()]), size, (made, chunkBytes) => {
        const server = servers.get(made.server);
        if (!server) throw new Error(`there is no server ${made.server}`);
        expectSound(server, frame(made, server.provider.framing), chunkBytes);
        expect(({} as Record<string, unknown>).x, 'no prototype was written to').to.equal(undefined);
      }),
    ),
    fuzzProperty(
      'arbitrary bytes are never an answer',
      2,
      fc.property(stream, fc.uint8Array({ maxLength: 120 }), size, (name, bytes, chunkBytes) => {
        const seen = feedStream(at(name).provider, Buffer.from(bytes), {
          chunkBytes,
          memory: { ...at(name).memory },
        });
        expect(seen.error).to.be.instanceOf(GatewayError);
        expect(seen.events).to.deep.equal([]);
      }),
    ),
  ];
}
