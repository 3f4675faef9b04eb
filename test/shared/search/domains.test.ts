import { expect } from 'chai';
import fc from 'fast-check';
import { hostsOf, isAllowed, wholeHostsOf, withSites } from '#shared/search/domains.ts';

describe('domains of a search', () => {
  it('hold what is below them, and nothing that only looks like it', () => {
    for (const url of ['https://example.com/', 'http://docs.example.com/a', 'https://www.example.com']) {
      expect(isAllowed(url, ['example.com'], []), url).to.equal(true);
      expect(isAllowed(url, [], ['example.com']), url).to.equal(false);
    }
    for (const url of ['https://notexample.com/', 'https://example.com.evil.test/', 'https://evil.test/example.com']) {
      expect(isAllowed(url, ['example.com'], []), url).to.equal(false);
      expect(isAllowed(url, [], ['example.com']), url).to.equal(true);
    }
  });

  it('may name a part of a site, with anything in between', () => {
    expect(isAllowed('https://example.com/blog/1', ['example.com/blog'], [])).to.equal(true);
    expect(isAllowed('https://example.com/blogs', ['example.com/blog'], [])).to.equal(false);
    expect(isAllowed('https://example.com/a/b/docs', ['https://www.Example.com/*/docs'], [])).to.equal(true);
    expect(isAllowed('https://example.com/docs', ['example.com/*/docs'], [])).to.equal(false);
    expect(isAllowed('https://example.com/a.b', ['example.com/a+b'], [])).to.equal(false);
  });

  it('cost no more to look at, however many stars a client puts into one', () => {
    // A pattern would try every place of every star, and not end within a lifetime.
    const url = `https://example.com/${'a'.repeat(2000)}`;
    expect(isAllowed(url, [`example.com/${'*a'.repeat(100)}*b`], [])).to.equal(false);
    expect(isAllowed(url, [`example.com/${'*a'.repeat(100)}*`], [])).to.equal(true);
  });

  it('match as a pattern of the same meaning would', () => {
    const short = fc.string({ unit: fc.constantFrom('a', 'b', '/', '*'), maxLength: 7 });
    fc.assert(
      fc.property(short, short, (path, asked) => {
        const page = `https://example.com/${path.replaceAll('*', 'a')}`;
        const told = asked.replace(/\/+$/, '');
        const pattern = new RegExp(`^/${told.split(/\*+/).join('[^]*')}(?:$|/)`);
        const expected = told === '' || pattern.test(new URL(page).pathname);
        expect(isAllowed(page, [`example.com/${told}`], [])).to.equal(expected);
      }),
    );
  });

  it('that are blocked win, and what is no address of a page is never allowed', () => {
    expect(isAllowed('https://a.example.com/', ['example.com'], ['a.example.com'])).to.equal(false);
    for (const url of ['', 'example.com', 'javascript:alert(1)', 'file:///etc/passwd', 'data:text/html,x'])
      expect(isAllowed(url, [], []), url).to.equal(false);
  });

  it('are hosts for engines that know no paths, and a part of a site blocks no whole site', () => {
    expect(hostsOf(['a.example/x', 'https://a.example/y', 'B.example', ''])).to.deep.equal(['a.example', 'b.example']);
    expect(wholeHostsOf(['a.example/x', 'b.example/'])).to.deep.equal(['b.example']);
  });

  it('become operators of the query while there is room for them', () => {
    expect(withSites('node', ['a.example'], ['c.example'], 100)).to.equal('node site:a.example -site:c.example');
    expect(withSites('node', ['a.example', 'b.example'], [], 100)).to.equal('node (site:a.example OR site:b.example)');
    expect(withSites('node', ['a.example'], [], 10)).to.equal('node');
  });

  it('never throw, whatever a client sends', () => {
    fc.assert(
      fc.property(fc.webUrl(), fc.array(fc.string()), fc.array(fc.string()), (url, allowed, blocked) => {
        isAllowed(url, allowed, blocked);
        expect(isAllowed(url, [new URL(url).hostname], [])).to.equal(true);
      }),
    );
  });
});
