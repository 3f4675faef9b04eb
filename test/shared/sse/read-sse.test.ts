import { expect } from 'chai';
import { createEventBoundary, createSseReader, SseBufferError, type SseEvent } from '#shared/sse/read-sse.ts';
import { chunksOf } from '../../support/answer-bytes.ts';

function read(chunks: Array<{ bytes: Buffer; atMs: number }>, maxBufferBytes?: number) {
  const events: Array<SseEvent & { atMs: number }> = [];
  const reader = createSseReader({
    onEvent: (event, atMs) => events.push({ ...event, atMs }),
    ...(maxBufferBytes === undefined ? {} : { maxBufferBytes }),
  });
  const boundary = createEventBoundary();
  for (const { bytes, atMs } of chunks) {
    reader.push(bytes, atMs);
    boundary.push(bytes);
  }
  return { events, betweenEvents: boundary.betweenEvents() };
}

const STREAM = Buffer.from(
  '\uFEFFevent: one\ndata: häß 🦊\n\n: a comment\n\nevent: two\r\ndata: first\r\ndata: second\r\n\r\nid: 7\ndata: cr\r\rdata:[DONE]\n\n',
);
const EVENTS = [
  { event: 'one', data: 'häß 🦊' },
  { event: 'two', data: 'first\nsecond' },
  { event: undefined, data: 'cr' },
  { event: undefined, data: '[DONE]' },
];
const withoutTime = (events: Array<SseEvent & { atMs: number }>): SseEvent[] =>
  events.map(({ event, data }) => ({ event, data }));

describe('read-sse', () => {
  for (const size of [1, 2, 3, 7, STREAM.length]) {
    it(`reads the same events ${size} bytes at a time`, () => {
      const { events, betweenEvents } = read(chunksOf(STREAM, size));
      expect(withoutTime(events)).to.deep.equal(EVENTS);
      expect(betweenEvents).to.equal(true);
    });
  }

  it('gives an event the time of the chunk that completed it', () => {
    const { events } = read([
      { atMs: 10, bytes: Buffer.from('data: a\n') },
      { atMs: 20, bytes: Buffer.from('\ndata: b\n\ndata: c') },
      { atMs: 30, bytes: Buffer.from('\n\n') },
    ]);
    expect(events.map(({ data, atMs }) => [data, atMs])).to.deep.equal([
      ['a', 20],
      ['b', 20],
      ['c', 30],
    ]);
  });

  it('never delivers an event whose blank line did not come, and says that the end was inside it', () => {
    const whole = Buffer.from('event: x\ndata: {"a":1}\n\n');
    for (let length = 1; length < whole.length; length++) {
      const { events, betweenEvents } = read([{ atMs: 1, bytes: whole.subarray(0, length) }]);
      expect(events, `cut at ${length}`).to.deep.equal([]);
      expect(betweenEvents, `cut at ${length}`).to.equal(false);
    }
    expect(read([{ atMs: 1, bytes: whole }]).betweenEvents).to.equal(true);
  });

  it('stands between events after nothing at all, blank lines and whole comments, not after half a comment', () => {
    const between = (text: string): boolean => read([{ atMs: 1, bytes: Buffer.from(text) }]).betweenEvents;
    expect(between('')).to.equal(true);
    expect(between('data: a\r\n\r\n\r\n')).to.equal(true);
    expect(between('data: a\n\n: keep-alive\n')).to.equal(true);
    expect(between('data: a\n\n: keep-al')).to.equal(false);
    expect(between('data: a\n: comment\n')).to.equal(false);
  });

  it('refuses an event over the limit at any split, and takes nothing afterwards', () => {
    const bytes = Buffer.from(`data: ok\n\ndata: ${'x'.repeat(5000)}\n\ndata: later\n\n`);
    for (const size of [1, 7, bytes.length]) {
      const events: string[] = [];
      const reader = createSseReader({ onEvent: ({ data }) => events.push(data), maxBufferBytes: 2000 });
      expect(() => {
        for (const chunk of chunksOf(bytes, size)) reader.push(chunk.bytes, 0);
      }).to.throw(SseBufferError);
      expect(() => reader.push(Buffer.from('data: y\n\n'), 0)).to.throw(SseBufferError);
      expect(events).to.deep.equal(['ok']);
    }
  });

  it('asks who reads ahead for each event, but where none is known once for each piece of a stream', () => {
    const events: string[] = [];
    let asked = 0;
    const reader = createSseReader({
      onEvent: ({ data }) => events.push(data),
      readAhead: (bytes, at) => {
        asked++;
        const isKnown = bytes.indexOf('data: known\n\n', at) === at;
        if (isKnown) events.push('ahead');
        return isKnown ? at + 'data: known\n\n'.length : at;
      },
    });
    const other = Buffer.from('data: other\n\n'.repeat(50));
    reader.push(other, 0);
    expect(asked).to.equal(5);
    reader.push(other, 0);
    expect(asked).to.equal(6);
    reader.push(Buffer.from('data: known\n\n'.repeat(2)), 0);
    expect(events).to.deep.equal([...Array(100).fill('other'), 'ahead', 'ahead']);
  });

  it('lets what onEvent throws leave push', () => {
    const reader = createSseReader({
      onEvent: () => {
        throw new TypeError('from the caller');
      },
    });
    expect(() => reader.push(Buffer.from('data: a\n\n'), 0)).to.throw(TypeError, 'from the caller');
  });
});
