import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import fc from 'fast-check';
import type { RecordedAnswer, TimedChunk } from '#shared/exchange/exchange.ts';
import type { AnswerFigures, Observation } from '#shared/exchange/observation.ts';
import { readDeltaRuns } from '#shared/exchange/read-delta-runs.ts';
import { observe, observeFigures } from '#shared/exchange/read-exchange.ts';
import { createStreamLinter } from '#shared/messages/lint-stream.ts';
import { answerEvents, chunksAt, recordedAnswer, sseBytes } from '../../support/answer-bytes.ts';

const FIXTURES = join(import.meta.dirname, '../../fixtures/anthropic');
const STREAMS = ['streams', 'simulated'].flatMap((folder) =>
  readdirSync(join(FIXTURES, folder))
    .filter((name) => name.endsWith('.sse'))
    .map((name) => ({ name, bytes: readFileSync(join(FIXTURES, folder, name)) })),
);

interface Reading {
  observation: Observation;
  figures: object;
  rules: string[];
}

/** What an answer shows, with its texts and without, and the rules it breaks. */
async function read(answer: RecordedAnswer): Promise<Reading> {
  const linter = createStreamLinter();
  const figures = await observeFigures(answer, (name, event) => linter.push(name, event));
  return { observation: await observe(answer), figures: known(figures), rules: linter.end(false) };
}

/** What is known of figures, and nothing else. */
function known({ message, ...figures }: AnswerFigures): object {
  const { text: _, thinkingBytes: _t, visibleBytes: _v, ...rest } = figures as Observation;
  return { ...rest, message: message && { id: message.id } };
}

/** The same stream behind a comment, which only the reader of all streams takes. */
function readFully(chunks: TimedChunk[]): ReturnType<typeof read> {
  const commented = chunks.map((chunk, index) =>
    index === 0 ? { ...chunk, bytes: Buffer.concat([Buffer.from(': \n\n'), chunk.bytes]) } : chunk,
  );
  expect(readDeltaRuns(commented)).to.equal(null);
  return read(recordedAnswer(commented));
}

async function expectSame(chunks: TimedChunk[]): Promise<void> {
  const reading = await read(recordedAnswer(chunks));
  expect(reading).to.deep.equal(await readFully(chunks));
  expect(reading.figures).to.deep.equal(known(reading.observation));
}

const cuts = fc.array(fc.nat(), { maxLength: 40 });

/** Pieces that streams are made of and broken by. */
const PIECES = [
  '\n',
  '\n\n',
  '\r\n',
  '"',
  '\\',
  '\\"',
  '\\u12',
  '","',
  '":"',
  '}',
  '{',
  '  ',
  '\t',
  '\u0000',
  'ü',
  '\ud83e',
  '🦊',
  ': x\n\n',
  'data: ',
  'data: [DONE]\n\n',
  'id: 7\n',
  '"index":1',
  'text_delta',
  'event: content_block_delta\n',
  '\ufeff',
];

const damage = fc.record({
  at: fc.nat(),
  removed: fc.oneof(fc.constant(0), fc.nat({ max: 3 }), fc.nat({ max: 400 })),
  added: fc.oneof(
    fc.constant(Buffer.alloc(0)),
    fc.constantFrom(...PIECES).map((text) => Buffer.from(text)),
    fc.uint8Array({ maxLength: 3 }).map((bytes) => Buffer.from(bytes)),
  ),
});

function apply(bytes: Buffer, { at, removed, added }: { at: number; removed: number; added: Buffer }): Buffer {
  // The first bytes stay: they tell a stream from JSON, and nothing may stand before them.
  const place = Math.max(7, at % (bytes.length + 1));
  return Buffer.concat([bytes.subarray(0, place), added, bytes.subarray(place + removed)]);
}

