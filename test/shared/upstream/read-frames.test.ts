import { expect } from 'chai';
import fc from 'fast-check';
import { GatewayError } from '#shared/errors.ts';
import type { SseEvent } from '#shared/sse/read-sse.ts';
import { createFrameReader, WHOLE } from '#shared/upstream/read-frames.ts';

function read(framing: 'sse' | 'ndjson', pieces: Buffer[]): SseEvent[] {
  const events: SseEvent[] = [];
  const frames = createFrameReader(framing, (event) => events.push(event));
  for (const piece of pieces) frames.push(piece);
  frames.end();
  return events;
}

function cut(bytes: Buffer, size: number): Buffer[] {
  const pieces: Buffer[] = [];
  for (let at = 0; at < bytes.length; at += size) pieces.push(bytes.subarray(at, at + size));
  return pieces;
}

const EVENTS: SseEvent[] = [
  { event: 'a', data: '{"text":"grüße 👋"}' },
  { event: undefined, data: '[DONE]' },
];
const SHAPES: Array<[string, 'sse' | 'ndjson', string, SseEvent[]]> = [
  ['events', 'sse', 'event: a\ndata: {"text":"grüße 👋"}\n\ndata: [DONE]\n\n', EVENTS],
  [
    'events with CRLF and comments',
    'sse',
    ': hi\r\nevent:a\r\ndata:{"text":"grüße 👋"}\r\n\r\ndata:[DONE]\r\n\r\n',
    EVENTS,
  ],
  ['events after a byte order mark', 'sse', '\ufeffevent: a\ndata: {"text":"grüße 👋"}\n\ndata: [DONE]\n\n', EVENTS],
  [
    'conv S-04 events without the last blank line',
    'sse',
    'event: a\ndata: {"text":"grüße 👋"}\n\ndata: [DONE]',
    EVENTS,
  ],
  [
    'lines',
    'ndjson',
    '{"a":1}\n\n{"b":"ü"}\r\n',
    [
      { event: undefined, data: '{"a":1}' },
      { event: undefined, data: '{"b":"ü"}' },
    ],
  ],
  ['conv S-04 lines without the last line end', 'ndjson', '\n{"a":1}', [{ event: undefined, data: '{"a":1}' }]],
  ['conv S-26 a document where events were due', 'sse', ' {"a":\n"ü"}', [{ event: WHOLE, data: ' {"a":\n"ü"}' }]],
  ['conv S-26 a list where events were due', 'sse', '[{"a":1}]', [{ event: WHOLE, data: '[{"a":1}]' }]],
  ['conv S-26 a document after a byte order mark', 'sse', '\ufeff{"a":1}', [{ event: WHOLE, data: '{"a":1}' }]],
  ['conv S-26 events where lines were due', 'ndjson', 'data: {"a":1}\n\n', [{ event: undefined, data: '{"a":1}' }]],
];

describe('frames of an answer', () => {
  for (const [name, framing, text, wanted] of SHAPES) {
    it(`are the same however the bytes were cut: ${name}`, () => {
      const bytes = Buffer.from(text);
      for (const size of [1, 2, 3, 7, bytes.length]) expect(read(framing, cut(bytes, size))).to.deep.equal(wanted);
    });
  }

  for (const page of ['<!DOCTYPE html><title>x</title>', '\n <html>', '<?xml version="1.0"?>']) {
    it(`conv E-08 refuse a page: ${JSON.stringify(page)}`, () => {
      for (const framing of ['sse', 'ndjson'] as const) {
        expect(() => read(framing, [Buffer.from(page)])).to.throw(GatewayError, 'web page');
      }
    });
  }

  for (const nothing of ['', ' \n\n']) {
    it(`refuse an answer of nothing: ${JSON.stringify(nothing)}`, () => {
      expect(() => read('sse', [Buffer.from(nothing)])).to.throw(GatewayError, 'nothing');
    });
  }

  it('refuse a document or a line without an end', () => {
    const megabyte = Buffer.alloc(1024 * 1024, 'x');
    for (const framing of ['sse', 'ndjson'] as const) {
      const frames = createFrameReader(framing, () => {});
      frames.push(Buffer.from('{"a":"'));
      expect(() => {
        for (let n = 0; n < 40; n++) frames.push(megabyte);
      }).to.throw(GatewayError, 'too long');
    }
  });

  it('of lines come out as they went in, wherever the bytes were cut', () => {
    fc.assert(
      fc.property(fc.array(fc.jsonValue(), { minLength: 1 }), fc.integer({ min: 1, max: 9 }), (values, size) => {
        const lines = values.map((value) => JSON.stringify({ value }));
        const events = read('ndjson', cut(Buffer.from(lines.join('\n')), size));
        expect(events.map(({ data }) => data)).to.deep.equal(lines);
      }),
    );
  });

  it('make of any bytes events or an error of ours, never a crash', () => {
    fc.assert(
      fc.property(
        fc.array(
          fc.oneof(
            fc.uint8Array(),
            fc.constantFrom('data: ', '\n', '{', '<', ':').map((text) => Buffer.from(text)),
          ),
        ),
        fc.constantFrom('sse' as const, 'ndjson' as const),
        (pieces, framing) => {
          try {
            read(
              framing,
              pieces.map((piece) => Buffer.from(piece)),
            );
          } catch (error) {
            expect(error).to.be.instanceOf(GatewayError);
          }
        },
      ),
    );
  });
});
