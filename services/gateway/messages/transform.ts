// Plan and request → UpstreamRequest. On a native route nothing changes but the model's name, hop-by-hop headers and the
// credential.
import { spliceModel } from '#shared/messages/splice-model.ts';
import type { UpstreamRequest } from '#shared/upstream/call-upstream.ts';
import { forwardHeaders, toUpstreamUrl } from '../forward-headers.ts';
import type { Call, Plan, RequestView } from './call.ts';

export function transform(plan: Plan, request: RequestView, call: Call): UpstreamRequest {
  const span = request.spans.get('model');
  const isRenamed = plan.model !== null && plan.model !== request.model && span !== undefined;
  const headers = forwardHeaders(call.request.rawHeaders, plan.primary);
  return {
    ...toUpstreamUrl(plan.primary, call.request.url ?? '/'),
    method: 'POST',
    headers: request.stream ? askForIdentity(headers) : headers,
    body: isRenamed ? spliceModel(request.bytes, span, plan.model) : request.bytes,
  };
}

/** A compressed stream would come in lumps, and where its last event ends could not be seen. */
function askForIdentity(headers: string[]): string[] {
  const kept: string[] = [];
  for (let index = 0; index < headers.length; index += 2) {
    const name = headers[index] ?? '';
    if (name.toLowerCase() !== 'accept-encoding') kept.push(name, headers[index + 1] ?? '');
  }
  kept.push('accept-encoding', 'identity');
  return kept;
}
