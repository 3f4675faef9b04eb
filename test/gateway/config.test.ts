import { expect } from 'chai';
import { toGatewayConfig } from '#services/gateway/config.ts';
import { testConfig } from '../support/gateway.ts';

describe('the settings of the gateway', () => {
  const leg = (settings: Record<string, unknown>): string =>
    toGatewayConfig(testConfig({ 'target.url': 'http://127.0.0.1:9', ...settings }), null).upstreamHttp1;

  it('choose who reads the chunks of answers', () => {
    expect(leg({})).to.equal('own');
    expect(leg({ 'upstream.http1': 'undici' })).to.equal('undici');
    expect(() => leg({ 'upstream.http1': 'curl' })).to.throw(/upstream\.http1/);
  });
});
