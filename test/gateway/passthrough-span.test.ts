import { expect } from 'chai';
import { type ForwardedRequest, toPassthroughSpan } from '#services/gateway/passthrough-span.ts';
import { createRedactor } from '#shared/redact/redact.ts';

const { redactText } = createRedactor();

function shownPath(path: string): string {
  const request = { path, method: 'GET', status: 200, outcome: 'ok', links: [] } as unknown as ForwardedRequest;
  return String(toPassthroughSpan(request, redactText).attributes['url.path']);
}

describe('the path on the span of a forwarded request', () => {
  it('is the one that was asked for', () => {
    for (const path of ['/v1/files', '/v1/files/a%20b', '/v1/files/%E0%A4%A', '/']) {
      expect(shownPath(path)).to.equal(path);
    }
  });

  it('has no credential and no address in it, escaped or not', () => {
    for (const path of ['sk-ant-api03-abcdefgh/content', 'joe@example.com/x', 'joe%40example.com/%E4%BD%A0']) {
      expect(shownPath(`/v1/files/${path}`)).to.match(/^\/v1\/files\/\[\[secret:[0-9a-f]{8}\]\]\//);
    }
  });

  it('is short', () => {
    expect(shownPath(`/${'x'.repeat(5000)}`)).to.have.length(256);
    expect(shownPath(`/${'%41'.repeat(5000)}`)).to.have.length(256);
  });
});
