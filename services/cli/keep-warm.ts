// What the engine does to a gateway that nobody asks anything for a while. Left to its defaults it takes the quiet for the
// end of the work: the next requests pay for it, and traffic of people is mostly quiet. Measured: docs/evidence/profile.md.
import { setFlagsFromString } from 'node:v8';

/** Switches of V8 that may be set while it runs. */
export const WARM_FLAGS: readonly string[] = [
  // Eight seconds after a collection of all of the heap it would collect twice more and forget kinds of objects of which
  // none is at hand, as those of a request. Compiled code that knows them goes with them: some 290 functions.
  '--memory-reducer-gc-count=0',
  // It reckons the room of the old heap by how quickly memory was asked for lately: after a quiet that is a tenth more than
  // what lives, and less is left than the young heap may take. Then the end of each quiet is a collection of all of the heap.
  '--heap-growing-percent=200',
  // Made small all the same, the young heap has its room again after one collection, not after four. While it is small,
  // what a request holds for its time grows old.
  '--semi-space-growth-factor=16',
];

/** Of this process and all of its threads, from now on. Once it is ready: the start needs no room of a busy gateway. */
export function keepWarm(): void {
  for (const flag of WARM_FLAGS) setFlagsFromString(flag);
}
