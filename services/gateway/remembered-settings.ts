// What a request says beside its conversation, as attributes of its span, by the JSON that it came as: clients say the same
// from call to call. The JSON may hold what is secret, so only a hash of it is kept, with a key that nobody else has.
import { hash, randomUUID } from 'node:crypto';
import { keepMade } from '#shared/made-once.ts';
import type { HiddenPart } from '#shared/telemetry/hide-content.ts';
import type { ModelRequest } from '#shared/telemetry/model-call.ts';
import { type RequestAttributes, requestAttributes } from '#shared/telemetry/request-attributes.ts';

export interface RememberedSettings {
  /** `beta`: the header of the request. @throws SyntaxError */
  read(json: string, beta: string | undefined): RequestAttributes;
  forget(): void;
}

/** What was met last longest ago is let go first. */
const MOST = 256;
const LONGEST = 2048;

export function createRememberedSettings(
  redact: (text: string) => string,
  hide: readonly HiddenPart[],
): RememberedSettings {
  const remembered = new Map<string, RequestAttributes>();
  const secret = randomUUID();
  const parse = (json: string, beta: string | undefined): RequestAttributes => {
    const headers = beta === undefined ? {} : { 'anthropic-beta': beta };
    const said = requestAttributes({ request: JSON.parse(json) as ModelRequest, headers, hide, redact });
    keepMade(said.settings);
    return said;
  };
  return {
    read: (json, beta) => {
      if (json.length > LONGEST) return parse(json, beta);
      const key = hash('sha256', `${secret} ${beta?.length} ${beta} ${json}`, 'base64');
      const said = remembered.get(key) ?? parse(json, beta);
      remembered.delete(key);
      if (remembered.size >= MOST) remembered.delete(remembered.keys().next().value ?? '');
      remembered.set(key, said);
      return said;
    },
    forget: () => remembered.clear(),
  };
}
