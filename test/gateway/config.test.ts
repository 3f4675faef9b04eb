import { expect } from 'chai';
import { toGatewayConfig } from '#services/gateway/config.ts';
import { testConfig } from '../support/gateway.ts';

describe('the settings of the gateway', () => {
  const leg = (settings: Record<string, unknown>): string =>
    toGatewayConfig(testConfig({ 'target.url': 'http://127.0.0.1:9', ...settings }), null).upstreamHttp1;

  it('choose who speaks HTTP/1.1 to upstreams', () => {
    expect(leg({})).to.equal('own');
    expect(leg({ 'upstream.http1': 'undici' })).to.equal('undici');
    expect(() => leg({ 'upstream.http1': 'curl' })).to.throw(/upstream\.http1/);
  });

  it('leave it to undici where undici is to be instrumented', () => {
    expect(leg({ 'tracing.instrumentations': ['http'] })).to.equal('own');
    expect(leg({ 'tracing.instrumentations': ['undici'] })).to.equal('undici');
  });
});
