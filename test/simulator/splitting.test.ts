import { expect } from 'chai';
import fc from 'fast-check';
import { type Split, text } from '#services/simulator/script.ts';
import { createSimulator, type Simulator } from '#services/simulator/service.ts';
import { splitBytes } from '#services/simulator/split-bytes.ts';
import { callOnWire } from './raw-client.ts';

const BODY = JSON.stringify({ model: 'm', max_tokens: 9, stream: true, messages: [{ role: 'user', content: 'hi' }] });

describe('splitting a body', () => {
  const parts = fc.array(
    fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.from(bytes)),
    { maxLength: 12 },
  );
  const splits: fc.Arbitrary<Split> = fc.oneof(
    fc.constantFrom<Split>('event', 'whole'),
    fc.record({ bytes: fc.integer({ min: 1, max: 400 }) }),
    fc.record({ seed: fc.integer() }),
  );

  it('never changes a byte and never makes an empty chunk', () => {
    fc.assert(
      fc.property(parts, splits, (given, split) => {
        const chunks = splitBytes(given, split);
        expect(Buffer.concat(chunks).equals(Buffer.concat(given))).to.equal(true);
        expect(chunks.every((chunk) => chunk.length > 0)).to.equal(true);
      }),
    );
  });

  it('every n bytes makes all chunks but the last n bytes long', () => {
    fc.assert(
      fc.property(parts, fc.integer({ min: 1, max: 100 }), (given, bytes) => {
        const chunks = splitBytes(given, { bytes });
        expect(chunks.slice(0, -1).every((chunk) => chunk.length === bytes)).to.equal(true);
        expect(chunks.at(-1)?.length ?? 1).to.be.within(1, bytes);
      }),
    );
  });

  it('by a seed cuts at the same places again, and elsewhere with another seed', () => {
    const given = [Buffer.alloc(2_000, 'x')];
    const lengths = (seed: number): number[] => splitBytes(given, { seed }).map((chunk) => chunk.length);
    expect(lengths(3)).to.deep.equal(lengths(3));
    expect(lengths(3)).to.not.deep.equal(lengths(4));
  });
});

describe('simulator splitting on the wire', () => {
  let simulator: Simulator;
  before(async () => {
    simulator = await createSimulator({ listenAddress: '127.0.0.1:0' });
  });
  after(() => simulator.stop());

  const chunksWith = async (split: Split): Promise<Buffer[]> => {
    simulator.reset();
    simulator.use({ content: [text('Grüße, 世界 👩‍👩‍👧')], split });
    return (await callOnWire(simulator.url, { body: BODY }).answer()).chunks;
  };

  it('sends the same bytes however they are cut', async () => {
    const whole = await chunksWith('whole');
    expect(whole).to.have.length(1);
    const expected = whole[0] ?? Buffer.alloc(0);
    expect(expected.toString()).to.include('Grüße');
    for (const split of ['event', { bytes: 1 }, { bytes: 7 }, { seed: 11 }] as const) {
      expect(Buffer.concat(await chunksWith(split)).equals(expected), JSON.stringify(split)).to.equal(true);
    }
  });

  it('sends each event as one chunk, or each byte', async () => {
    const events = await chunksWith('event');
    expect(events.every((chunk) => chunk.toString().startsWith('event: '))).to.equal(true);
    expect(events.every((chunk) => chunk.toString().endsWith('\n\n'))).to.equal(true);
    const bytes = await chunksWith({ bytes: 1 });
    expect(bytes.every((chunk) => chunk.length === 1)).to.equal(true);
  });

  it('cuts inside a UTF-8 character', async () => {
    const chunks = await chunksWith({ bytes: 1 });
    expect(chunks.some((chunk) => ((chunk[0] ?? 0) & 0xc0) === 0x80)).to.equal(true);
  });
});
