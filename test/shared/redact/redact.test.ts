// What must not be kept, planted in every place a prompt has, and the time it takes to find it.
import { expect } from 'chai';
import fc from 'fast-check';
import { ConfigError } from '#shared/errors.ts';
import { createRedactor } from '#shared/redact/redact.ts';
import { cpuMs } from '../../support/patience.ts';

const PEM = `-----BEGIN RSA PRIVATE KEY-----
MIIEpAIBAAKCAQEAx7dlN2r0/AbCdEf+gh12345
Zm9vYmFyYmF6==
-----END RSA PRIVATE KEY-----`;

/** Built at run time, so that no scanner takes this file for a leak. */
const SECRETS: Record<string, string> = {
  'an Anthropic key': `sk-ant-${'api03-'}AbC_dEf-0123456789xyz`,
  'an OpenAI key': `sk-${'proj-'}AbCdEf0123456789AbCdEf`,
  'an AWS key id': `AKIA${'IOSFODNN7EXAMPLE'}`,
  'a temporary AWS key id': `ASIA${'IOSFODNN7EXAMPLE'}`,
  'a GitHub token': `ghp_${'a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6q7R8'}`,
  'a GitHub fine-grained token': `github_pat_${'11ABCDEFG0_abcdefghijklmnop'}`,
  'a JSON web token': `eyJ${'hbGciOiJIUzI1NiJ9'}.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9P`,
  'a PEM block': PEM,
  'an e-mail address': 'jane.doe+test@mail.example.co.uk',
};
const TAG = /\[\[secret:[0-9a-f]{8}\]\]/g;

const { redactText, redactJson } = createRedactor({ hmacKey: 'test' });

