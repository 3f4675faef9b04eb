import { expect } from 'chai';
import fc from 'fast-check';
import { newSpanId, newTraceId, uuidv7 } from '#shared/ids.ts';

const draw = <T>(make: () => T): T[] => Array.from({ length: 2000 }, make);

describe('ids', () => {
  it('are UUIDs of version 7 that begin with their time', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 2 ** 48 - 1 }), (nowMs) => {
        const id = uuidv7(nowMs);
        expect(id).to.match(/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
        expect(Number.parseInt(id.replace('-', '').slice(0, 12), 16)).to.equal(nowMs);
      }),
    );
  });

  it('of traces and spans are what trace context asks for', () => {
    for (const id of draw(newTraceId)) expect(id).to.match(/^(?!0{32})[0-9a-f]{32}$/);
    for (const id of draw(newSpanId)) expect(id).to.match(/^(?!0{16})[0-9a-f]{16}$/);
  });

  it('never come twice', () => {
    for (const ids of [draw(newTraceId), draw(newSpanId), draw(() => uuidv7(1))]) {
      expect(new Set(ids).size).to.equal(ids.length);
    }
  });

  it('of spans are random in every digit, those of traces in the last 14', () => {
    const differs = (ids: string[], digit: number): boolean => new Set(ids.map((id) => id[digit])).size === 16;
    const spans = draw(newSpanId);
    const traces = draw(newTraceId);
    for (let digit = 0; digit < 16; digit++) expect(differs(spans, digit), `digit ${digit}`).to.equal(true);
    for (let digit = 18; digit < 32; digit++) expect(differs(traces, digit), `digit ${digit}`).to.equal(true);
  });
});
