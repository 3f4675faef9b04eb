// JSON text of what came from a client, for reading: large binary data left out, and never an exception.

/** Longest base64 or `data:` value that is kept, in characters. */
export const LONGEST_BASE64 = 32_000;
export const LEFT_OUT = '__REDACTED__';

/** `replace` sees each key and value before it is written, as in JSON.stringify. */
export function compactJson(
  value: unknown,
  replace?: (key: string, value: unknown) => unknown,
  longest = LONGEST_BASE64,
): string {
  try {
    if (replace === undefined) {
      // What is short as a whole has nothing long in it, and a call for each value takes most of the time.
      const whole = JSON.stringify(value) ?? 'null';
      if (whole.length <= LONGEST_BASE64) return whole;
    }
    const toWritten = (key: string, inner: unknown): unknown =>
      withoutLongData(key, replace === undefined ? inner : replace(key, inner), longest);
    return JSON.stringify(value, toWritten) ?? 'null';
  } catch (error) {
    // Nested deeper than the engine can print (the request's reader takes deeper JSON than its writer).
    return JSON.stringify(`[unprintable: ${error instanceof Error ? error.name : 'error'}]`);
  }
}

function withoutLongData(key: string, value: unknown, longest: number): unknown {
  if (typeof value !== 'string' || value.length <= longest) return value;
  return key === 'data' || value.startsWith('data:') ? LEFT_OUT : value;
}
