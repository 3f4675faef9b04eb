// The bytes of a span: those that the SDK's own serializer writes of the same span.
import { setImmediate } from 'node:timers/promises';
import {
  type Attributes,
  createTraceState,
  type HrTime,
  SpanKind,
  SpanStatusCode,
  TraceFlags,
} from '@opentelemetry/api';
import { ProtobufTraceSerializer } from '@opentelemetry/otlp-transformer';
import { resourceFromAttributes } from '@opentelemetry/resources';
import type { ReadableSpan } from '@opentelemetry/sdk-trace';
import { expect } from 'chai';
import fc from 'fast-check';
import { keepMade } from '#shared/made-once.ts';
import { ProtobufOutput } from '#shared/telemetry/protobuf-output.ts';
import { attributesAsBytes, createSpanWriter } from '#shared/telemetry/span-writer.ts';
import type { SayAttributes, SpanRecord } from '#shared/telemetry/tracing.ts';
import { collectGarbage, untilFreed } from '../../support/collect-garbage.ts';

const KINDS = { server: SpanKind.SERVER, client: SpanKind.CLIENT, internal: SpanKind.INTERNAL };

/** The span as the SDK has it. */
function readable(record: SpanRecord): ReadableSpan {
  const context = (spanId: string, tracestate = '', isRemote?: true) => ({
    traceId: record.traceId,
    spanId,
    traceFlags: TraceFlags.SAMPLED,
    ...(isRemote && { isRemote }),
    ...(tracestate === '' ? {} : { traceState: createTraceState(tracestate) }),
  });
  const span = {
    name: record.name,
    kind: KINDS[record.kind],
    spanContext: () => context(record.spanId, record.tracestate),
    ...(record.parentSpanId !== null && { parentSpanContext: context(record.parentSpanId, record.tracestate, true) }),
    startTime: hrTime(record.startMs),
    endTime: hrTime(record.endMs),
    attributes: present(record.attributes),
    events: record.events.map(({ name, atMs, attributes }) => ({
      ...{ name, time: hrTime(atMs), droppedAttributesCount: 0 },
      ...(attributes && { attributes: present(attributes) }),
    })),
    links: record.links.map((link) => ({ context: { ...context(link.spanId, '', true), traceId: link.traceId } })),
    status: {
      code: record.status === 'error' ? SpanStatusCode.ERROR : SpanStatusCode.UNSET,
      ...(record.statusMessage !== undefined && { message: record.statusMessage }),
    },
    ...{ droppedAttributesCount: 0, droppedEventsCount: 0, droppedLinksCount: 0 },
    resource: resourceFromAttributes({}),
    instrumentationScope: { name: '' },
  };
  return span as unknown as ReadableSpan;
}

function present(attributes: SpanRecord['attributes']): Attributes {
  const entries = Object.entries(attributes).filter(([, value]) => value !== null && value !== undefined);
  return Object.fromEntries(entries) as Attributes;
}

function hrTime(ms: number): HrTime {
  const seconds = Math.floor(ms / 1000);
  const nanos = Math.round((ms - seconds * 1000) * 1e6);
  return nanos >= 1e9 ? [seconds + 1, nanos - 1e9] : [seconds, nanos];
}

/** The tag of an attribute in a span. */
const ATTRIBUTE = 0x4a;
/** The message around one span without a resource and with a scope that has no name. */
const SURROUNDINGS = 12;

function written(record: SpanRecord): Buffer {
  return createSpanWriter().write([record]);
}

function bySdk(record: SpanRecord): Buffer {
  const message = Buffer.from(ProtobufTraceSerializer.serializeRequest([readable(record)]) ?? []);
  return message.subarray(message.length - written(record).length);
}

const SPAN: SpanRecord = {
  name: 'proxy_request',
  kind: 'server',
  traceId: '0123456789abcdef0123456789abcdef',
  spanId: '0123456789abcdef',
  parentSpanId: null,
  sampled: true,
  tracestate: '',
  startMs: 1_795_000_000_000.25,
  endMs: 1_795_000_000_012.5,
  attributes: {},
  events: [],
  links: [],
  status: 'unset',
};

const id = (digits: number) =>
  fc
    .string({ unit: fc.constantFrom(...'0123456789abcdef'), minLength: digits, maxLength: digits })
    .filter((written) => /[^0]/.test(written));
