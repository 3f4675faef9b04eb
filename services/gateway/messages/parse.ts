// Bytes → RequestView. The body is read once, into one buffer, and looked at only on its top level.
import { GatewayError } from '#shared/errors.ts';
import { NO_OUTLINE, ScanError, type StringWatch, scanTopLevel } from '#shared/messages/scan-top-level.ts';
import { OWN_MARK } from '#shared/providers/thinking-state.ts';
import type { GatewayContext } from '../context.ts';
import { readBody } from '../read-body.ts';
import { type Call, ClientGone, type RequestView, whenClientGone } from './call.ts';

const MAX_DEPTH = 512;
/** Keys that decide where a request goes: two of them could be read differently here and there. */
const UNIQUE = new Set(['model', 'stream']);
const OWN_MARK_BYTES = Buffer.from(OWN_MARK);

/** @throws GatewayError 400, 413 or 415; ClientGone */
export async function parse(call: Call, context: GatewayContext): Promise<RequestView> {
  const left = new Promise<never>((_, reject) => {
    whenClientGone(call, () => reject(new ClientGone()));
  });
  const bytes = await Promise.race([
    readBody(call.request, {
      limitBytes: context.config.maxBodyBytes,
      budget: context.bodyBudget,
      onTaken: (release) => call.releases.push(release),
    }),
    left,
  ]);
  call.view = toView(bytes);
  return call.view;
}

/** @throws GatewayError 400 */
export function toView(bytes: Buffer): RequestView {
  const ownThinking = { prefix: OWN_MARK_BYTES, isSeen: false, outline: NO_OUTLINE };
  const spans = scan(bytes, ownThinking);
  const model = scalarAt(bytes, spans.get('model'));
  if (typeof model !== 'string' || model === '') {
    throw new GatewayError('invalid_request_error', 'model: a non-empty string is required');
  }
  return {
    bytes,
    spans,
    model,
    stream: scalarAt(bytes, spans.get('stream')) === true,
    mayHoldOwnThinking: ownThinking.isSeen,
    parsed: null,
  };
}

function scan(bytes: Buffer, watch: StringWatch): ReturnType<typeof scanTopLevel> {
  try {
    return scanTopLevel(bytes, MAX_DEPTH, UNIQUE, watch);
  } catch (error) {
    if (!(error instanceof ScanError)) throw error;
    throw new GatewayError('invalid_request_error', describe(error), { cause: error });
  }
}

function describe(error: ScanError): string {
  switch (error.reason) {
    case 'not_object':
      return 'the request body must be a JSON object';
    case 'too_deep':
    case 'too_long':
      return `the request body is ${error.message}`;
    case 'duplicate_key':
      return `${error.key}: ${error.message}; send it once`;
    case 'not_json':
      return `the request body is not valid JSON: ${error.message}`;
  }
}

function scalarAt(bytes: Buffer, span: { start: number; end: number } | undefined): unknown {
  if (!span) return undefined;
  // Only scalars are read: an object in their place is a wrong value, whatever it holds.
  const first = bytes[span.start];
  if (first === 0x7b || first === 0x5b) return undefined;
  try {
    return JSON.parse(bytes.toString('utf8', span.start, span.end));
  } catch {
    return undefined; // a string with a broken escape is no usable value
  }
}
