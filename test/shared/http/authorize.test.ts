// Who is let in at a service's own API, with a token and without one.
import { expect } from 'chai';
import { GatewayError } from '#shared/errors.ts';
import { bearsAdminToken, requireAdmin } from '#shared/http/authorize.ts';

const HERE = { host: '127.0.0.1:3082' };

function refusal(...[headers, address, token]: Parameters<typeof requireAdmin>): GatewayError | null {
  try {
    requireAdmin(headers, address, token);
    return null;
  } catch (error) {
    if (error instanceof GatewayError) return error;
    throw error;
  }
}

describe('without an admin token', () => {
  for (const address of ['127.0.0.1', '127.3.2.1', '::1', '::ffff:127.0.0.1']) {
    it(`answers ${address} under a loopback name`, () => {
      for (const host of ['localhost', 'localhost:1', '127.0.0.1:3082', '[::1]:3082']) {
        expect(refusal({ host }, address, null)).to.equal(null);
        expect(refusal({ host, origin: `http://${host}` }, address, null)).to.equal(null);
      }
    });
  }

  for (const [field, headers, address] of [
    ['address', HERE, '192.0.2.7'],
    ['address', HERE, undefined],
    ['host', { host: 'evil.example' }, '127.0.0.1'],
    ['host', { host: '127.0.0.1.evil.example' }, '127.0.0.1'],
    ['host', {}, '127.0.0.1'],
    ['origin', { ...HERE, origin: 'https://evil.example' }, '127.0.0.1'],
    ['origin', { ...HERE, origin: 'null' }, '127.0.0.1'],
    ['origin', { ...HERE, origin: 'file://localhost' }, '127.0.0.1'],
    ['x-forwarded-for', { ...HERE, 'x-forwarded-for': '127.0.0.1' }, '127.0.0.1'],
    ['x-forwarded-proto', { ...HERE, 'x-forwarded-proto': 'https' }, '127.0.0.1'],
    ['forwarded', { ...HERE, forwarded: 'for=127.0.0.1' }, '127.0.0.1'],
    ['via', { ...HERE, via: '1.1 proxy' }, '127.0.0.1'],
  ] as const) {
    it(`refuses for its ${field}: ${JSON.stringify(headers)} from ${address}`, () => {
      const error = refusal(headers, address, null);
      expect(error).to.include({ status: 403, code: 'permission_error' });
      expect(error?.message).to.match(new RegExp(`^${field}: `));
    });
  }
});

describe('with an admin token', () => {
  const token = 'a-long-admin-token';
  it('answers its bearer from anywhere, also behind a proxy', () => {
    const headers = { host: 'console.example', via: '1.1 proxy', authorization: `bearer ${token}` };
    expect(refusal(headers, '192.0.2.7', token)).to.equal(null);
    expect(bearsAdminToken(headers, token)).to.equal(true);
    expect(bearsAdminToken(headers, null)).to.equal(false);
  });

  it('answers nobody else, on this machine neither', () => {
    for (const authorization of [undefined, '', token, `Basic ${token}`, `Bearer ${token}x`, 'Bearer a-long']) {
      const error = refusal({ ...HERE, ...(authorization === undefined ? {} : { authorization }) }, '127.0.0.1', token);
      expect(error).to.include({ status: 401, code: 'authentication_error' });
      expect(error?.headers).to.include({ 'www-authenticate': 'Bearer' });
    }
  });
});