describe('redactText', () => {
  for (const [name, secret] of Object.entries(SECRETS)) {
    it(`hides ${name} wherever it stands, and nothing beside it`, () => {
      for (const [before, after] of [
        ['', ''],
        ['say ', ' twice'],
        ['"', '"'],
        ['key=', '&x=1'],
        ['(', ')'],
        ['日本語 ', ' 😀'],
        ['first line\n', '\nlast line'],
      ]) {
        const clean = redactText(`${before}${secret}${after}`);
        expect(clean.replace(TAG, 'T')).to.equal(`${before}T${after}`);
      }
    });

    it(`hides ${name} inside JSON that is itself a string`, () => {
      const inner = JSON.stringify({ text: `before\n${secret}\nafter` });
      const clean = redactText(inner);
      expect(clean).to.not.contain(JSON.stringify(secret).slice(1, -1));
      expect(clean).to.match(TAG);
      expect(clean).to.contain('before').and.to.contain('after');
    });
  }

  it('hides the token of a bearer header and leaves the word', () => {
    expect(redactText('Authorization: Bearer abc123.def456~x==').replace(TAG, 'T')).to.equal('Authorization: Bearer T');
    expect(redactText("-H 'authorization: bearer 0123456789abcdef'").replace(TAG, 'T')).to.equal(
      "-H 'authorization: bearer T'",
    );
  });

  it('hides what is left of a PEM block that was cut off', () => {
    const cut = PEM.slice(0, PEM.indexOf('Zm9v') + 6);
    expect(redactText(`see ${cut}`).replace(TAG, 'T')).to.equal('see T');
    expect(redactText(`${cut} [end]`).replace(TAG, 'T')).to.equal('T[end]');
  });

  it('hides every block of a file with several', () => {
    expect(redactText(`${PEM}\n# two\n${PEM}\n`).replace(TAG, 'T')).to.equal('T\n# two\nT\n');
  });

  it('leaves ordinary text, code and near misses alone', () => {
    for (const text of [
      '',
      'the task-runner-of-the-whole-long-project-name and a risk-assessment-for-everyone-here',
      'use bearer authentication with the bearer token',
      'git@github.com:org/repo.git',
      'import x from "@scope/package"; @decorator class A {}',
      'npm i foo@1.2.3',
      'AKIA and ghp_ and eyJ and sk-ant- and -----BEGIN are prefixes',
      'user@localhost',
      'SELECT * FROM t WHERE a @> b',
    ]) {
      expect(redactText(text)).to.equal(text);
    }
  });

  it('gives equal secrets equal tags and different secrets different tags', () => {
    const [a, b] = [SECRETS['an Anthropic key'], SECRETS['a GitHub token']];
    const tags = redactText(`${a} ${b} ${a}`).match(TAG) ?? [];
    expect(tags).to.have.length(3);
    expect(tags[0]).to.equal(tags[2]);
    expect(tags[0]).to.not.equal(tags[1]);
  });

  it('makes tags that mean nothing without the key', () => {
    const secret = SECRETS['a GitHub token'] ?? '';
    expect(createRedactor({ hmacKey: 'test' }).redactText(secret)).to.equal(redactText(secret));
    expect(createRedactor({ hmacKey: 'other' }).redactText(secret)).to.not.equal(redactText(secret));
    expect(createRedactor().redactText(secret)).to.not.equal(createRedactor().redactText(secret));
  });

  it('hides what the operator asks for, also beside and inside other tags', () => {
    const own = createRedactor({ extraPatterns: ['CUST-\\d+', '[a-f0-9]{4,}', ''], hmacKey: 'test' });
    const once = own.redactText(`CUST-42 deadbeef ${SECRETS['a GitHub token']} rest`);
    expect(once.replace(TAG, 'T')).to.equal('T T T rest');
    expect(own.redactText(once)).to.equal(once);
  });

  it('refuses a pattern that is none, by name', () => {
    expect(() => createRedactor({ extraPatterns: ['('] })).to.throw(ConfigError, '"("');
  });

  const piece = fc.oneof(
    fc.constantFrom(...Object.values(SECRETS)),
    fc.constantFrom(
      ...['sk-', 'sk-ant-', 'eyJ', '.', '@', 'bearer ', '-----BEGIN ', '-----END ', 'A-----', '\\n', '_', '-'],
    ),
    fc.string({ maxLength: 12 }),
    fc.stringMatching(/^[A-Za-z0-9_.-]{0,24}$/),
    fc.constant('[[secret:0123abcd]]'),
  );
  const messy = fc.array(piece, { maxLength: 12 }).map((parts) => parts.join(''));

  it('finds in a short text what it finds in a long one', () => {
    const much = '\n'.repeat(2000);
    const any = fc.oneof(messy, fc.constantFrom('BeArEr 12345678', 'bEARER:abcdefg1', ...Object.values(SECRETS)));
    fc.assert(
      fc.property(any, (text) => {
        expect(redactText(much + text)).to.equal(much + redactText(text));
      }),
      { numRuns: 500 },
    );
  });

  it('changes nothing the second time', () => {
    fc.assert(
      fc.property(messy, (text) => {
        const once = redactText(text);
        expect(redactText(once)).to.equal(once);
      }),
      { numRuns: 2_000 },
    );
  });

  it('lets no planted secret through, whatever stands around it', () => {
    const anywhere = ['an Anthropic key', 'an AWS key id', 'a GitHub token', 'a PEM block', 'a JSON web token'];
    const planted = fc.constantFrom(...anywhere.map((name) => SECRETS[name] ?? ''));
    fc.assert(
      fc.property(messy, planted, messy, (before, secret, after) => {
        expect(redactText(`${before} ${secret} ${after}`)).to.not.contain(secret);
      }),
      { numRuns: 2_000 },
    );
  });

  it('takes time in proportion to the text, for any unit repeated', () => {
    const units = [
      ...Object.values(SECRETS).map((secret) => secret.slice(0, -1)),
      ...[
        'eyJ',
        'eyJ-',
        'eyJaaaaaaaaaa.',
        'sk-',
        'sk-ant-',
        'a',
        'a@',
        '@',
        '@a.',
        'a.',
        '.',
        '-',
        'bearer ',
        'bearer\t\t',
        ' ',
      ],
      ...[
        '-----BEGIN A-----',
        '-----BEGIN ',
        '-----END ',
        '-----BEGIN A-----\n-----END ',
        '%',
        '\\n',
        'gh',
        'ghp_',
        '_',
        'A',
      ],
    ];
    for (const unit of units) {
      const short = bestTime(unit.repeat(Math.ceil(60_000 / unit.length)));
      const long = bestTime(unit.repeat(Math.ceil(600_000 / unit.length)));
      // Ten times the text: about 10 times as long when linear, 100 times when quadratic.
      expect(long, JSON.stringify(unit)).to.be.lessThan(Math.max(short * 40, 60));
    }
  });
});

describe('redactJson', () => {
  it('hides secrets in values and keys at every depth and leaves the rest equal', () => {
    const secret = SECRETS['an Anthropic key'] ?? '';
    const value = { a: [secret, 1, null, true, { [secret]: { deep: `x ${secret}` } }], b: 'plain' };
    const clean = redactJson(value);
    const tag = redactText(secret);
    expect(clean).to.deep.equal({ a: [tag, 1, null, true, { [tag]: { deep: `x ${tag}` } }], b: 'plain' });
    expect(JSON.stringify(value)).to.contain(secret);
  });

  it('keeps any JSON without secrets as it is', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        expect(redactJson(value)).to.deep.equal(value);
      }),
    );
  });

  it('keeps a key called __proto__ a key', () => {
    const clean = redactJson(JSON.parse('{"__proto__": {"polluted": true}}'));
    expect(JSON.stringify(clean)).to.equal('{"__proto__":{"polluted":true}}');
    expect(({} as Record<string, unknown>).polluted).to.equal(undefined);
  });

  it('cuts what is nested too deep to be written as JSON', () => {
    const deep: unknown = JSON.parse('['.repeat(100_000) + ']'.repeat(100_000));
    expect(JSON.stringify(redactJson(deep))).to.contain('nested too deep');
  });
});

function bestTime(text: string): number {
  return Math.min(...[1, 2].map(() => cpuMs(() => redactText(text))));
}
