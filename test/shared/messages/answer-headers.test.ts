import { expect } from 'chai';
import { requestIdIn } from '#shared/messages/answer-headers.ts';

describe('the id of a request in the headers of its answer', () => {
  for (const name of ['request-id', 'x-request-id', 'apim-request-id', 'Request-Id', 'APIM-Request-ID']) {
    it(`is found under ${name}`, () => {
      expect(requestIdIn(['date', 'today', name, 'r-1'])).to.equal('r-1');
    });
  }

  it('is the one nearest to the model, where servers on the way add theirs', () => {
    expect(requestIdIn(['apim-request-id', 'r-3', 'x-request-id', 'r-2', 'request-id', 'r-1'])).to.equal('r-1');
  });

  it('is null where there is none', () => {
    expect(requestIdIn(['x-ms-request-id', 'r-1'])).to.equal(null);
  });
});