describe('deltas read in runs', () => {
  it('finds the streams of this folder', () => {
    expect(STREAMS.length).to.be.greaterThan(25);
    const plain = STREAMS.filter(({ bytes }) => readDeltaRuns([{ atMs: 1, bytes }]) !== null);
    expect(plain.length).to.be.greaterThan(20);
  });

  for (const { name, bytes } of STREAMS) {
    it(`shows of ${name} what the reader shows, however it was split`, async () => {
      await expectSame([{ atMs: 3, bytes }]);
      await fc.assert(
        fc.asyncProperty(cuts, (at) => expectSame(chunksAt(bytes, at))),
        { numRuns: 15 },
      );
    });
  }

  it('shows of any text, thinking and tool input what the reader shows', async () => {
    const text = fc.string({ unit: 'binary', maxLength: 60 });
    const spec = fc.record({
      text,
      thinking: text,
      tools: fc.array(fc.record({ name: text, input: fc.jsonValue(), rawInput: text }), { maxLength: 3 }),
    });
    await fc.assert(
      fc.asyncProperty(spec, cuts, (answer, at) => expectSame(chunksAt(sseBytes(answerEvents(answer)), at))),
      { numRuns: 200 },
    );
  });

  it('shows of damaged streams what the reader shows', async () => {
    const bytes = fc
      .tuple(fc.constantFrom(...STREAMS), fc.array(damage, { minLength: 1, maxLength: 3 }))
      .map(([stream, damages]) => damages.reduce(apply, stream.bytes));
    await fc.assert(
      fc.asyncProperty(bytes, cuts, (damaged, at) => expectSame(chunksAt(damaged, at))),
      { numRuns: Number(process.env.FUZZ_RUNS ?? 1500) },
    );
  });

  it('makes one event of a run, and keeps its first and last time', () => {
    const events = answerEvents({ text: 'one two' });
    const chunks = events.map((event, index) => ({ atMs: index, bytes: sseBytes([event]) }));
    const runs = readDeltaRuns(chunks) ?? [];
    expect(runs.map(({ name, firstMs, lastMs }) => [name, firstMs, lastMs])).to.deep.equal([
      ['message_start', 0, 0],
      ['content_block_start', 1, 1],
      ['content_block_delta', 2, 3],
      ['content_block_stop', 4, 4],
      ['message_delta', 5, 5],
      ['message_stop', 6, 6],
    ]);
    expect(runs[2]?.event.delta).to.deep.equal({ type: 'text_delta', text: 'one two' });
  });

  it('shows of texts that nobody reads only whether there are any, and reads what tools are given', () => {
    const events = answerEvents({ text: 'one two', thinking: '', tools: [{ name: 'Read', input: { path: 'a' } }] });
    const runs = readDeltaRuns([{ atMs: 0, bytes: sseBytes(events) }], 'tools') ?? [];
    const deltas = runs.flatMap(({ event }) => event.delta ?? []) as Array<Record<string, unknown>>;
    expect(deltas.flatMap(({ thinking, text, partial_json }) => thinking ?? text ?? partial_json ?? [])).to.deep.equal([
      '',
      '-',
      '{"path":"a"}',
    ]);
  });

  it('takes the padding that Anthropic puts behind a delta', () => {
    const padded = sseBytes(answerEvents({ text: 'one two' }))
      .toString()
      .replaceAll('"}}\n', '"}       }\n');
    expect(readDeltaRuns([{ atMs: 0, bytes: Buffer.from(padded) }])).to.have.length(6);
  });

  it('shows of streams of any length what the reader shows, however long their deltas are', async () => {
    const sizes = fc.array(fc.oneof(fc.nat(40), fc.nat(3000), fc.nat(150_000)), { minLength: 20, maxLength: 60 });
    await fc.assert(
      fc.asyncProperty(sizes, cuts, async (lengths, at) => {
        const texts = lengths.map((length, index) => `${index}ä\\n`.repeat(length / 5));
        const events = [
          ...['message_start","message":{"id":"m","content":[]}', 'content_block_start","index":0,"content_block":{}'],
          ...texts.map((text) => `content_block_delta","index":0,"delta":{"type":"text_delta","text":"${text}"}`),
          ...['content_block_stop","index":0', 'message_stop"'],
        ];
        const stream = events.map((event) => `event: ${/\w+/.exec(event)?.[0]}\ndata: {"type":"${event}}\n\n`).join('');
        const chunks = chunksAt(Buffer.from(stream), at);
        await expectSame(chunks);
        const deltas = (readDeltaRuns(chunks) ?? []).flatMap(({ event }) => event.delta ?? []) as { text: string }[];
        expect(deltas.map(({ text }) => text).join('')).to.equal(JSON.parse(`"${texts.join('')}"`));
        if (Math.max(...lengths) < 30_000) expect(deltas).to.have.length(1);
      }),
      { numRuns: 25 },
    );
  });

  it('takes streams as long as the reader takes an event, and makes one event of a run all the same', () => {
    const delta = `event: content_block_delta\ndata: {"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"${'x'.repeat(909)}"}}\n\n`;
    expect(delta).to.have.length(1024);
    const bytes = Buffer.from(delta.repeat(16 * 1024));
    expect(readDeltaRuns([{ atMs: 0, bytes }])).to.have.length(1);
    expect(
      readDeltaRuns([
        { atMs: 0, bytes },
        { atMs: 1, bytes: Buffer.from('\n') },
      ]),
    ).to.equal(null);
  });

  it('reads no further than a stream goes, whatever an earlier one has left behind it', () => {
    const event = (text: string): string =>
      `event: content_block_delta\ndata: {"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"${text}"}   }\n\n`;
    const texts = ['one', 'two \\u00e4', 'three\\n'];
    const whole = Buffer.from(texts.map(event).join(''));
    for (let length = 0; length <= whole.length; length++) {
      readDeltaRuns([{ atMs: 0, bytes: whole }]);
      const bytes = whole.subarray(0, length);
      const isWhole = bytes.toString().split('\n\n').slice(0, -1);
      const said = (readDeltaRuns([{ atMs: 0, bytes }]) ?? []).flatMap(({ event: { delta } }) => delta ?? []);
      const text = JSON.parse(`"${texts.slice(0, isWhole.length).join('')}"`);
      expect(said, `${length} bytes`).to.deep.equal(text === '' ? [] : [{ type: 'text_delta', text }]);
    }
  });

  it('makes no character of two halves in two deltas', async () => {
    const [before, behind] = sseBytes(answerEvents({ text: 'one two' }))
      .toString('latin1')
      .split('one "}}');
    const stream = Buffer.from(`${before}\xc3"}}${behind?.replace('"two', '"\xa9two')}`, 'latin1');
    await expectSame([{ atMs: 0, bytes: stream }]);
    const texts = (readDeltaRuns([{ atMs: 0, bytes: stream }]) ?? []).flatMap(({ event }) => event.delta ?? []);
    expect(texts[0]).to.deep.equal({ type: 'text_delta', text: '\ufffd\ufffdtwo' });
  });

  for (const [what, texts] of Object.entries({
    'a quote in a text': ['a","b', 'c'],
    'half an escape in a text': ['a\\u00', '41'],
    'two texts whose quotes make up for each other': ['a",', ',"b'],
    'a control character in a text': ['a\tb', 'c'],
  })) {
    it(`leaves ${what} to the reader`, () => {
      const deltas = texts.map(
        (text) =>
          `event: content_block_delta\ndata: {"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"${text}"}}\n\n`,
      );
      expect(readDeltaRuns([{ atMs: 0, bytes: Buffer.from(deltas.join('')) }])).to.equal(null);
    });
  }
});
