// The hook capture-headers: chosen headers of the client, short and without secrets, for spans and history.
import type { IncomingHttpHeaders } from 'node:http';

/** The client's headers, lower-case → what is kept of them; null = nothing. */
export type CaptureHeaders = (headers: IncomingHttpHeaders) => Record<string, string> | null;

export interface CaptureParts {
  /** Whose header it is when it may hold a credential, else null. Lower-case name. */
  secretOf(name: string): string | null;
  redact(text: string): string;
  /** @throws ConfigError that says so of the hook */
  refuse(what: string): never;
}

const LONGEST_VALUE = 200;
const HEADER_NAME = /^[a-z0-9!#$%&'*+.^_`|~-]+$/;

export function createCaptureHeaders(headers: readonly string[], parts: CaptureParts): CaptureHeaders {
  if (headers.length === 0) parts.refuse('headers is missing: name those to keep, e.g. ["user-agent", "x-request-id"]');
  const names = [...new Set(headers.map((name) => name.toLowerCase()))];
  const mistakes = names.flatMap((name) => {
    if (!HEADER_NAME.test(name)) return `${JSON.stringify(name)} is no name of a header`;
    const secret = parts.secretOf(name);
    return secret === null ? [] : `"${name}" ${secret}, and credentials are kept nowhere; leave it out`;
  });
  if (mistakes.length > 0) parts.refuse(`headers: ${mistakes.join('; ')}`);
  return (given) => {
    const kept: Record<string, string> = {};
    for (const name of names) {
      const value = given[name];
      // What a header's name does not tell, its value may.
      if (value !== undefined) kept[name] = parts.redact(String(value)).slice(0, LONGEST_VALUE);
    }
    return Object.keys(kept).length === 0 ? null : kept;
  };
}
