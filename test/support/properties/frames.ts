// Whatever bytes a stream has: server-sent events as the standard reads them, however they are cut into chunks.
import { expect } from 'chai';
import fc from 'fast-check';
import { createEventBoundary, createSseReader, type SseEvent } from '#shared/sse/read-sse.ts';
import { type FuzzProperty, fuzzProperty } from './fuzz-property.ts';

const piece = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.constantFrom(
      ...['\n', '\r', '\r\n', '\n\n', 'data', 'data:', 'data: ', 'event:', 'event: x', 'id: 1', 'retry: 5', ':', ': c'],
      ...[' ', '{"a":1}', '[DONE]', 'häß', '🦊', '\ufeff', '\u2028', '\u0000'],
    ),
  },
  { weight: 1, arbitrary: fc.string({ maxLength: 6 }) },
);
const text = fc.array(piece, { maxLength: 24 }).map((pieces) => pieces.join(''));
const cuts = fc.array(fc.nat(60), { maxLength: 8 });

/** https://html.spec.whatwg.org/multipage/server-sent-events.html#event-stream-interpretation, word for word. */
function readByStandard(stream: string): SseEvent[] {
  const events: SseEvent[] = [];
  let data: string[] = [];
  let type = '';
  const lines = stream.replace(/^\ufeff/, '').split(/\r\n|\n|\r/);
  // What follows the last line end is no line.
  for (const line of lines.slice(0, -1)) {
    if (line === '') {
      if (data.length > 0) events.push({ event: type === '' ? undefined : type, data: data.join('\n') });
      data = [];
      type = '';
      continue;
    }
    const [, field = '', value = ''] = /^([^:]*)(?:: ?(.*))?$/s.exec(line) ?? [];
    if (field === 'data') data.push(value);
    else if (field === 'event') type = value;
  }
  return events;
}

function chunksOf(bytes: Buffer, places: readonly number[]): Buffer[] {
  const ends = [...places.map((place) => Math.min(place, bytes.length)), bytes.length].toSorted((a, b) => a - b);
  return ends.map((end, index) => bytes.subarray(ends[index - 1] ?? 0, end));
}

export function frameProperties(): FuzzProperty[] {
  return [
    fuzzProperty(
      'server-sent events are read as the standard says, however they are cut',
      3,
      fc.property(text, cuts, (stream, places) => {
        const events: SseEvent[] = [];
        const reader = createSseReader({ onEvent: (event) => events.push({ event: event.event, data: event.data }) });
        for (const chunk of chunksOf(Buffer.from(stream), places)) reader.push(chunk, 0);
        expect(events).to.deep.equal(readByStandard(stream));
      }),
    ),
    fuzzProperty(
      'events are the same when those that are known by sight are read ahead of the parser',
      2,
      fc.property(text, cuts, (stream, places) => {
        const events: SseEvent[] = [];
        const readAhead = (chunk: Buffer, from: number): number => {
          const [run = ''] = /^(?:data: ?(\{"a":1\}|x?)\n\n)*/.exec(chunk.toString('latin1', from)) ?? [];
          for (const [, data = ''] of run.matchAll(/data: ?(.*)\n\n/g)) events.push({ event: undefined, data });
          return from + run.length;
        };
        const onEvent = ({ event, data }: SseEvent): number => events.push({ event, data });
        const reader = createSseReader({ onEvent, readAhead });
        for (const chunk of chunksOf(Buffer.from(stream), places)) reader.push(chunk, 0);
        expect(events).to.deep.equal(readByStandard(stream));
      }),
    ),
    fuzzProperty(
      'arbitrary bytes do not disturb the reader, nor where it knows that it stands',
      1,
      fc.property(fc.uint8Array({ maxLength: 60 }), cuts, (bytes, places) => {
        const reader = createSseReader({ onEvent: () => {} });
        const boundary = createEventBoundary();
        for (const chunk of chunksOf(Buffer.from(bytes), places)) {
          reader.push(chunk, 0);
          boundary.push(chunk);
        }
        const once = createEventBoundary();
        once.push(bytes);
        expect(boundary.betweenEvents()).to.equal(once.betweenEvents());
      }),
    ),
  ];
}
