// What a request says beside its conversation, as attributes of its span, by the JSON that it came as: clients say the same
// from call to call. The JSON may hold what is secret, so only a hash of it is kept.
import { hash } from 'node:crypto';
import { type Attributes, requestAttributes } from '#shared/telemetry/llm-attributes.ts';
import type { ModelRequest } from '#shared/telemetry/model-call.ts';

/** `beta`: the header of the request. @throws SyntaxError */
export type RememberedSettings = (json: string, beta: string | undefined) => Attributes;

/** What was met first is let go first. */
const MOST = 256;
const LONGEST = 2048;

export function createRememberedSettings(redact: (text: string) => string): RememberedSettings {
  const remembered = new Map<string, Attributes>();
  const read: RememberedSettings = (json, beta) => {
    const headers = beta === undefined ? {} : { 'anthropic-beta': beta };
    return requestAttributes({ request: JSON.parse(json) as ModelRequest, headers, redact });
  };
  return (json, beta) => {
    if (json.length > LONGEST) return read(json, beta);
    const key = hash('sha256', `${beta?.length} ${beta} ${json}`, 'base64');
    const before = remembered.get(key);
    if (before !== undefined) return before;
    const said = read(json, beta);
    if (remembered.size >= MOST) remembered.delete(remembered.keys().next().value ?? '');
    remembered.set(key, said);
    return said;
  };
}
