// Attributes of a span with room from the beginning for all that spans like it have said so far: an object that grows name
// by name becomes a slow one.
import type { SpanRecord } from '#shared/telemetry/tracing.ts';

type Attributes = SpanRecord['attributes'];

export interface RoomyAttributes {
  /** The same attributes. What they do not say is null, which is as if it were not there. */
  from(given: Attributes): Attributes;
  /** What a span has said in the end that was begun here. */
  learn(said: Attributes): void;
}

const MOST_NAMES = 128;

export function createRoomyAttributes(): RoomyAttributes {
  let room: Attributes = {};
  let names = 0;
  return {
    from: (given) => Object.assign({ ...room }, given),
    learn: (said) => {
      const all = Object.keys(said);
      if (all.length <= names || all.length > MOST_NAMES) return;
      names = all.length;
      // Parsed, it is no slow one itself.
      room = JSON.parse(JSON.stringify(Object.fromEntries(all.map((name) => [name, null])))) as Attributes;
    },
  };
}
