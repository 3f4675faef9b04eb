// Deltas copied as bytes, as a gateway copies them, and read back as the events that they are.
import { expect } from 'chai';
import { deltaFrame, toSse } from '#shared/messages/event-text.ts';
import type { AnthropicEvent, CopyDeltas } from '#shared/messages/message-writer.ts';
import { copyPieces } from '#shared/simd/copy-pieces.ts';

/** Byte for byte what the events would be, were each written by itself. */
export function copyDeltasTo(emit: (event: AnthropicEvent) => void): CopyDeltas {
  return (index, kind, pieces) => {
    const copied = copyPieces(pieces, deltaFrame(index, `${kind}_delta`));
    const events = copied.events
      .toString()
      .split('\n\n')
      .slice(0, -1)
      .map((text): AnthropicEvent => JSON.parse(text.replace(/^event: \w+\ndata: /, '')));
    expect(Buffer.concat(events.map(toSse)).equals(copied.events)).to.equal(true);
    const said = events.map((event) => (event.delta as Record<string, string>)[kind] ?? '');
    expect(copied.length).to.equal(said.join('').length);
    for (const event of events) emit(event);
    return copied;
  };
}
