// What an answer says in its headers.

/** The first value of a header in a flat `[name, value, …]` list; undefined when absent. */
export function headerValue(rawHeaders: readonly string[], name: string): string | undefined {
  for (let index = 0; index + 1 < rawHeaders.length; index += 2) {
    const given = rawHeaders[index];
    if (given?.length === name.length && given.toLowerCase() === name) return rawHeaders[index + 1];
  }
  return undefined;
}

/** The last is Azure's. */
const ID_HEADERS = ['request-id', 'x-request-id', 'apim-request-id'];

/** By which name the server that sent them knows the request. */
export function requestIdIn(rawHeaders: readonly string[]): string | null {
  for (const name of ID_HEADERS) {
    const id = headerValue(rawHeaders, name);
    if (id !== undefined) return id;
  }
  return null;
}
