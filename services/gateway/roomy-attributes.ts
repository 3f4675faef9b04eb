// Attributes of a span with room from the beginning for all that spans like it have said so far: an object that grows name
// by name becomes a slow one.
import type { SpanRecord } from '#shared/telemetry/tracing.ts';

type Attributes = SpanRecord['attributes'];

export interface RoomyAttributes {
  /** To be spread: a place for each name. What is null is as if it were not there. */
  places(): Readonly<Record<string, null>>;
  /** What a span has said in the end that was begun so. */
  learn(said: Attributes): void;
}

const MOST_NAMES = 128;

export function createRoomyAttributes(): RoomyAttributes {
  let places: Readonly<Record<string, null>> = {};
  let names = 0;
  return {
    places: () => places,
    learn: (said) => {
      const all = Object.keys(said);
      if (all.length <= names || all.length > MOST_NAMES) return;
      names = all.length;
      // Parsed, it is no slow one itself.
      places = JSON.parse(JSON.stringify(Object.fromEntries(all.map((name) => [name, null]))));
    },
  };
}
