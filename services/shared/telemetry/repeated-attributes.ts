// Attributes that are the same from span to span: made once for the values they are made of, and then always the same object,
// with which what else is made of it is kept, its bytes for one.
import { keepMade } from '#shared/made-once.ts';
import type { SpanRecord } from './tracing.ts';

type Attributes = Readonly<SpanRecord['attributes']>;
type Given = string | number | boolean | null | undefined;

/** `make` is asked for nothing that does not follow from the values. */
export type RepeatedAttributes = (values: readonly Given[], make: () => Attributes) => Attributes;

/** What was met first is let go first; what has a longer text is not kept. */
const MOST = 64;
const LONGEST_TEXT = 256;

export function createRepeatedAttributes(): RepeatedAttributes {
  const known: Array<{ values: readonly Given[]; attributes: Attributes }> = [];
  return (values, make) => {
    for (const kind of known) if (isSame(kind.values, values)) return kind.attributes;
    const attributes = make();
    if (values.some(isLong)) return attributes;
    if (known.length === MOST) known.shift();
    known.push({ values, attributes: keepMade(attributes) });
    return attributes;
  };
}

function isSame(these: readonly Given[], those: readonly Given[]): boolean {
  if (these.length !== those.length) return false;
  for (let at = 0; at < these.length; at++) if (these[at] !== those[at]) return false;
  return true;
}

function isLong(value: Given): boolean {
  return typeof value === 'string' && value.length > LONGEST_TEXT;
}