const text = fc.oneof(
  fc.string({ unit: 'grapheme', maxLength: 80 }),
  fc.string({ unit: 'binary', maxLength: 80 }),
  fc.nat({ max: 300 }).map((length) => 'ä'.repeat(length)),
  fc.nat({ max: 300 }).map((length) => 'x'.repeat(length)),
  fc.constantFrom('', '\ud800', 'x'.repeat(63), 'x'.repeat(64), 'x'.repeat(65), '€'.repeat(20_000)),
);
const number = fc.oneof(
  fc.double({ noNaN: false }),
  fc.integer(),
  fc.maxSafeInteger(),
  fc.constantFrom(0, -0, 127, 128, 2 ** 31, 2 ** 32, 2 ** 53, 2 ** 63, -(2 ** 63), 2 ** 64, 0.1),
);
const attributes = fc.dictionary(
  text.filter((key) => key !== '' && key !== '__proto__'),
  fc.oneof(text, number, fc.boolean(), fc.array(text, { maxLength: 3 })),
  { maxKeys: 12 },
);
const time = fc.double({ min: 0, max: 4e12, noNaN: true });
const spans: fc.Arbitrary<SpanRecord> = fc
  .record({
    name: fc.constantFrom('proxy_request', 'primary_forward'),
    kind: fc.constantFrom('server', 'client', 'internal'),
    traceId: id(32),
    spanId: id(16),
    parentSpanId: fc.option(id(16)),
    sampled: fc.constant(true),
    tracestate: fc.constantFrom('', 'vendor=1', 'a=1,b=2', 'no state'),
    startMs: time,
    endMs: time,
    attributes,
    events: fc.array(fc.record({ name: text, atMs: time, attributes }, { requiredKeys: ['name', 'atMs'] }), {
      maxLength: 3,
    }),
    links: fc.array(fc.record({ traceId: id(32), spanId: id(16) }), { maxLength: 3 }),
    status: fc.constantFrom('unset', 'error'),
  })
  .map((span) => ({ ...span, endMs: Math.max(span.startMs, span.endMs) }) as SpanRecord);

const parts = fc.array(attributes, { minLength: 1, maxLength: 3 });

