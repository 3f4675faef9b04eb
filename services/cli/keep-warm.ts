// What the engine does to a gateway that nobody asks anything for a while. Left to its defaults it takes the quiet for the
// end of the work: the next requests pay for it, and traffic of people is mostly quiet. Measured: docs/evidence/profile.md.
import { setFlagsFromString } from 'node:v8';

/** Switches of V8 that may be set while it runs. */
export const WARM_FLAGS: readonly string[] = [
  // Eight seconds after a collection of all of the heap it would collect for memory's sake, give the heap's pages back and forget
  // kinds of objects of which none is at hand, as those of a request. Compiled code that knows them goes with them: 287
  // pieces, once it was looked at. So that comes ten minutes after, and only where there is much to give back.
  '--gc-memory-reducer-start-delay-ms=600000',
  // It reckons the room of the old heap by how quickly memory was asked for lately: after a quiet that is a tenth more than
  // what lives, and less is left than the young heap may take. Then the end of each quiet is a collection of all of the heap.
  '--heap-growing-percent=200',
  // Made small all the same, the young heap has all of its room again when it grows once, not four times. While it is small,
  // what a request holds for its time grows old.
  '--semi-space-growth-factor=16',
];

/** Such a collection gives memory back and forgets; or does neither, where there is not much to give. */
const FORGETTING = '--memory-reducer-favors-memory';
const NOT_FORGETTING = '--no-memory-reducer-favors-memory';
/** What a busy gateway with everything on need not take for long. */
const MUCH_BYTES = 768 * 1024 * 1024;
const LOOK_EVERY_MS = 60_000;

/** Below, memory is dearer than the time of requests. */
const LEAST_ROOM_BYTES = 512 * 1024 * 1024;

/**
 * The switches for a process that was started with these, and may take so much memory (0 = nobody says): none where that is
 * little, and none that the user gave.
 */
export function warmFlags(given: readonly string[], roomBytes: number): readonly string[] {
  if (roomBytes > 0 && roomBytes < LEAST_ROOM_BYTES) return [];
  return [...WARM_FLAGS, NOT_FORGETTING].filter((flag) => !given.some((other) => nameOf(other) === nameOf(flag)));
}

function nameOf(flag: string): string {
  return (flag.split('=')[0] ?? '').replaceAll('_', '-').replace(/^--no-/, '--');
}

/** Of a process that takes so much memory, and may take so much. */
export function forgettingFlag(residentBytes: number, roomBytes: number): string {
  const much = roomBytes > 0 ? Math.min(MUCH_BYTES, roomBytes / 2) : MUCH_BYTES;
  return residentBytes > much ? FORGETTING : NOT_FORGETTING;
}

/** Of this process and all of its threads, from now on. Once it is ready: the start needs no room of a busy gateway. */
export function keepWarm(set: (flag: string) => void = setFlagsFromString): void {
  const roomBytes = process.constrainedMemory();
  const flags = warmFlags(process.execArgv, roomBytes);
  for (const flag of flags) set(flag);
  if (!flags.includes(NOT_FORGETTING)) return;
  setInterval(() => set(forgettingFlag(process.memoryUsage.rss(), roomBytes)), LOOK_EVERY_MS).unref();
}
