// What the span of a call that failed says of its error.
import { expect } from 'chai';
import { pairSpans } from '#services/comparator/comparison/pair-spans.ts';
import type { ArmSummary } from '#shared/store/store.ts';
import type { SpanRecord } from '#shared/telemetry/tracing.ts';
import { makeEntry } from '../../support/comparator.ts';
import { armSummary, pairRow } from '../../support/store-rows.ts';

function failed(arm: Partial<ArmSummary>, content: boolean): SpanRecord | undefined {
  const entry = makeEntry({ shadow: ['target'] });
  const row = pairRow({ exchange_id: entry.id, secondary: armSummary({ outcome: 'http_error', ...arm }) });
  const spans = { bus: 'memory' as const, messageId: '1', llm: {}, secondary: null, bodyBytes: null };
  return pairSpans({ ...spans, entry, row, content }).find(({ name }) => name === 'compare_request');
}

describe('the span of a comparison that failed', () => {
  const arm = { http_status: 400, error: 'invalid_request_error: bad prompt: [{"role":"user"}]' };

  it('has what the upstream said only where spans carry text', () => {
    expect(failed(arm, true)).to.include({ status: 'error', statusMessage: arm.error });
    expect(failed(arm, false)).to.include({ status: 'error', statusMessage: 'http_error' });
  });

  it('has an error type of the closed list, by its status where nothing known was said', () => {
    const typeOf = (error: string | null, http_status = 418): unknown =>
      failed({ error, http_status }, false)?.attributes['error.type'];
    expect(typeOf(arm.error)).to.equal('invalid_request_error');
    expect(typeOf('connection_error: reset', 0)).to.equal('connection_error');
    expect(typeOf('invalid_response: no message', 200)).to.equal('api_error');
    expect(typeOf('words of a prompt: and more')).to.equal('invalid_request_error');
    expect(typeOf('words of a prompt', 200)).to.equal('api_error');
    expect(typeOf('constructor: x', 200)).to.equal('api_error');
    expect(typeOf(null, 0)).to.equal('connection_error');
  });
});
