// How text, thinking and arguments are cut into deltas.
export const DEFAULT_DELTA_CHARS = 16;

/** Cuts about every `size` UTF-16 units, never inside a surrogate pair: half of one cannot travel as UTF-8. */
export function pieces(value: string, size: number): string[] {
  const cut: string[] = [];
  for (let start = 0; start < value.length; ) {
    const end = start + size;
    const splitsPair = isHighSurrogate(value.charCodeAt(end - 1)) && end < value.length;
    cut.push(value.slice(start, splitsPair ? end + 1 : end));
    start = splitsPair ? end + 1 : end;
  }
  return cut;
}

function isHighSurrogate(unit: number): boolean {
  return unit >= 0xd800 && unit <= 0xdbff;
}