describe('the bytes of a span', () => {
  it('are those that the SDK writes, whatever the span holds', () => {
    fc.assert(
      fc.property(spans, (span) => {
        expect(written(span).equals(bySdk(span))).to.equal(true);
      }),
      { numRuns: 400 },
    );
  });

  it('are the same beside those of spans that said nearly the same before', () => {
    const changes = fc.array(
      fc.record({
        at: fc.nat({ max: 12 }),
        value: fc.oneof(text, number, fc.boolean(), fc.array(text), fc.constant(null)),
      }),
      { maxLength: 4 },
    );
    fc.assert(
      fc.property(spans, fc.array(fc.tuple(spans, changes), { maxLength: 6 }), (first, others) => {
        const writer = createSpanWriter();
        const all = [first];
        for (const [other, changed] of others) {
          const said = { ...all.at(-1)?.attributes };
          const names = Object.keys(said);
          for (const { at, value } of changed) said[names[at] ?? `new ${at}`] = value;
          all.push({ ...other, attributes: said });
        }
        for (const span of all) expect(writer.write([span]).equals(written(span))).to.equal(true);
        expect(writer.write(all).equals(Buffer.concat(all.map(written)))).to.equal(true);
      }),
      { numRuns: 400 },
    );
  });

  it('are the same after one that cannot be written', () => {
    const writer = createSpanWriter();
    const said = { a: 'first', b: 2, c: true, d: ['x'] };
    const broken = { ...said, a: 'second', c: {} as unknown as boolean };
    expect(() => writer.write([{ ...SPAN, attributes: broken }])).to.throw(TypeError);
    for (const attributes of [{ ...said, a: 'second' }, said, { ...said, d: ['y'] }]) {
      const span = { ...SPAN, attributes };
      expect(writer.write([span]).equals(bySdk(span))).to.equal(true);
    }
  });

  it('begin with what spans say again, whichever of them is written first', () => {
    fc.assert(
      fc.property(
        spans,
        parts,
        fc.array(fc.tuple(spans, fc.nat({ max: 3 })), { maxLength: 4 }),
        (first, said, others) => {
          const writer = createSpanWriter();
          const all = said.map((each) => keepMade({ ...each }));
          for (const [span, count] of [[first, all.length] as const, ...others]) {
            const repeated = all.slice(0, count);
            const alone = [...repeated, span.attributes].map((each) => attributesAsBytes(ATTRIBUTE, each));
            const bytes = writer.write([{ ...span, repeated }]);
            expect(bytes.includes(Buffer.concat(alone))).to.equal(true);
            expect(bytes.equals(written({ ...span, repeated: structuredClone(repeated) }))).to.equal(true);
            if (count === 0) expect(bytes.equals(bySdk(span))).to.equal(true);
          }
        },
      ),
      { numRuns: 200 },
    );
    const repeated = [{ model: 'm' }, { 'http.route': '/v1/messages' }];
    const span = { ...SPAN, attributes: { n: 1 } };
    const merged = { ...span, attributes: { model: 'm', 'http.route': '/v1/messages', n: 1 } };
    expect(written({ ...span, repeated }).equals(bySdk(merged))).to.equal(true);
  });

  it('are the same said one by one, behind those of an object', () => {
    fc.assert(
      fc.property(spans, parts, (span, said) => {
        const say: SayAttributes = (to) => {
          for (const each of said) for (const [key, value] of Object.entries(each)) to.add(key, value);
        };
        const alone = [span.attributes, ...said].map((each) => attributesAsBytes(ATTRIBUTE, each));
        const bytes = written({ ...span, say });
        expect(bytes.includes(Buffer.concat(alone))).to.equal(true);
      }),
      { numRuns: 200 },
    );
    const say: SayAttributes = (to) => {
      to.add('n', 1);
      to.add('nothing', null);
      to.add('http.route', '/v1/messages');
    };
    const merged = { ...SPAN, attributes: { model: 'm', n: 1, 'http.route': '/v1/messages' } };
    expect(written({ ...SPAN, attributes: { model: 'm' }, say }).equals(bySdk(merged))).to.equal(true);
  });

  it('are kept of what is said again, and written in memory of their own', () => {
    const [writer, other] = [createSpanWriter(), createSpanWriter()];
    const said = keepMade<Record<string, string>>({ model: 'first' });
    const first = Buffer.from(writer.write([{ ...SPAN, repeated: [said] }]));
    said.model = 'nobody may change it';
    for (const again of [writer, other]) {
      expect(again.write([{ ...SPAN, repeated: [said] }]).equals(first)).to.equal(true);
    }
    const { buffer, length } = attributesAsBytes(ATTRIBUTE, { model: 'first' });
    expect(buffer.byteLength).to.equal(length);
  });

  it('are the same in room of any size', () => {
    const writer = createSpanWriter();
    const attributes = {
      text: 'x'.repeat(100),
      é: 'short',
      n: 1,
      d: 0.5,
      t: true,
      l: ['a', 'é'],
      'no ascii': 'é'.repeat(40),
    };
    const events = [{ name: 'event', atMs: 1, attributes }];
    const links = [{ traceId: SPAN.traceId, spanId: SPAN.spanId }];
    const span = { ...SPAN, parentSpanId: SPAN.spanId, attributes, events, links };
    const expected = written(span);
    for (let size = 0; size <= expected.length + 8; size++) {
      const output = new ProtobufOutput(Buffer.alloc(size));
      writer.writeTo(output, span);
      expect(output.bytes().equals(expected), `in ${size} bytes`).to.equal(true);
    }
  });

  it('are none of a span without an id or a time that they can say', () => {
    const noIds = ['', 'no id', '0'.repeat(16), `${'1'.repeat(15)}g`, '1'.repeat(15), '1'.repeat(17), '1'.repeat(32)];
    const nearDigits = ['/', ':', '@', 'G', '`', '\u0130', '\u0161'].map((unit) => `${'1'.repeat(15)}${unit}`);
    for (const spanId of [...noIds, ...nearDigits]) {
      expect(() => written({ ...SPAN, spanId }), `span ${spanId}`).to.throw(RangeError);
      expect(() => written({ ...SPAN, parentSpanId: spanId }), `parent ${spanId}`).to.throw(RangeError);
      const links = [{ traceId: SPAN.traceId, spanId }];
      expect(() => written({ ...SPAN, links }), `link ${spanId}`).to.throw(RangeError);
    }
    for (const traceId of ['', '0'.repeat(32), '1'.repeat(31), '1'.repeat(16)]) {
      expect(() => written({ ...SPAN, traceId }), `trace ${traceId}`).to.throw(RangeError);
      const links = [{ traceId, spanId: SPAN.spanId }];
      expect(() => written({ ...SPAN, links }), `link ${traceId}`).to.throw(RangeError);
    }
    for (const ms of [-1, Number.NaN, Number.POSITIVE_INFINITY, 18_446_744_073_710]) {
      expect(() => written({ ...SPAN, startMs: ms }), `start ${ms}`).to.throw(RangeError);
      expect(() => written({ ...SPAN, events: [{ name: 'e', atMs: ms }] }), `event ${ms}`).to.throw(RangeError);
    }
    for (const ms of [Number.NaN, Number.POSITIVE_INFINITY]) {
      expect(() => written({ ...SPAN, endMs: ms }), `end ${ms}`).to.throw(RangeError);
    }
    expect(written({ ...SPAN, startMs: 0, endMs: 18_446_744_073_709 }).length).to.be.above(0);
  });

  it('hold the text of a large one no longer than it takes to write it', async () => {
    const textBytes = 32 * 1024 * 1024;
    const writer = createSpanWriter();
    const held = async (): Promise<number> => {
      await setImmediate();
      collectGarbage();
      return process.memoryUsage().heapUsed;
    };
    const writeLarge = (): void => {
      writer.write([{ ...SPAN, attributes: { first: 1, text: 'x'.repeat(textBytes) } }]);
    };
    writer.write([SPAN]);
    const before = await held();
    writeLarge();
    await untilFreed(async () => (await held()) - before < textBytes / 2);
    expect(writer.write([SPAN]).equals(bySdk(SPAN))).to.equal(true);
  });

  it('are all there is in the message of the SDK but what surrounds a span', () => {
    const message = ProtobufTraceSerializer.serializeRequest([readable(SPAN)]);
    expect((message?.length ?? 0) - written(SPAN).length).to.equal(SURROUNDINGS);
  });

  it('take ids in letters of either case', () => {
    const upper = { ...SPAN, traceId: 'ABCDEF0123456789ABCDEF0123456789', spanId: 'FEDCBA9876543210' };
    const lower = { ...upper, traceId: upper.traceId.toLowerCase(), spanId: upper.spanId.toLowerCase() };
    expect(written(upper).equals(written(lower))).to.equal(true);
    expect(written(upper).toString('hex')).to.include(lower.traceId).and.include(lower.spanId);
  });

  it('leave out what has no value, and say no credential of an error', () => {
    const sparse = { gone: undefined, none: null, '': 'no key', n: 1 };
    expect(written({ ...SPAN, attributes: sparse }).equals(written({ ...SPAN, attributes: { n: 1 } }))).to.equal(true);
    const failed = written({ ...SPAN, status: 'error', statusMessage: 'refused: Bearer abcdefgh12345678' });
    expect(failed.toString('latin1')).to.include('refused: Bearer [redacted]').and.not.include('abcdefgh');
  });

  it('end no earlier than they start', () => {
    for (const endMs of [SPAN.startMs - 5, -5, Number.NEGATIVE_INFINITY]) {
      expect(written({ ...SPAN, endMs }).equals(written({ ...SPAN, endMs: SPAN.startMs })), String(endMs)).to.equal(
        true,
      );
    }
  });

  it('are right whatever was written into the same room before', () => {
    const writer = createSpanWriter();
    const large = { ...SPAN, attributes: { text: 'x'.repeat(200_000), more: '€'.repeat(900_000) } };
    const [first, second, third] = [SPAN, large, SPAN].map((span) => Buffer.from(writer.write([span])));
    expect(first?.equals(written(SPAN))).to.equal(true);
    expect(second?.equals(written(large))).to.equal(true);
    expect(third?.equals(written(SPAN))).to.equal(true);
    const together = writer.write([SPAN, large, SPAN]);
    expect(together.equals(Buffer.concat([first, second, third].filter((one) => one !== undefined)))).to.equal(true);
  });
});
