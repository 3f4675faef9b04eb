import { expect } from 'chai';
import fc from 'fast-check';
import { toUpstreamUrl } from '#shared/upstream/upstream-url.ts';
import { testTarget } from '../../support/target.ts';

describe('toUpstreamUrl', () => {
  const urlOf = (baseUrl: string) => toUpstreamUrl(testTarget({ baseUrl }), '/v1/messages?beta=true');

  it('puts the path behind the base, which may end in the version', () => {
    for (const [baseUrl, path] of [
      ['https://models.example.com', '/v1/messages?beta=true'],
      ['https://models.example.com/v1', '/v1/messages?beta=true'],
      ['https://models.example.com/team/v1', '/team/v1/messages?beta=true'],
      ['https://models.example.com/v1/team', '/v1/team/v1/messages?beta=true'],
    ] as const) {
      expect(urlOf(baseUrl)).to.deep.equal({ origin: 'https://models.example.com', path });
    }
  });

  it('names the origin that a parser of URLs finds in it', () => {
    fc.assert(
      fc.property(fc.webUrl(), (url) => {
        const { href, origin } = new URL(url);
        expect(urlOf(href.replace(/\/+$/, '')).origin).to.equal(origin);
      }),
    );
  });
});
