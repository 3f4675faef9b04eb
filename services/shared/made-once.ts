// What is made of a value that never changes is made once and kept with it, as long as the value itself is: of a target
// of the settings, of tools that come with every request of an agent. Of all other values it is made each time.

const MADE = Symbol('made');
/** Of one value; what was made first is let go first. */
const MOST = 8;

interface Keeping {
  readonly [MADE]?: Map<unknown, unknown>;
}

/** The value, which must not change from here on. */
export function keepMade<Value extends object>(value: Value): Value {
  return Object.defineProperty(value, MADE, { value: new Map() });
}

/** `what`: a name, or what it is made with besides; one for each thing that is made of the value. */
export function madeOnce<Made>(value: object, what: unknown, make: () => Made): Made {
  const kept = (value as Keeping)[MADE];
  if (kept === undefined) return make();
  if (kept.has(what)) return kept.get(what) as Made;
  const made = make();
  if (kept.size >= MOST) kept.delete(kept.keys().next().value);
  kept.set(what, made);
  return made;
}
